//! The plan: actions, the status to tell, the probes to run, and when to look again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};

use super::view::{View, exit_code};
use super::{Action, EventKind, History, NodeFacts, PodActual, ProbeWanted};
use super::{ephemeral, init, status, terminate};
use crate::spec;

/// What is to be done for a pod.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// In order.
    pub actions: Vec<Action>,
    /// What the API is to be told; see [`Action::needs_status_told`].
    pub status: PodStatus,
    /// The probes that are to run; all others end.
    pub probes: Vec<ProbeWanted>,
    /// When time alone changes the plan.
    pub wake_at: Option<Timestamp>,
    /// Whether the pod is ending: what is being started is given up.
    pub terminating: bool,
}

/// Says what is to be done for `pod` at `now`. As the kubelet's `syncPod`, `syncTerminatingPod` and `syncTerminatedPod` decide.
pub fn plan(
    now: Timestamp,
    pod: &Pod,
    actual: &PodActual,
    history: &History,
    node: &NodeFacts,
) -> Plan {
    let mut draft = Draft::new(View {
        now,
        pod,
        actual,
        history,
        node,
    });
    let refusal = draft.view.refusal();
    draft.terminating = draft.view.must_end(refusal.as_ref());
    if draft.terminating {
        terminate::terminate(&mut draft, refusal.as_ref());
    } else {
        draft.run();
    }
    draft.want_probes();
    let status = status::status(
        &draft.view,
        &draft.waiting,
        refusal.as_ref(),
        draft.terminating,
    );
    Plan {
        actions: draft.actions,
        status,
        probes: draft.probes,
        wake_at: draft.wake_at,
        terminating: draft.terminating,
    }
}

/// A plan in the making.
pub(super) struct Draft<'a> {
    pub(super) view: View<'a>,
    pub(super) actions: Vec<Action>,
    /// Why containers wait: reason and message, by name.
    pub(super) waiting: BTreeMap<String, (String, String)>,
    pub(super) probes: Vec<ProbeWanted>,
    wake_at: Option<Timestamp>,
    pub(super) terminating: bool,
    pub(super) start_planned: bool,
}

impl<'a> Draft<'a> {
    fn new(view: View<'a>) -> Self {
        Self {
            view,
            actions: Vec::new(),
            waiting: BTreeMap::new(),
            probes: Vec::new(),
            wake_at: None,
            terminating: false,
            start_planned: false,
        }
    }

    pub(super) fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }

    pub(super) fn event(
        &mut self,
        container: &str,
        kind: EventKind,
        reason: &'static str,
        message: String,
    ) {
        self.actions.push(Action::Event {
            container: container.to_owned(),
            kind,
            reason,
            message,
        });
    }

    fn run(&mut self) {
        if let Some(deadline) = self.view.deadline() {
            self.wake(deadline);
        }
        let Some(sandbox) = self.sandbox() else {
            return;
        };
        ephemeral::start(self, &sandbox);
        let initialized = init::initialize(self, &sandbox);
        if initialized {
            for container in spec::containers(self.view.pod) {
                self.keep(container, &sandbox);
            }
        }
        self.resize(&sandbox);
        self.collect_old();
    }

    /// Removes all but the newest two containers of each name: the one before tells the last state and its log.
    fn collect_old(&mut self) {
        for container in spec::all_containers(self.view.pod) {
            let mut records: Vec<_> = self.view.actual.named(&container.name).collect();
            records.sort_by_key(|r| std::cmp::Reverse((r.config.attempt, r.created_at)));
            for old in records
                .into_iter()
                .skip(2)
                .filter(|r| exit_code(r).is_some())
            {
                self.actions.push(Action::Remove { id: old.id.clone() });
            }
        }
    }
}
