//! The end-to-end tests of the mesh live in `mesh/`; this library is empty so that the package has a target.
