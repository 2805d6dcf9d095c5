//! The cio.
