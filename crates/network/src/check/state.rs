//! What the status of a pod of a check says. Pure.

use k8s_openapi::api::core::v1::Pod;

use super::findings::Findings;

pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|it| it.conditions.iter().flatten());
    let mut conditions = conditions.filter(|it| it.status == "True");
    conditions.any(|it| it.type_ == "Ready")
}

pub(crate) fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|it| it.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

pub(crate) fn findings(pod: &Pod) -> Option<Findings> {
    let container = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
    let ended = container.state.as_ref()?.terminated.as_ref()?;
    serde_json::from_str(ended.message.as_deref()?).ok()
}

/// Why a pod does not run, in the words of its status.
pub(crate) fn state(pod: &Pod) -> String {
    let status = pod.status.as_ref();
    let told = |reason: Option<&str>, message: Option<&str>| {
        let words = [reason, message].into_iter().flatten();
        words.collect::<Vec<_>>().join(": ")
    };
    let container = status.and_then(|it| it.container_statuses.as_ref()?.first()?.state.as_ref());
    if let Some(waiting) = container.and_then(|state| state.waiting.as_ref()) {
        return told(waiting.reason.as_deref(), waiting.message.as_deref());
    }
    if let Some(ended) = container.and_then(|state| state.terminated.as_ref()) {
        return told(ended.reason.as_deref(), ended.message.as_deref());
    }
    let phase = status.and_then(|it| it.phase.as_deref());
    let reason = status.and_then(|it| it.reason.as_deref());
    let message = status.and_then(|it| it.message.as_deref());
    match told(reason.or(phase), message) {
        nothing if nothing.is_empty() => "nobody has started it".to_owned(),
        words => words,
    }
}
