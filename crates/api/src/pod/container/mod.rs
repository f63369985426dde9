//! Containers, init containers and ephemeral containers.

mod env;
mod ephemeral;
mod handlers;
mod lifecycle;
mod mounts;
mod ports;
mod probes;
mod restart;
mod security;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Container;
use navarch_machinery::field::{Error, ErrorList, Path};

use super::absent::{items, text};
use super::check;
use super::context::Context;
use super::resources::{self, Holder};
use super::totals::is_sidecar;

pub(super) use ephemeral::check_ephemeral;
pub(super) use ports::match_host_network;
pub(super) use security::{check_app_armor, check_seccomp, check_windows_options};

/// The containers that make the pod.
pub(super) fn check_main(errors: &mut ErrorList, path: &Path, context: &Context<'_>) {
    let containers = &context.spec.containers;
    if containers.is_empty() {
        errors.push(Error::required(path, ""));
        return;
    }
    let mut names = BTreeSet::new();
    for (index, container) in containers.iter().enumerate() {
        let path = path.index(index);
        check_common(errors, &path, container, context);
        if !names.insert(container.name.as_str()) {
            errors.push(Error::duplicate(&path.child("name"), &container.name));
        }
        check_running(errors, &path, container, context);
        restart::check(errors, &path, container);
    }
    ports::distinct_host_ports(errors, path, containers);
}

/// The containers that run before, and those of them that go on beside the others.
pub(super) fn check_init(errors: &mut ErrorList, list: &Path, context: &Context<'_>) {
    let mut names: BTreeSet<&str> = context
        .spec
        .containers
        .iter()
        .map(|container| container.name.as_str())
        .collect();
    for (index, container) in items(&context.spec.init_containers).iter().enumerate() {
        let path = list.index(index);
        check_common(errors, &path, container, context);
        restart::check(errors, &path, container);
        let is_new = names.insert(container.name.as_str());
        if !is_new && !container.name.is_empty() {
            errors.push(Error::duplicate(&path.child("name"), &container.name));
        }
        // They run one by one, so that only a container's own ports can be in each other's way.
        ports::distinct_host_ports(errors, list, std::slice::from_ref(container));
        if is_sidecar(container) {
            check_running(errors, &path, container, context);
        } else {
            forbid_running(errors, &path, container);
        }
    }
}

/// What only containers have that go on running.
fn check_running(
    errors: &mut ErrorList,
    path: &Path,
    container: &Container,
    context: &Context<'_>,
) {
    if let Some(lifecycle) = &container.lifecycle {
        lifecycle::check(errors, &path.child("lifecycle"), lifecycle, context);
    }
    probes::check(
        errors,
        path,
        container,
        context.spec.termination_grace_period_seconds,
    );
}

fn forbid_running(errors: &mut ErrorList, path: &Path, container: &Container) {
    let set = [
        ("lifecycle", container.lifecycle.is_some()),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
    ];
    for (name, _) in set.into_iter().filter(|(_, is_set)| *is_set) {
        let detail = "may not be set for init containers without restartPolicy=Always";
        errors.push(Error::forbidden(&path.child(name), detail));
    }
    for (index, policy) in items(&container.resize_policy).iter().enumerate() {
        if policy.restart_policy == "RestartContainer" {
            let path = path
                .child("resizePolicy")
                .index(index)
                .child("restartPolicy");
            let detail = "must not be set to 'RestartContainer' for non-sidecar initContainers";
            errors.push(Error::invalid(&path, &policy.restart_policy, detail));
        }
    }
}

/// What all containers have in common.
fn check_common(errors: &mut ErrorList, path: &Path, container: &Container, context: &Context<'_>) {
    if container.name.is_empty() {
        errors.push(Error::required(&path.child("name"), ""));
    } else {
        check::label(errors, &path.child("name"), &container.name);
    }
    check::required(errors, &path.child("image"), text(&container.image));
    let policy = text(&container.termination_message_policy);
    check::one_of(
        errors,
        &path.child("terminationMessagePolicy"),
        policy,
        &["File", "FallbackToLogsOnError"],
    );
    ports::check(errors, &path.child("ports"), items(&container.ports));
    env::check(errors, &path.child("env"), items(&container.env));
    env::check_from(errors, &path.child("envFrom"), items(&container.env_from));
    mounts::check(errors, &path.child("volumeMounts"), container, context);
    mounts::check_devices(errors, &path.child("volumeDevices"), container, context);
    check_pull_policy(
        errors,
        &path.child("imagePullPolicy"),
        text(&container.image_pull_policy),
    );
    if let Some(own) = &container.resources {
        resources::check(
            errors,
            &path.child("resources"),
            own,
            Holder::Container,
            &context.claims,
        );
    }
    restart::check_resize(errors, &path.child("resizePolicy"), container, context);
    if let Some(own) = &container.security_context {
        security::check(
            errors,
            &path.child("securityContext"),
            own,
            context.host_users(),
        );
    }
}

/// When an image is pulled.
pub(super) fn check_pull_policy(errors: &mut ErrorList, path: &Path, policy: &str) {
    check::one_of(errors, path, policy, &["Always", "IfNotPresent", "Never"]);
}

/// The image's name has no space around it. Templates may have it, for some tools put the image in later.
pub(super) fn check_image_space(errors: &mut ErrorList, path: &Path, image: &str) {
    if image.trim().len() != image.len() {
        errors.push(Error::invalid(
            &path.child("image"),
            image,
            "must not have leading or trailing whitespace",
        ));
    }
}
