//! What a container leaves out.

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, EphemeralContainer, HTTPGetAction, Lifecycle,
    LifecycleHandler, ObjectFieldSelector, Probe, ResourceFieldSelector, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::super::absent::{default_number, default_text, items_mut, text};
use super::super::amount;
use super::super::image::pull_policy;

/// Where a container leaves the reason of its end.
const TERMINATION_MESSAGE_PATH: &str = "/dev/termination-log";

pub(super) fn default_container(container: &mut Container) {
    default_text(
        &mut container.image_pull_policy,
        pull_policy(text(&container.image)),
    );
    default_text(
        &mut container.termination_message_path,
        TERMINATION_MESSAGE_PATH,
    );
    default_text(&mut container.termination_message_policy, "File");
    default_resources(&mut container.resources);
    items_mut(&mut container.ports)
        .iter_mut()
        .for_each(default_port);
    items_mut(&mut container.env)
        .iter_mut()
        .for_each(default_env);
    let probes = [
        &mut container.liveness_probe,
        &mut container.readiness_probe,
        &mut container.startup_probe,
    ];
    probes.into_iter().flatten().for_each(default_probe);
    container.lifecycle.iter_mut().for_each(default_lifecycle);
}

pub(super) fn default_ephemeral_container(container: &mut EphemeralContainer) {
    default_text(
        &mut container.image_pull_policy,
        pull_policy(text(&container.image)),
    );
    default_text(
        &mut container.termination_message_path,
        TERMINATION_MESSAGE_PATH,
    );
    default_text(&mut container.termination_message_policy, "File");
    default_resources(&mut container.resources);
    items_mut(&mut container.ports)
        .iter_mut()
        .for_each(default_port);
    items_mut(&mut container.env)
        .iter_mut()
        .for_each(default_env);
    let probes = [
        &mut container.liveness_probe,
        &mut container.readiness_probe,
        &mut container.startup_probe,
    ];
    probes.into_iter().flatten().for_each(default_probe);
    container.lifecycle.iter_mut().for_each(default_lifecycle);
}

/// An empty `resources` is shown.
fn default_resources(resources: &mut Option<ResourceRequirements>) {
    let resources = resources.get_or_insert_default();
    amount::round_list(&mut resources.limits);
    amount::round_list(&mut resources.requests);
}

fn default_port(port: &mut ContainerPort) {
    default_text(&mut port.protocol, "TCP");
}

fn default_env(variable: &mut EnvVar) {
    let Some(source) = &mut variable.value_from else {
        return;
    };
    source.field_ref.iter_mut().for_each(default_field_ref);
    source
        .resource_field_ref
        .iter_mut()
        .for_each(default_resource_field_ref);
    if let Some(file) = &mut source.file_key_ref {
        file.optional.get_or_insert(false);
    }
}

pub(super) fn default_field_ref(field: &mut ObjectFieldSelector) {
    default_text(&mut field.api_version, "v1");
}

/// A divisor of zero stands for one, and is shown.
pub(super) fn default_resource_field_ref(field: &mut ResourceFieldSelector) {
    amount::canonicalize(field.divisor.get_or_insert_with(|| Quantity("0".into())));
}

fn default_probe(probe: &mut Probe) {
    default_number(&mut probe.timeout_seconds, 1);
    default_number(&mut probe.period_seconds, 10);
    default_number(&mut probe.success_threshold, 1);
    default_number(&mut probe.failure_threshold, 3);
    probe.http_get.iter_mut().for_each(default_http_get);
    if let Some(grpc) = &mut probe.grpc {
        grpc.service.get_or_insert_default();
    }
}

fn default_lifecycle(lifecycle: &mut Lifecycle) {
    for handler in [&mut lifecycle.post_start, &mut lifecycle.pre_stop]
        .into_iter()
        .flatten()
    {
        let LifecycleHandler { http_get, .. } = handler;
        http_get.iter_mut().for_each(default_http_get);
    }
}

fn default_http_get(action: &mut HTTPGetAction) {
    default_text(&mut action.path, "/");
    default_text(&mut action.scheme, "HTTP");
}
