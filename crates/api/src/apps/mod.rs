//! The group `apps`.

mod deployment;
mod replica_set;
