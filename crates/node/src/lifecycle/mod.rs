//! What is to be done for a pod, and what its status is: a pure function of what is wanted, what runs, and what happened.

mod action;
mod backoff;
mod conditions;
mod container_status;
mod ephemeral;
mod init;
mod keep;
mod phase;
mod plan;
mod probes;
mod replace;
mod resize;
mod sandbox;
mod start;
mod state;
mod status;
mod terminate;
mod view;

#[cfg(test)]
mod tests;

pub use action::{Action, EventKind};
pub use backoff::CrashBackoff;
pub use plan::{Plan, plan};
pub use state::{
    History, InService, NodeFacts, PendingResize, PodActual, ProbeKey, ProbeKind, ProbeWanted,
    Refusal, Resizing, SetUpFailure, StartFailure,
};

pub(crate) use resize::told as resize_told;
pub(crate) use state::{IMAGE_ASKED, IMAGE_NAME, IMAGE_REF, REPLACED, RESOURCES, time_of};
pub(crate) use view::exit_code;
