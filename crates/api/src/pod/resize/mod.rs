//! Resources of a running pod, by an address of their own.

mod keep;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, ResourceRequirements};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::absent::{entries, items, items_mut, text};
use super::annotations::MIRROR;
use super::totals::{Amounts, is_sidecar};
use super::{equality, qos};

use keep::{mask, masked};

pub(super) use keep::keep_the_rest;

/// Checks a change of resources.
pub(super) fn check(pod: &Pod, old: &Pod) -> ErrorList {
    let mut errors = ErrorList::new();
    let path = &Path::new("spec");
    let none = PodSpec::default();
    let (spec, before) = (
        pod.spec.as_ref().unwrap_or(&none),
        old.spec.as_ref().unwrap_or(&none),
    );
    if old
        .metadata
        .annotations
        .as_ref()
        .is_some_and(|annotations| annotations.contains_key(MIRROR))
    {
        return vec![Error::forbidden(
            &Path::root(),
            "static pods cannot be resized",
        )];
    }
    if before.os.as_ref().is_some_and(|os| os.name == "windows") {
        return vec![Error::forbidden(
            &Path::root(),
            "windows pods cannot be resized",
        )];
    }
    check_node(&mut errors, path, pod, old);
    check_pod_level(
        &mut errors,
        path,
        spec.resources.as_ref(),
        before.resources.as_ref(),
    );
    if !check_order(&mut errors, path, spec, before) {
        return errors;
    }
    let lists = [
        (
            "initContainers",
            items(&spec.init_containers),
            items(&before.init_containers),
        ),
        (
            "containers",
            spec.containers.as_slice(),
            before.containers.as_slice(),
        ),
    ];
    for (name, new, old) in lists {
        for (index, (new, old)) in new.iter().zip(old).enumerate() {
            check_kept(
                &mut errors,
                &path.child(name).index(index).child("resources"),
                new,
                old,
            );
        }
    }
    check_mutable(&mut errors, path, spec, before);
    errors
}

/// The class of a pod is for its life; and the node must be able to do it.
fn check_node(errors: &mut ErrorList, path: &Path, pod: &Pod, old: &Pod) {
    let stated = old
        .status
        .as_ref()
        .map(|status| text(&status.qos_class))
        .filter(|class| !class.is_empty());
    if stated.unwrap_or_else(|| qos::qos_class(old)) != qos::qos_class(pod) {
        let shown = pod
            .status
            .as_ref()
            .map_or("", |status| text(&status.qos_class));
        errors.push(Error::invalid(
            path,
            shown,
            "Pod QOS Class may not change as a result of resizing",
        ));
    }
    let statuses = old
        .status
        .as_ref()
        .map_or(&[][..], |status| items(&status.container_statuses));
    let running = statuses.iter().find(|status| {
        status
            .state
            .as_ref()
            .is_some_and(|state| state.running.is_some())
    });
    if running.is_some_and(|status| status.resources.is_none()) {
        errors.push(Error::forbidden(
            path,
            "Pod running on node without support for resize",
        ));
    }
}

fn removed(new: Option<&Amounts>, old: Option<&Amounts>) -> bool {
    old.into_iter()
        .flatten()
        .any(|(name, _)| new.is_none_or(|new| !new.contains_key(name)))
}

