//! The end of a pod: regular containers, then sidecars in reverse, then the sandbox and volumes, then the object.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use navarch_runtime::cri::{ContainerRecord, ContainerState};

use super::plan::Draft;
use super::{Action, EventKind, InService, Refusal, status};
use crate::spec;

/// How long containers are not told to stop, at most, because some node still sends the pod traffic: one may be cut off, and not yet be
/// known to be. No longer than half of the grace period, for the containers need theirs.
const OUT_OF_SERVICE: Duration = Duration::from_secs(5);
/// What every process gets before it is killed, as the kubelet's minimum.
const LEAST_GRACE: Duration = Duration::from_secs(2);
/// What an evicted pod gets.
const EVICTION_GRACE: Duration = Duration::from_secs(1);

pub(super) fn terminate(draft: &mut Draft<'_>, refusal: Option<&Refusal>) {
    tell_deadline(draft, refusal);
    let view = draft.view;
    let running: Vec<_> = view
        .actual
        .containers
        .iter()
        .filter(|c| c.state == ContainerState::Running)
        .cloned()
        .collect();
    if running.is_empty() {
        return clean_up(draft);
    }
    let grace = match refusal {
        Some(refusal) if refusal.evicted => EVICTION_GRACE,
        _ => spec::grace(view.pod),
    };
    let since = view.history.terminating_since.unwrap_or(view.now);
    if let Some(in_service) = &view.actual.in_service
        && !grace.is_zero()
        && view.pod.metadata.deletion_timestamp.is_some()
    {
        let hold = OUT_OF_SERVICE.min(grace / 2);
        let hold = since.checked_add(hold).unwrap_or(since);
        if hold > view.now {
            return draft.wake(hold);
        }
        tell_of(draft, in_service);
    }
    let until = since.checked_add(grace).unwrap_or(view.now);
    for record in next_to_stop(draft, &running) {
        stop(draft, &record, until);
    }
}

/// Whom nobody waits for any more, once.
fn tell_of(draft: &mut Draft<'_>, in_service: &InService) {
    if draft.view.history.stopping.is_empty() {
        let message = match in_service {
            InService::Slice => "Stopping, although an endpoint slice still names it".to_owned(),
            InService::Rules(node) => {
                format!("Stopping, although node {node} may still send it traffic")
            }
        };
        draft.event("", EventKind::Warning, "StillInService", message);
    }
}

fn tell_deadline(draft: &mut Draft<'_>, refusal: Option<&Refusal>) {
    let Some(refusal) = refusal.filter(|r| r.reason == "DeadlineExceeded") else {
        return;
    };
    if spec::status(draft.view.pod).reason.as_deref() != Some("DeadlineExceeded") {
        draft.event(
            "",
            EventKind::Normal,
            "DeadlineExceeded",
            refusal.message.clone(),
        );
    }
}

/// All but the sidecars at once; then the sidecars, the last one first.
fn next_to_stop(draft: &Draft<'_>, running: &[Arc<ContainerRecord>]) -> Vec<Arc<ContainerRecord>> {
    let pod = draft.view.pod;
    let others: Vec<_> = running
        .iter()
        .filter(|c| !spec::is_sidecar(pod, &c.config.name))
        .cloned()
        .collect();
    if !others.is_empty() {
        return others;
    }
    let order = |name: &str| {
        spec::init_containers(pod)
            .iter()
            .position(|c| c.name == name)
    };
    running
        .iter()
        .max_by_key(|c| order(&c.config.name))
        .cloned()
        .into_iter()
        .collect()
}

fn stop(draft: &mut Draft<'_>, record: &ContainerRecord, until: Timestamp) {
    let now = draft.view.now;
    let left = Duration::try_from(until.duration_since(now))
        .unwrap_or_default()
        .max(LEAST_GRACE);
    let deadline = draft.view.after(left);
    if let Some(planned) = draft.view.history.stopping.get(&record.id)
        && *planned <= deadline
    {
        return;
    }
    let container = record.config.name.clone();
    let message = format!("Stopping container {container}");
    draft.actions.push(Action::Stop {
        id: record.id.clone(),
        container,
        message,
        grace: left,
        until: deadline,
        replace: false,
    });
}

fn clean_up(draft: &mut Draft<'_>) {
    let history = draft.view.history;
    if history.setting_up || history.starting.is_some() || history.tearing_down {
        return;
    }
    if !history.torn_down {
        // Plugins of others may be what takes the network away: they are not run all the time.
        if let Some(failure) = &history.tear_down_failure
            && failure.retry_at > draft.view.now
        {
            return draft.wake(failure.retry_at);
        }
        return draft.actions.push(Action::TearDown);
    }
    let deleted = draft.view.pod.metadata.deletion_timestamp.is_some();
    if deleted && !history.removed && status::all_ended(&draft.view) {
        draft.actions.push(Action::Delete);
    }
}
