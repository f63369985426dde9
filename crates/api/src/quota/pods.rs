//! What pods come to: processor, memory, local storage, huge pages, extended resources, and themselves.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodSpec};

use super::amounts::{Amounts, Texts, number, read};
use crate::pod::absent::items;
use crate::pod::{amount, is_extended_resource, is_native_resource, limits, requests};

const NAMES: &[&str] = &[
    "pods",
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];
/// The resources whose requests are limited under their own names as well, and whose limits are limited.
const PLAIN: &[&str] = &["cpu", "memory", "ephemeral-storage"];
/// What every container must state where a quota limits it.
const MUST_STATE: &[&str] = &[
    "cpu",
    "memory",
    "requests.cpu",
    "requests.memory",
    "limits.cpu",
    "limits.memory",
];
const DEVICE_CLASS: &str = "deviceclass.resource.kubernetes.io/";

/// Whether a name of a quota concerns pods.
pub(super) fn is_about(name: &str) -> bool {
    let is_extended = name
        .strip_prefix("requests.")
        .is_some_and(|rest| !is_native_resource(name) || rest.starts_with(DEVICE_CLASS));
    NAMES.contains(&name)
        || name.starts_with("hugepages-")
        || name.starts_with("requests.hugepages-")
        || is_extended
}

/// A pod that has ended comes to nothing but its number; so does one that should be gone by now, as its node is perhaps lost.
pub(super) fn usage(pod: &Pod, now: Timestamp) -> Amounts {
    if !is_running(pod, now) {
        return Amounts::new();
    }
    let spec = effective(pod);
    let mut usage = amounts(&requests(&spec), &limits(&spec));
    usage.insert("pods".to_owned(), number(1));
    usage
}

fn is_running(pod: &Pod, now: Timestamp) -> bool {
    let phase = pod.status.as_ref().and_then(|it| it.phase.as_deref());
    if matches!(phase, Some("Succeeded" | "Failed")) {
        return false;
    }
    let meta = &pod.metadata;
    let (Some(end), Some(grace)) = (&meta.deletion_timestamp, meta.deletion_grace_period_seconds)
    else {
        return true;
    };
    let last = end.0.checked_add(SignedDuration::from_secs(grace));
    last.is_ok_and(|last| now <= last)
}

/// A pod's spec with what its containers have in place of what they are to have, where that is more.
fn effective(pod: &Pod) -> PodSpec {
    let mut spec = pod.spec.clone().unwrap_or_default();
    let Some(status) = &pod.status else {
        return spec;
    };
    let conditions = status.conditions.iter().flatten();
    let is_infeasible = conditions
        .into_iter()
        .any(|it| it.type_ == "PodResizePending" && it.reason.as_deref() == Some("Infeasible"));
    let apply = |containers: &mut [Container], statuses: &[ContainerStatus]| {
        let by_name: BTreeMap<&str, &ContainerStatus> =
            statuses.iter().map(|it| (it.name.as_str(), it)).collect();
        for container in containers {
            if let Some(status) = by_name.get(container.name.as_str()) {
                take_over(container, status, is_infeasible);
            }
        }
    };
    apply(&mut spec.containers, items(&status.container_statuses));
    let init = spec.init_containers.as_deref_mut().unwrap_or_default();
    apply(init, items(&status.init_container_statuses));
    spec
}

fn take_over(container: &mut Container, status: &ContainerStatus, is_infeasible: bool) {
    let actual = status.resources.as_ref();
    let (requests, limits) = (
        actual.and_then(|it| it.requests.as_ref()),
        actual.and_then(|it| it.limits.as_ref()),
    );
    let own = container.resources.get_or_insert_default();
    if is_infeasible {
        own.requests = None;
        own.limits = None;
    }
    let raise = |own: &mut Option<Texts>, other: Option<&Texts>| {
        for (name, more) in other.into_iter().flatten() {
            let list = own.get_or_insert_default();
            let known = list.get(name);
            if known.is_none_or(|known| amount::compare(more, known).is_gt()) {
                list.insert(name.clone(), more.clone());
            }
        }
    };
    raise(&mut own.requests, requests);
    raise(&mut own.requests, status.allocated_resources.as_ref());
    raise(&mut own.limits, limits);
}

/// Requests and limits under the names that quotas have for them.
fn amounts(requests: &Texts, limits: &Texts) -> Amounts {
    let mut usage = Amounts::new();
    for (name, value) in requests {
        let is_huge = name.starts_with("hugepages-");
        if PLAIN.contains(&name.as_str()) || is_huge {
            usage.insert(name.clone(), read(value));
            usage.insert(format!("requests.{name}"), read(value));
        } else if is_extended_resource(name) || name.starts_with(DEVICE_CLASS) {
            usage.insert(format!("requests.{name}"), read(value));
        }
    }
    let limited = limits
        .iter()
        .filter(|(name, _)| PLAIN.contains(&name.as_str()));
    usage.extend(limited.map(|(name, value)| (format!("limits.{name}"), read(value))));
    usage
}

/// What a pod does not state of what a quota limits: `must specify requests.cpu for: a,b`. A pod that states it as a whole need not.
pub(super) fn unstated<'a>(pod: &Pod, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let own = spec.resources.as_ref();
    let own = own.map(|own| own.requests.iter().chain(&own.limits));
    if own.is_some_and(|mut lists| lists.any(|list| !list.is_empty())) {
        return None;
    }
    let required: BTreeSet<&str> = names.filter(|name| MUST_STATE.contains(name)).collect();
    let all = spec.containers.iter().chain(items(&spec.init_containers));
    let none = Texts::new();
    let stated: Vec<(&str, Amounts)> = all
        .map(|container| {
            let resources = container.resources.as_ref();
            let requests = resources.and_then(|it| it.requests.as_ref());
            let limits = resources.and_then(|it| it.limits.as_ref());
            let usage = amounts(requests.unwrap_or(&none), limits.unwrap_or(&none));
            (container.name.as_str(), usage)
        })
        .collect();
    let missing: Vec<String> = required
        .into_iter()
        .filter_map(|name| {
            let silent = stated.iter().filter(|(_, usage)| !usage.contains_key(name));
            let silent: BTreeSet<&str> = silent.map(|(container, _)| *container).collect();
            let silent: Vec<&str> = silent.into_iter().collect();
            (!silent.is_empty()).then(|| format!("{name} for: {}", silent.join(",")))
        })
        .collect();
    (!missing.is_empty()).then(|| format!("must specify {}", missing.join("; ")))
}
