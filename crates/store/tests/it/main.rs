//! The store seen from outside.
#![allow(clippy::unwrap_used, missing_docs)]

mod embedded;
mod every;
