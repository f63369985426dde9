//! What the planner is told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use navarch_runtime::cri::{ContainerRecord, SandboxRecord, SandboxState};

use super::CrashBackoff;

/// What could not be made, or taken away, is tried again after 1 s, 2 s and so on, up to 16 s.
const MOST_DOUBLINGS: u32 = 4;

/// The annotation of a container that holds the image's name, for `image` in its status.
pub(crate) const IMAGE_NAME: &str = "navarch.dev/image";
/// The annotation of a container that holds the image as its spec named it: another one there means another container.
pub(crate) const IMAGE_ASKED: &str = "navarch.dev/image-asked";
/// The annotation of a container that holds the image's digest, for `imageID` in its status.
pub(crate) const IMAGE_REF: &str = "navarch.dev/image-ref";
/// The annotation of a container that is stopped for another to take its place, whatever its policy.
pub(crate) const REPLACED: &str = "navarch.dev/replaced";
/// The annotation of a container or sandbox that holds the resources it was given, in JSON.
pub(crate) const RESOURCES: &str = "navarch.dev/resources";

/// What the runtime has of a pod.
#[derive(Debug, Clone, Default)]
pub struct PodActual {
    /// Its sandboxes, of which the one of the highest attempt counts.
    pub sandboxes: Vec<Arc<SandboxRecord>>,
    /// Its containers, in all of its sandboxes.
    pub containers: Vec<Arc<ContainerRecord>>,
    /// While something still sends it traffic: what that is.
    pub in_service: Option<InService>,
}

impl PodActual {
    /// The sandbox that counts.
    pub(crate) fn sandbox(&self) -> Option<&Arc<SandboxRecord>> {
        self.sandboxes
            .iter()
            .max_by_key(|s| (s.config.attempt, s.created_at))
    }

    /// The sandbox that counts, if containers can run in it.
    pub(crate) fn ready_sandbox(&self) -> Option<&Arc<SandboxRecord>> {
        self.sandbox().filter(|s| s.state == SandboxState::Ready)
    }

    /// The newest container of a name, wherever it ran.
    pub(crate) fn latest(&self, name: &str) -> Option<&Arc<ContainerRecord>> {
        self.containers
            .iter()
            .filter(|c| c.config.name == name)
            .max_by_key(|c| (c.config.attempt, c.created_at))
    }

    /// The newest container of a name in a sandbox.
    pub(crate) fn latest_in(&self, sandbox: &str, name: &str) -> Option<&Arc<ContainerRecord>> {
        self.containers
            .iter()
            .filter(|c| c.config.name == name && c.sandbox_id == sandbox)
            .max_by_key(|c| (c.config.attempt, c.created_at))
    }

    /// The container of a name before the newest.
    pub(crate) fn previous(&self, name: &str) -> Option<&Arc<ContainerRecord>> {
        let latest = self.latest(name)?;
        self.containers
            .iter()
            .filter(|c| c.config.name == name && c.id != latest.id)
            .max_by_key(|c| (c.config.attempt, c.created_at))
    }

    /// The containers of a name.
    pub(crate) fn named<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = &'a Arc<ContainerRecord>> {
        self.containers
            .iter()
            .filter(move |c| c.config.name == name)
    }
}

/// Which probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProbeKind {
    /// Until it succeeds the others wait.
    Startup,
    /// A failure restarts the container.
    Liveness,
    /// A failure takes the pod out of service.
    Readiness,
}

/// A probe of a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeKey {
    /// The container's id.
    pub container_id: String,
    /// Which of its probes.
    pub kind: ProbeKind,
}

/// A probe that is to run now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeWanted {
    /// Of which container.
    pub key: ProbeKey,
    /// The container's name.
    pub container: String,
}

/// A pod that this node will not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// As `OutOfcpu`, `Evicted`.
    pub reason: String,
    /// For people.
    pub message: String,
    /// Whether it ran and is evicted, which `DisruptionTarget` tells.
    pub evicted: bool,
}

/// A container that could not be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartFailure {
    /// As `ErrImagePull`.
    pub reason: String,
    /// For people.
    pub message: String,
    /// When.
    pub at: Timestamp,
    /// When to try again.
    pub retry_at: Timestamp,
}

/// A sandbox, volume or network that could not be made, or not be taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetUpFailure {
    /// How often in a row.
    pub failures: u32,
    /// When to try again.
    pub retry_at: Timestamp,
}

impl SetUpFailure {
    /// One more, now: each is tried again after twice as long as the one before.
    pub(crate) fn again(earlier: Option<&Self>, now: Timestamp) -> Self {
        let failures = earlier
            .map_or(0, |failure| failure.failures)
            .saturating_add(1);
        let wait = SignedDuration::from_secs(1 << failures.saturating_sub(1).min(MOST_DOUBLINGS));
        let retry_at = now.checked_add(wait).unwrap_or(now);
        Self { failures, retry_at }
    }
}

/// Other resources, for which the node has no room yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingResize {
    /// Why not, for people.
    pub message: String,
    /// The pod's generation that asks for them.
    pub generation: i64,
}

/// Other resources, which the node has given and which what runs is to get.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resizing {
    /// The pod's generation that asked for them.
    pub generation: i64,
    /// Why it did not get them, for people; empty where nothing went wrong.
    pub error: String,
    /// When to try again.
    pub retry_at: Option<Timestamp>,
}

/// What happened to a pod that neither the API nor the runtime tells.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// It will not run, or not any more.
    pub refusal: Option<Refusal>,
    /// When it was first looked at.
    pub seen_at: Option<Timestamp>,
    /// Its volumes, sandbox and network are being made.
    pub setting_up: bool,
    /// They could not be made.
    pub set_up_failure: Option<SetUpFailure>,
    /// The sandbox that has its network, and its addresses (none with the node's network).
    pub attached: Option<(String, Vec<IpAddr>)>,
    /// The container that is being started; its id when it has one.
    pub starting: Option<(String, Option<String>)>,
    /// Containers that are being stopped, and when they are killed.
    pub stopping: BTreeMap<String, Timestamp>,
    /// By container name.
    pub failures: BTreeMap<String, StartFailure>,
    /// By container name.
    pub backoffs: BTreeMap<String, CrashBackoff>,
    /// What the probes last found.
    pub probes: BTreeMap<ProbeKey, bool>,
    /// The messages that containers left, by id.
    pub messages: BTreeMap<String, String>,
    /// Other resources that it waits for.
    pub pending_resize: Option<PendingResize>,
    /// Other resources that it is getting.
    pub resizing: Option<Resizing>,
    /// The limits of what runs are being changed.
    pub changing: bool,
    /// When its termination began.
    pub terminating_since: Option<Timestamp>,
    /// Sandboxes and volumes are being taken down.
    pub tearing_down: bool,
    /// They could not be taken away.
    pub tear_down_failure: Option<SetUpFailure>,
    /// Nothing of it is left but records and logs.
    pub torn_down: bool,
    /// Nothing of it is left at all.
    pub removed: bool,
    /// Containers whose end was told of.
    pub told: BTreeSet<String>,
}

/// What a plan must know of the node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// Its addresses, the first one counts.
    pub addresses: Vec<IpAddr>,
}

/// A runtime's time: nanoseconds since the epoch.
pub(crate) fn time_of(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or_default()
}

/// Why a pod is sent traffic that is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InService {
    /// An endpoint slice still names it.
    Slice,
    /// The rules of this node, or of another that is no further.
    Rules(String),
}
