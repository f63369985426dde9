//! What can be done for a pod.

use std::time::Duration;

use jiff::Timestamp;

use super::CrashBackoff;

/// Whether an event is an ordinary one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// `Normal`.
    Normal,
    /// `Warning`.
    Warning,
}

/// Something to do. Each may be planned again when its outcome did not show, and then does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make volumes, sandbox and network. With `sandbox`, that one is used; else one of this attempt is made.
    SetUp {
        /// Counts the sandboxes of the pod.
        attempt: u32,
        /// A sandbox that has no network yet.
        sandbox: Option<String>,
    },
    /// Pull, create and start a container, and run its postStart hook.
    Start {
        /// Its name.
        container: String,
        /// Where.
        sandbox: String,
        /// Counts the containers of this name.
        attempt: u32,
        /// What holds from now on, if this is a restart.
        backoff: Option<CrashBackoff>,
    },
    /// Run the preStop hook and stop a container.
    Stop {
        /// Its id.
        id: String,
        /// Its name.
        container: String,
        /// What the event says.
        message: String,
        /// For hook and process together.
        grace: Duration,
        /// When it is killed, as the plan reckons: what is remembered of the stop, so that the next plan finds it to be this one.
        until: Timestamp,
        /// Whether another is to take its place at once, whatever its policy.
        replace: bool,
    },
    /// Change the limits of what runs to those of the pod's spec.
    Resize {
        /// Where.
        sandbox: String,
        /// The names of the containers to change; the pod's own limits follow in any case.
        containers: Vec<String>,
        /// The generation that asked for them.
        generation: i64,
    },
    /// What runs has the resources that its pod was given.
    Resized {
        /// The generation that asked for them.
        generation: i64,
    },
    /// Remove a container that does not run.
    Remove {
        /// Its id.
        id: String,
    },
    /// Stop the sandboxes, take network and volumes away. Records and logs stay.
    TearDown,
    /// Remove records, logs and directories, and the object from the API if it is being deleted.
    Delete,
    /// Tell people.
    Event {
        /// The container it is about; empty for the pod.
        container: String,
        /// Ordinary or not.
        kind: EventKind,
        /// As `BackOff`.
        reason: &'static str,
        /// For people.
        message: String,
    },
}

impl Action {
    /// Whether it gets the pod on its way: another look at it follows soon.
    pub fn starts(&self) -> bool {
        matches!(self, Self::SetUp { .. } | Self::Start { .. })
    }

    /// Whether it waits until the API was told the status that it was planned with: the object goes only after its last status, and
    /// an event that tells of a new status is told once with it.
    pub fn needs_status_told(&self) -> bool {
        matches!(
            self,
            Self::Delete | Self::Event { .. } | Self::Resized { .. }
        )
    }
}
