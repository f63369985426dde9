//! What an update of a pod may change: little, for a pod is made once and runs.

use k8s_openapi::api::core::v1::{
    Affinity, Container, NodeAffinity, Pod, PodSchedulingGate, PodSpec, Toleration,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::inclusive_range_error;

use super::absent::{items, items_mut, text};
use super::check::Json;
use super::{annotations, container, diff, equality, placement};

const IMMUTABLE: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,\
    `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
    `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// Checks the change of a pod by its own address.
pub(super) fn check(pod: &Pod, old: &Pod) -> ErrorList {
    let mut errors = ErrorList::new();
    check_annotations(&mut errors, pod, old);
    let none = PodSpec::default();
    let (spec, before) = (
        pod.spec.as_ref().unwrap_or(&none),
        old.spec.as_ref().unwrap_or(&none),
    );
    check_spec(&mut errors, &Path::new("spec"), spec, before);
    errors
}

/// Annotations that may not change with a pod's.
pub(super) fn check_annotations(errors: &mut ErrorList, pod: &Pod, old: &Pod) {
    let path = Path::new("metadata").child("annotations");
    annotations::check_change(
        errors,
        &path,
        pod.metadata.annotations.as_ref(),
        old.metadata.annotations.as_ref(),
    );
}

/// Returns early where Kubernetes does: what follows would only repeat it.
fn check_spec(errors: &mut ErrorList, path: &Path, spec: &PodSpec, old: &PodSpec) {
    if !check_containers(
        errors,
        &path.child("containers"),
        &spec.containers,
        &old.containers,
    ) {
        return;
    }
    if !check_containers(
        errors,
        &path.child("initContainers"),
        items(&spec.init_containers),
        items(&old.init_containers),
    ) {
        return;
    }
    if !check_deadline(
        errors,
        &path.child("activeDeadlineSeconds"),
        spec.active_deadline_seconds,
        old.active_deadline_seconds,
    ) {
        return;
    }
    check_tolerations(
        errors,
        &path.child("tolerations"),
        items(&spec.tolerations),
        items(&old.tolerations),
    );
    check_gates(
        errors,
        &path.child("schedulingGates"),
        items(&spec.scheduling_gates),
        items(&old.scheduling_gates),
    );
    let mut rest = spec.clone();
    restore_updatable(&mut rest, old);
    if !items(&old.scheduling_gates).is_empty() {
        check_gated(errors, path, &mut rest, old);
    }
    if !equality::same(&rest, old) {
        errors.push(Error::forbidden(
            path,
            format!("{IMMUTABLE}{}", diff::hint(old, &rest)),
        ));
    }
}

/// Answers whether to go on. What is wrong with an image the checks of the whole pod have told.
fn check_containers(
    errors: &mut ErrorList,
    path: &Path,
    containers: &[Container],
    old: &[Container],
) -> bool {
    let same_number = containers.len() == old.len();
    if !same_number {
        errors.push(Error::forbidden(
            path,
            "pod updates may not add or remove containers",
        ));
    }
    same_number
}

/// A deadline may come and get shorter. Answers whether to go on.
fn check_deadline(errors: &mut ErrorList, path: &Path, new: Option<i64>, old: Option<i64>) -> bool {
    let longest = i64::from(i32::MAX);
    match (new, old) {
        (Some(new), _) if !(0..=longest).contains(&new) => {
            errors.push(Error::invalid(path, new, inclusive_range_error(0, longest)));
            false
        }
        (Some(new), Some(old)) if old < new => {
            errors.push(Error::invalid(
                path,
                new,
                "must be less than or equal to previous value",
            ));
            false
        }
        (None, Some(_)) => {
            errors.push(Error::invalid(
                path,
                Json::of(&()),
                "must not update from a positive integer to nil value",
            ));
            true
        }
        _ => true,
    }
}

/// Tolerations may come; of those there are only the seconds may change.
fn check_tolerations(errors: &mut ErrorList, path: &Path, new: &[Toleration], old: &[Toleration]) {
    let like = |one: &Toleration, other: &Toleration| {
        let timeless = |it: &Toleration| Toleration {
            toleration_seconds: None,
            ..it.clone()
        };
        equality::same(&timeless(one), &timeless(other))
    };
    if !old.iter().all(|old| new.iter().any(|new| like(new, old))) {
        errors.push(Error::forbidden(
            path,
            "existing toleration can not be modified except its tolerationSeconds",
        ));
    }
}

/// Gates may only go.
fn check_gates(
    errors: &mut ErrorList,
    path: &Path,
    new: &[PodSchedulingGate],
    old: &[PodSchedulingGate],
) {
    for (index, gate) in new
        .iter()
        .enumerate()
        .filter(|(_, gate)| !old.contains(gate))
    {
        let detail = format!(
            "only deletion is allowed, but found new scheduling gate '{}'",
            gate.name
        );
        errors.push(Error::forbidden(&path.index(index).child("name"), detail));
    }
}

/// Puts back what may change, so that only what may not is left to compare.
fn restore_updatable(spec: &mut PodSpec, old: &PodSpec) {
    let restore = |containers: &mut [Container], old: &[Container]| {
        for (container, old) in containers.iter_mut().zip(old) {
            container.image = old.image.clone();
        }
    };
    restore(&mut spec.containers, &old.containers);
    restore(
        items_mut(&mut spec.init_containers),
        items(&old.init_containers),
    );
    spec.active_deadline_seconds = old.active_deadline_seconds;
    spec.scheduling_gates = old.scheduling_gates.clone();
    spec.tolerations = old.tolerations.clone();
    if old
        .termination_grace_period_seconds
        .is_some_and(|seconds| seconds < 0)
        && spec.termination_grace_period_seconds == Some(1)
    {
        spec.termination_grace_period_seconds = old.termination_grace_period_seconds;
    }
    // The old name follows the new one, which is compared.
    spec.service_account = old.service_account.clone();
}

/// A pod that is not scheduled yet may be kept to fewer nodes.
fn check_gated(errors: &mut ErrorList, path: &Path, spec: &mut PodSpec, old: &PodSpec) {
    let kept = |(key, value): (&String, &String)| {
        spec.node_selector.as_ref().and_then(|new| new.get(key)) == Some(value)
    };
    if !old.node_selector.iter().flatten().all(kept) {
        let detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        errors.push(Error::invalid(
            &path.child("nodeSelector"),
            Json::of(&spec.node_selector),
            detail,
        ));
    }
    spec.node_selector = old.node_selector.clone();
    let of = |affinity: &Option<Affinity>| {
        affinity
            .as_ref()
            .and_then(|affinity| affinity.node_affinity.clone())
    };
    let (new, before): (Option<NodeAffinity>, _) = (of(&spec.affinity), of(&old.affinity));
    if equality::same(&new, &before) {
        return;
    }
    placement::only_additions(
        errors,
        &path.child("affinity").child("nodeAffinity"),
        new.as_ref(),
        before.as_ref(),
    );
    match &mut spec.affinity {
        Some(affinity) => affinity.node_affinity = before,
        None => {
            spec.affinity = Some(Affinity {
                node_affinity: before,
                ..Default::default()
            });
        }
    }
    if old.affinity.is_none() && spec.affinity == Some(Affinity::default()) {
        spec.affinity = None;
    }
}

/// What holds for images of a pod and not of a template.
pub(super) fn check_images(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    for (list, containers) in [
        ("containers", spec.containers.as_slice()),
        ("initContainers", items(&spec.init_containers)),
    ] {
        for (index, one) in containers.iter().enumerate() {
            container::check_image_space(errors, &path.child(list).index(index), text(&one.image));
        }
    }
}
