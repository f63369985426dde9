//! The group `apps`.

mod controller_revision;
mod daemon_set;
mod deployment;
mod replica_set;
mod rolling;
mod stateful_set;

pub(crate) use daemon_set::TEMPLATE_GENERATION;
