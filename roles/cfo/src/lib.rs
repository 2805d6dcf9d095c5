//! The cfo.
