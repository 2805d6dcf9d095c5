//! What the court does, paragraph by paragraph of its rules; the laws over random stories are in `properties`.

mod audits;
mod books;
mod causes;
mod conflicts;
mod due;
mod freezes;
mod loosening;
mod operators;
mod properties;
mod purity;
mod reviews;
mod telling;
mod tightening;
mod timed_modes;
mod validity;
