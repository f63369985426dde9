//! What is to be done for a pod, and what its status is: a pure function of what is wanted, what runs, and what happened.

mod backoff;
mod conditions;
mod container_status;
mod init;
mod phase;
mod plan;
mod state;
mod status;
mod terminate;

#[cfg(test)]
mod tests;

pub use backoff::CrashBackoff;
pub use plan::{Action, EventKind, Plan, plan};
pub use state::{
    History, NodeFacts, PodActual, ProbeKey, ProbeKind, ProbeWanted, Refusal, SetUpFailure,
    StartFailure,
};

pub(crate) use state::{IMAGE_ASKED, IMAGE_NAME, IMAGE_REF, time_of};
