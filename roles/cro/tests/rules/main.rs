//! The CRO's rules, as a desk would see them.

mod desk;
mod ess;
mod limits;
mod policy;
mod properties;
mod stories;