fn check_pod_level(
    errors: &mut ErrorList,
    path: &Path,
    new: Option<&ResourceRequirements>,
    old: Option<&ResourceRequirements>,
) {
    let says = |it: Option<&ResourceRequirements>| {
        it.is_some_and(|it| {
            entries(&it.requests).next().is_some() || entries(&it.limits).next().is_some()
        })
    };
    if !says(new) && !says(old) {
        return;
    }
    let own = path.child("resources");
    match (new, old) {
        (None, Some(_)) => {
            errors.push(Error::forbidden(
                &own,
                "pod-level resources cannot be removed",
            ));
            return;
        }
        (Some(new), Some(old)) => {
            if removed(new.requests.as_ref(), old.requests.as_ref()) {
                errors.push(Error::forbidden(
                    &own.child("requests"),
                    "pod-level resource requests cannot be removed",
                ));
            }
            if removed(new.limits.as_ref(), old.limits.as_ref()) {
                errors.push(Error::forbidden(
                    &own.child("limits"),
                    "pod-level resource limits cannot be removed",
                ));
            }
        }
        _ => {}
    }
    let none = ResourceRequirements::default();
    let (masked, before) = (
        masked(new.unwrap_or(&none), old.unwrap_or(&none)),
        old.unwrap_or(&none),
    );
    if !equality::same(&masked, before) {
        errors.push(Error::forbidden(
            path,
            "only cpu and memory resources are mutable at pod-level",
        ));
    }
}

/// Answers whether the containers are the same, so that they can be compared.
fn check_order(errors: &mut ErrorList, path: &Path, spec: &PodSpec, old: &PodSpec) -> bool {
    let found = errors.len();
    let lists = [
        (
            "containers",
            spec.containers.as_slice(),
            old.containers.as_slice(),
        ),
        (
            "initContainers",
            items(&spec.init_containers),
            items(&old.init_containers),
        ),
    ];
    for (name, new, old) in lists {
        if new.len() != old.len() {
            errors.push(Error::forbidden(
                &path.child(name),
                format!("{name} may not be added or removed on resize"),
            ));
            continue;
        }
        for (index, _) in new
            .iter()
            .zip(old)
            .enumerate()
            .filter(|(_, (new, old))| new.name != old.name)
        {
            let path = path.child(name).index(index).child("name");
            errors.push(Error::forbidden(
                &path,
                format!("{name} may not be renamed or reordered on resize"),
            ));
        }
    }
    errors.len() == found
}

fn check_kept(errors: &mut ErrorList, path: &Path, new: &Container, old: &Container) {
    let none = ResourceRequirements::default();
    let (new, old) = (
        new.resources.as_ref().unwrap_or(&none),
        old.resources.as_ref().unwrap_or(&none),
    );
    if removed(new.requests.as_ref(), old.requests.as_ref()) {
        errors.push(Error::forbidden(
            &path.child("requests"),
            "resource requests cannot be removed",
        ));
    }
    if removed(new.limits.as_ref(), old.limits.as_ref()) {
        errors.push(Error::forbidden(
            &path.child("limits"),
            "resource limits cannot be removed",
        ));
    }
}

/// Processor and memory may change, and nothing else.
fn check_mutable(errors: &mut ErrorList, path: &Path, spec: &PodSpec, old: &PodSpec) {
    let mut rest = spec.clone();
    for (new, old) in rest.containers.iter_mut().zip(&old.containers) {
        mask(new, old);
        if !equality::same(new, old) {
            errors.push(Error::forbidden(
                path,
                "only cpu and memory resources are mutable",
            ));
        }
    }
    for (index, (new, old)) in items_mut(&mut rest.init_containers)
        .iter_mut()
        .zip(items(&old.init_containers))
        .enumerate()
    {
        let path = path.child("initContainers").index(index);
        let changed = !equality::same(new, old);
        mask(new, old);
        if !equality::same(new, old) {
            errors.push(Error::forbidden(
                &path,
                "only cpu and memory resources for init or sidecar containers are mutable",
            ));
        }
        if changed && !is_sidecar(new) {
            for _ in items(&new.resize_policy)
                .iter()
                .filter(|policy| policy.restart_policy == "RestartContainer")
            {
                let detail = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized";
                errors.push(Error::forbidden(&path, detail));
            }
        }
    }
    rest.resources = old.resources.clone();
    if errors.is_empty() && !equality::same(&rest, old) {
        errors.push(Error::forbidden(
            path,
            "only cpu and memory resources are mutable",
        ));
    }
}
