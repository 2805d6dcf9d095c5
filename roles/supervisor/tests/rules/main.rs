//! The supervisor's rules, as a desk would see them.

mod desk;
mod freezes;
mod policy;
mod properties;
mod silence;
mod streak;
mod vetoes;
