//! The researcher.
