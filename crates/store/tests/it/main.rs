//! The store seen from outside.
#![allow(clippy::unwrap_used, missing_docs)]

mod crash;
mod damage;
mod embedded;
mod every;
mod full;
