//! The ceo.
