//! Where a pod goes: the cluster index, the pure placement, and the loop that binds.
//!
//! [`index::ClusterIndex`] is changed in place by each event; [`placement::place`] reads it and decides, and where it cannot,
//! [`refusal`] says why; [`scheduler::run`] is the
//! only part that waits or calls.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod index;
pub mod pending;
pub mod placement;
pub mod ports;
pub mod refusal;
pub mod request;
pub mod scheduler;
mod tolerations;

pub use scheduler::{Scheduler, run};

#[cfg(test)]
mod tests;
