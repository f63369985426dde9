//! What a node tells of containers.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, ContainerStatus, PodSpec, PodStatus, ResourceStatus};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_valid_group_id, is_valid_user_id};

use super::super::absent::{entries, items, text};
use super::super::check;

/// A container that has ended and is not restarted does not come back.
pub(super) fn check_transitions(
    errors: &mut ErrorList,
    path: &Path,
    new: &PodStatus,
    old: &PodStatus,
    spec: &PodSpec,
) {
    let (init, main) = (items(&spec.init_containers), spec.containers.as_slice());
    let restarts_all = init.iter().chain(main).any(|container| {
        items(&container.restart_policy_rules)
            .iter()
            .any(|rule| rule.action == "RestartAllContainers")
    });
    let restarts_in = |containers: &[Container], name: &str, exit_code: i32| {
        let container = containers.iter().find(|container| container.name == name);
        restarts_all || container.is_some_and(|container| restarts(container, spec, exit_code))
    };
    check_kept(
        errors,
        &path.child("containerStatuses"),
        &new.container_statuses,
        &old.container_statuses,
        |name, code| restarts_in(main, name, code),
    );
    check_kept(
        errors,
        &path.child("initContainerStatuses"),
        &new.init_container_statuses,
        &old.init_container_statuses,
        |name, code| restarts_in(init, name, code),
    );
    let (new, old) = (
        &new.ephemeral_container_statuses,
        &old.ephemeral_container_statuses,
    );
    check_kept(
        errors,
        &path.child("ephemeralContainerStatuses"),
        new,
        old,
        |_, _| false,
    );
}

/// Whether a container that ended with this code is started again: by the first rule that fits, its own policy, the pod's.
fn restarts(container: &Container, spec: &PodSpec, exit_code: i32) -> bool {
    let by_policy = |policy: &str| match policy {
        "OnFailure" => exit_code != 0,
        "Never" => false,
        _ => true,
    };
    let Some(own) = container.restart_policy.as_deref() else {
        return by_policy(text(&spec.restart_policy));
    };
    let fits = items(&container.restart_policy_rules).iter().any(|rule| {
        rule.exit_codes.as_ref().is_some_and(|codes| {
            items(&codes.values).contains(&exit_code) == (codes.operator == "In")
        })
    });
    match own {
        _ if fits => true,
        "Always" | "OnFailure" | "Never" => by_policy(own),
        _ => by_policy(text(&spec.restart_policy)),
    }
}

fn check_kept(
    errors: &mut ErrorList,
    path: &Path,
    new: &Option<Vec<ContainerStatus>>,
    old: &Option<Vec<ContainerStatus>>,
    restarts: impl Fn(&str, i32) -> bool,
) {
    let end = |status: &ContainerStatus| {
        status
            .state
            .as_ref()
            .and_then(|state| state.terminated.as_ref())
            .map(|end| end.exit_code)
    };
    for (index, old) in items(old).iter().enumerate() {
        let Some(exit_code) = end(old) else { continue };
        let back = items(new)
            .iter()
            .any(|new| new.name == old.name && end(new).is_none());
        if back && !restarts(&old.name, exit_code) {
            errors.push(Error::forbidden(
                &path.index(index).child("state"),
                "may not be transitioned to non-terminated state",
            ));
        }
    }
}

/// Users and the health of devices.
pub(super) fn check_details(
    errors: &mut ErrorList,
    path: &Path,
    status: &PodStatus,
    spec: &PodSpec,
) {
    let windows = spec.os.as_ref().is_some_and(|os| os.name == "windows");
    let lists = [
        (
            "containerStatuses",
            items(&status.container_statuses),
            Some(spec.containers.as_slice()),
        ),
        (
            "initContainerStatuses",
            items(&status.init_container_statuses),
            Some(items(&spec.init_containers)),
        ),
        (
            "ephemeralContainerStatuses",
            items(&status.ephemeral_container_statuses),
            None,
        ),
    ];
    for (name, statuses, _) in &lists {
        for (index, status) in statuses.iter().enumerate() {
            check_user(
                errors,
                &path.child(name).index(index).child("user").child("linux"),
                status,
                windows,
            );
        }
    }
    for (name, statuses, containers) in lists {
        for (index, status) in statuses.iter().enumerate() {
            let path = path
                .child(name)
                .index(index)
                .child("allocatedResourcesStatus");
            let allocated = items(&status.allocated_resources_status);
            match containers {
                Some(containers) => {
                    let container = containers
                        .iter()
                        .find(|container| container.name == status.name);
                    check_devices(errors, &path, allocated, container);
                }
                None if !allocated.is_empty() => errors.push(Error::forbidden(
                    &path,
                    "must not be specified in container status",
                )),
                None => {}
            }
        }
    }
}

fn check_user(errors: &mut ErrorList, path: &Path, status: &ContainerStatus, windows: bool) {
    let Some(user) = status.user.as_ref().and_then(|user| user.linux.as_ref()) else {
        return;
    };
    if windows {
        errors.push(Error::forbidden(path, "cannot be set for a windows pod"));
        return;
    }
    check::each(
        errors,
        &path.child("uid"),
        user.uid,
        is_valid_user_id(user.uid),
    );
    check::each(
        errors,
        &path.child("gid"),
        user.gid,
        is_valid_group_id(user.gid),
    );
    for (index, group) in items(&user.supplemental_groups).iter().enumerate() {
        check::each(
            errors,
            &path.child("supplementalGroups").index(index),
            *group,
            is_valid_group_id(*group),
        );
    }
}

fn check_devices(
    errors: &mut ErrorList,
    path: &Path,
    allocated: &[ResourceStatus],
    container: Option<&Container>,
) {
    for (index, status) in allocated.iter().enumerate() {
        let path = path.index(index);
        if let Some(container) = container {
            check_allocated(errors, &path.child("name"), &status.name, container);
        }
        let mut ids = BTreeSet::new();
        for (index, health) in items(&status.resources).iter().enumerate() {
            let path = path.child("resources").index(index);
            check::supported_value(
                errors,
                &path.child("health"),
                text(&health.health),
                &["Healthy", "Unhealthy", "Unknown"],
            );
            if !ids.insert(health.resource_id.as_str()) {
                errors.push(Error::duplicate(
                    &path.child("resourceID"),
                    &health.resource_id,
                ));
            }
        }
    }
}

/// The container asked for it: by the name of a resource, or of a claim as `claim:NAME/REQUEST`.
fn check_allocated(errors: &mut ErrorList, path: &Path, name: &str, container: &Container) {
    let resources = container.resources.as_ref();
    let (found, detail) = if name.starts_with("claim:") {
        let of = |claim: &k8s_openapi::api::core::v1::ResourceClaim| match text(&claim.request) {
            "" => format!("claim:{}", claim.name),
            request => format!("claim:{}/{request}", claim.name),
        };
        (
            resources.is_some_and(|resources| {
                items(&resources.claims)
                    .iter()
                    .any(|claim| of(claim) == name)
            }),
            "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if \
             request is empty",
        )
    } else {
        (
            resources.is_some_and(|resources| {
                entries(&resources.requests).any(|(request, _)| request == name)
            }),
            "must match one of the container's resource requests",
        )
    };
    if !found {
        errors.push(Error::invalid(path, name, detail));
    }
}
