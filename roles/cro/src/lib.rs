//! The cro.
