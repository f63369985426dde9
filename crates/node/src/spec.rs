//! What a pod's spec says, with Kubernetes' defaults where it says nothing.

use std::borrow::Cow;
use std::time::Duration;

use k8s_openapi::api::core::v1::{
    Container, EphemeralContainer, Pod, PodCondition, PodSpec, PodStatus, Probe,
};
use navarch_api::pod::as_container;

static NO_SPEC: std::sync::LazyLock<PodSpec> = std::sync::LazyLock::new(PodSpec::default);
static NO_STATUS: std::sync::LazyLock<PodStatus> = std::sync::LazyLock::new(PodStatus::default);

/// The spec; an empty one where the API sent none.
pub(crate) fn spec(pod: &Pod) -> &PodSpec {
    pod.spec.as_ref().unwrap_or(&NO_SPEC)
}

/// The status; an empty one where there is none yet.
pub(crate) fn status(pod: &Pod) -> &PodStatus {
    pod.status.as_ref().unwrap_or(&NO_STATUS)
}

/// A condition that the API was told of.
pub(crate) fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    let told = status(pod).conditions.as_deref().unwrap_or_default();
    told.iter().find(|c| c.type_ == kind)
}

/// The uid; empty where the API sent none.
pub(crate) fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or("")
}

/// The name.
pub(crate) fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or("")
}

/// The namespace.
pub(crate) fn namespace(pod: &Pod) -> &str {
    pod.metadata.namespace.as_deref().unwrap_or("")
}

/// `NAME_NAMESPACE(UID)`: how the kubelet names a pod in its messages.
pub(crate) fn full_name(pod: &Pod) -> String {
    format!("{}_{}({})", name(pod), namespace(pod), uid(pod))
}

/// The init containers, sidecars among them.
pub(crate) fn init_containers(pod: &Pod) -> &[Container] {
    spec(pod).init_containers.as_deref().unwrap_or_default()
}

/// The regular containers.
pub(crate) fn containers(pod: &Pod) -> &[Container] {
    &spec(pod).containers
}

/// The ephemeral containers, looked at as containers.
pub(crate) fn ephemeral_containers(pod: &Pod) -> impl Iterator<Item = Container> {
    ephemeral(pod).iter().map(as_container)
}

fn ephemeral(pod: &Pod) -> &[EphemeralContainer] {
    spec(pod)
        .ephemeral_containers
        .as_deref()
        .unwrap_or_default()
}

/// The container whose processes an ephemeral one of this name is to see.
pub(crate) fn target_of<'a>(pod: &'a Pod, name: &str) -> Option<&'a str> {
    let found = ephemeral(pod).iter().find(|e| e.name == name)?;
    found
        .target_container_name
        .as_deref()
        .filter(|n| !n.is_empty())
}

/// All containers but the ephemeral ones, init containers first.
pub(crate) fn all_containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    init_containers(pod).iter().chain(containers(pod))
}

/// A container by its name, ephemeral ones among them.
pub(crate) fn container<'a>(pod: &'a Pod, name: &str) -> Option<Cow<'a, Container>> {
    let named = |c: &&Container| c.name == name;
    let found = all_containers(pod).find(named).map(Cow::Borrowed);
    found.or_else(|| {
        let found = ephemeral(pod).iter().find(|e| e.name == name);
        found.map(as_container).map(Cow::Owned)
    })
}

/// Whether an init container is a restartable one: it runs beside the regular ones.
pub(crate) fn is_sidecar(pod: &Pod, name: &str) -> bool {
    init_containers(pod)
        .iter()
        .any(|c| c.name == name && restartable(c))
}

/// Whether a container of the init list runs on beside the regular ones.
pub(crate) fn restartable(init: &Container) -> bool {
    init.restart_policy.as_deref() == Some("Always")
}

/// Whether a container is in the init list.
pub(crate) fn is_init(pod: &Pod, name: &str) -> bool {
    init_containers(pod).iter().any(|c| c.name == name)
}

/// Where a container stands in the spec, as events name it.
pub(crate) fn field_path(pod: &Pod, name: &str) -> String {
    let list = if is_init(pod, name) {
        "initContainers"
    } else if ephemeral(pod).iter().any(|e| e.name == name) {
        "ephemeralContainers"
    } else {
        "containers"
    };
    format!("spec.{list}{{{name}}}")
}

/// Whether the pod uses the node's network.
pub(crate) fn host_network(pod: &Pod) -> bool {
    spec(pod).host_network == Some(true)
}

/// Whether the pod is over for good.
pub(crate) fn is_terminal(pod: &Pod) -> bool {
    has_ended(status(pod))
}

/// Whether a status says that its pod is over for good.
pub(crate) fn has_ended(status: &PodStatus) -> bool {
    matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"))
}

/// Whether the API was told that a container of the pod was made.
pub(crate) fn has_run(pod: &Pod) -> bool {
    let status = status(pod);
    let lists = [
        &status.init_container_statuses,
        &status.container_statuses,
        &status.ephemeral_container_statuses,
    ];
    lists
        .into_iter()
        .flatten()
        .flatten()
        .any(|told| told.container_id.is_some())
}

/// The time its containers are given to end.
pub(crate) fn grace(pod: &Pod) -> Duration {
    let seconds = match pod.metadata.deletion_timestamp {
        Some(_) => pod.metadata.deletion_grace_period_seconds,
        None => spec(pod).termination_grace_period_seconds,
    };
    seconds_of(seconds.unwrap_or(30))
}

/// The time a container is given to end after a probe failed.
pub(crate) fn probe_grace(pod: &Pod, probe: Option<&Probe>) -> Duration {
    probe
        .and_then(|p| p.termination_grace_period_seconds)
        .map_or_else(|| grace(pod), seconds_of)
}

fn seconds_of(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// Whether a container that ended with `code` is to run again: its own rules, its own policy, or the pod's.
pub(crate) fn should_restart(pod: &Pod, container: &Container, code: i32) -> bool {
    for rule in container
        .restart_policy_rules
        .as_deref()
        .unwrap_or_default()
    {
        let Some(codes) = &rule.exit_codes else {
            continue;
        };
        let listed = codes.values.as_deref().unwrap_or_default().contains(&code);
        if listed == (codes.operator == "In") {
            return rule.action.starts_with("Restart");
        }
    }
    let init = is_init(pod, &container.name);
    let policy = container
        .restart_policy
        .as_deref()
        .or(spec(pod).restart_policy.as_deref())
        .unwrap_or("Always");
    match policy {
        "Never" => false,
        "OnFailure" => code != 0,
        // An init container that succeeded is done, whatever the pod's policy.
        _ => code != 0 || !init || restartable(container),
    }
}
