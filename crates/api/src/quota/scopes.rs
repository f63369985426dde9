//! Which objects a quota is about: all that are in all of its scopes.

use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, Pod, PodAffinityTerm, ResourceQuota, ScopedResourceSelectorRequirement,
};
use navarch_machinery::object::Object;

use super::claims::attributes_classes;
use crate::pod::absent::{items, text};
use crate::pod::qos_class;

/// The scopes of a quota, however they are written.
fn scopes(quota: &ResourceQuota) -> Vec<ScopedResourceSelectorRequirement> {
    let Some(spec) = &quota.spec else {
        return Vec::new();
    };
    let named = items(&spec.scopes).iter();
    let named = named.map(|name| ScopedResourceSelectorRequirement {
        scope_name: name.clone(),
        operator: "Exists".to_owned(),
        values: None,
    });
    let selector = spec.scope_selector.as_ref();
    let selected = selector.map(|it| items(&it.match_expressions));
    named
        .chain(selected.unwrap_or_default().iter().cloned())
        .collect()
}

/// Whether an object is in all scopes of a quota. Objects of most kinds are in none.
pub(super) fn has(quota: &ResourceQuota, object: &dyn Object) -> bool {
    scopes(quota).iter().all(|scope| is_in(scope, object))
}

fn is_in(scope: &ScopedResourceSelectorRequirement, object: &dyn Object) -> bool {
    if let Some(pod) = object.as_any().downcast_ref::<Pod>() {
        return pod_is_in(scope, pod);
    }
    let claim = object.as_any().downcast_ref::<PersistentVolumeClaim>();
    claim.is_some_and(|claim| {
        let classes = attributes_classes(claim);
        scope.scope_name == "VolumeAttributesClass" && selects_any(scope, classes)
    })
}

fn pod_is_in(scope: &ScopedResourceSelectorRequirement, pod: &Pod) -> bool {
    match scope.scope_name.as_str() {
        "Terminating" => is_terminating(pod),
        "NotTerminating" => !is_terminating(pod),
        "BestEffort" => qos_class(pod) == "BestEffort",
        "NotBestEffort" => qos_class(pod) != "BestEffort",
        "PriorityClass" => {
            let class = pod.spec.as_ref().map(|it| text(&it.priority_class_name));
            selects_any(scope, class.filter(|class| !class.is_empty()))
        }
        "CrossNamespacePodAffinity" => looks_beyond_its_namespace(pod),
        _ => false,
    }
}

/// Whether a pod is to end by itself.
pub(super) fn is_terminating(pod: &Pod) -> bool {
    let deadline = pod.spec.as_ref().and_then(|it| it.active_deadline_seconds);
    deadline.is_some_and(|seconds| seconds >= 0)
}

/// Whether a scope selects one of these values, or that there is none.
fn selects_any<'a>(
    scope: &ScopedResourceSelectorRequirement,
    values: impl IntoIterator<Item = &'a str>,
) -> bool {
    let given = items(&scope.values);
    let among = |value: &str| given.iter().any(|given| given == value);
    let mut values = values.into_iter().peekable();
    let is_there = values.peek().is_some();
    match scope.operator.as_str() {
        "In" => values.any(among),
        "NotIn" => !is_there || values.any(|value| !among(value)),
        "Exists" => is_there,
        "DoesNotExist" => !is_there,
        _ => false,
    }
}

/// Whether a pod wants to be near, or far from, pods of other namespaces.
fn looks_beyond_its_namespace(pod: &Pod) -> bool {
    let affinity = pod.spec.as_ref().and_then(|it| it.affinity.as_ref());
    let Some(affinity) = affinity else {
        return false;
    };
    let beyond = |term: &PodAffinityTerm| {
        !items(&term.namespaces).is_empty() || term.namespace_selector.is_some()
    };
    let near = affinity.pod_affinity.as_ref().map(|it| {
        (
            items(&it.required_during_scheduling_ignored_during_execution),
            items(&it.preferred_during_scheduling_ignored_during_execution),
        )
    });
    let far = affinity.pod_anti_affinity.as_ref().map(|it| {
        (
            items(&it.required_during_scheduling_ignored_during_execution),
            items(&it.preferred_during_scheduling_ignored_during_execution),
        )
    });
    near.into_iter().chain(far).any(|(required, preferred)| {
        required.iter().any(beyond) || preferred.iter().any(|it| beyond(&it.pod_affinity_term))
    })
}
