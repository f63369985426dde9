//! What the status of a pod of a check says. Pure.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerState, Pod};

use super::findings::Findings;

pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter();
    let conditions = conditions.flat_map(|it| it.conditions.iter().flatten());
    let mut conditions = conditions.filter(|it| it.status == "True");
    conditions.any(|it| it.type_ == "Ready")
}

pub(crate) fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|it| it.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Whether its node's agent has seen it.
pub(crate) fn is_taken_up(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    status.is_some_and(|status| status.start_time.is_some())
}

/// What an asker has left; `None` where it has left nothing, or what none of ours says.
pub(crate) fn findings(pod: &Pod) -> Option<Findings> {
    let ended = container(pod)?.terminated.as_ref()?;
    let findings: Findings = serde_json::from_str(ended.message.as_deref()?).ok()?;
    findings.is_sound().then_some(findings)
}

fn container(pod: &Pod) -> Option<&ContainerState> {
    let containers = pod.status.as_ref()?.container_statuses.as_ref()?;
    containers.first()?.state.as_ref()
}

/// Why a pod is not as it should be after so long, in the words of its status where it has some.
pub(crate) fn complaint(pod: &Pod, after: Duration) -> String {
    let after = after.as_secs();
    if !is_taken_up(pod) {
        return format!(
            "the node's agent has not taken it up within {after} s: does it run, and reach the API?"
        );
    }
    let told = |reason: Option<&str>, message: Option<&str>| {
        let words = [reason, message].into_iter().flatten();
        words.collect::<Vec<_>>().join(": ")
    };
    let status = pod.status.as_ref();
    let words = match container(pod) {
        Some(ContainerState {
            waiting: Some(waiting),
            ..
        }) => told(waiting.reason.as_deref(), waiting.message.as_deref()),
        Some(ContainerState {
            terminated: Some(ended),
            ..
        }) => told(ended.reason.as_deref(), ended.message.as_deref()),
        _ => told(
            status.and_then(|it| it.reason.as_deref()),
            status.and_then(|it| it.message.as_deref()),
        ),
    };
    match words.is_empty() {
        true if has_ended(pod) => "it has ended, and has left nothing".to_owned(),
        true => format!("it is not ready, or has not ended, within {after} s"),
        false => words,
    }
}
