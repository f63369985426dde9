//! Fields whose features are not on in Kubernetes 1.36 by default: they are dropped, unless the object has them already.

use k8s_openapi::api::core::v1::{Container, Lifecycle, PodSpec, VolumeProjection};

use super::super::absent::{items, items_mut};

/// Drops from `spec` what is not on: cluster trust bundles, pod certificates, scheduling groups and stop signals.
pub(in super::super) fn drop_disabled(spec: &mut PodSpec, old: Option<&PodSpec>) {
    if !old.is_some_and(|old| projects(old, |source| source.cluster_trust_bundle.is_some())) {
        each_projection(spec, |source| source.cluster_trust_bundle = None);
    }
    if !old.is_some_and(|old| projects(old, |source| source.pod_certificate.is_some())) {
        each_projection(spec, |source| source.pod_certificate = None);
    }
    if old.is_none_or(|old| old.scheduling_group.is_none()) {
        spec.scheduling_group = None;
    }
    if !old.is_some_and(has_stop_signal) {
        let containers = spec
            .containers
            .iter_mut()
            .chain(items_mut(&mut spec.init_containers));
        containers.for_each(|container| drop_stop_signal(&mut container.lifecycle));
        items_mut(&mut spec.ephemeral_containers)
            .iter_mut()
            .for_each(|container| drop_stop_signal(&mut container.lifecycle));
    }
}

fn projects(spec: &PodSpec, has: impl Fn(&VolumeProjection) -> bool) -> bool {
    let projected = items(&spec.volumes)
        .iter()
        .filter_map(|volume| volume.projected.as_ref());
    projected
        .flat_map(|projected| items(&projected.sources))
        .any(has)
}

fn each_projection(spec: &mut PodSpec, change: impl Fn(&mut VolumeProjection)) {
    let projected = items_mut(&mut spec.volumes)
        .iter_mut()
        .filter_map(|volume| volume.projected.as_mut());
    projected
        .flat_map(|projected| items_mut(&mut projected.sources))
        .for_each(change);
}

fn has_stop_signal(spec: &PodSpec) -> bool {
    let signals = |container: &Container| {
        container
            .lifecycle
            .as_ref()
            .is_some_and(|lifecycle| lifecycle.stop_signal.is_some())
    };
    spec.containers
        .iter()
        .chain(items(&spec.init_containers))
        .any(signals)
}

fn drop_stop_signal(lifecycle: &mut Option<Lifecycle>) {
    if let Some(present) = lifecycle
        && present.stop_signal.take().is_some()
        && *present == Lifecycle::default()
    {
        *lifecycle = None;
    }
}
