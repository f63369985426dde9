//! What stays as it was when resources change.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, ResourceRequirements};

use super::super::absent::{entries, items};
use super::super::totals::Amounts;

/// Keeps everything but resources and resize policies as it was. Where containers come, go or change places nothing is
/// kept, and the checks tell it.
pub(in super::super) fn keep_the_rest(pod: &mut Pod, old: &Pod) {
    let (Some(spec), Some(before)) = (pod.spec.take(), old.spec.as_ref()) else {
        return;
    };
    let (containers, init) = (
        merge(&spec.containers, &before.containers),
        merge(items(&spec.init_containers), items(&before.init_containers)),
    );
    let (Some(containers), Some(init)) = (containers, init) else {
        pod.spec = Some(spec);
        return;
    };
    let init_containers = before.init_containers.as_ref().map(|_| init);
    pod.spec = Some(PodSpec {
        resources: spec.resources,
        containers,
        init_containers,
        ..before.clone()
    });
}

/// The old containers with the new ones' resources, if they are the same containers.
fn merge(new: &[Container], old: &[Container]) -> Option<Vec<Container>> {
    let same = new.len() == old.len() && new.iter().zip(old).all(|(new, old)| new.name == old.name);
    let merged = |(new, old): (&Container, &Container)| Container {
        resources: new.resources.clone(),
        resize_policy: new.resize_policy.clone(),
        ..old.clone()
    };
    same.then(|| new.iter().zip(old).map(merged).collect())
}

/// Gives a container its old processor and memory back.
pub(super) fn mask(new: &mut Container, old: &Container) {
    let none = ResourceRequirements::default();
    let before = old.resources.as_ref().unwrap_or(&none);
    let mut masked = masked(new.resources.as_ref().unwrap_or(&none), before);
    masked.claims = None;
    new.resources = old
        .resources
        .as_ref()
        .map(|_| masked.clone())
        .or(Some(masked));
}

/// The new resources with the old processor and memory.
pub(super) fn masked(
    new: &ResourceRequirements,
    old: &ResourceRequirements,
) -> ResourceRequirements {
    let mask = |new: &Option<Amounts>, old: &Option<Amounts>| {
        let of = |name: &str| {
            old.as_ref()
                .and_then(|old| old.get(name))
                .map(|amount| (name.to_owned(), amount.clone()))
        };
        let kept = entries(new).filter(|(name, _)| !matches!(name.as_str(), "cpu" | "memory"));
        let mut masked: Amounts = kept
            .map(|(name, amount)| (name.clone(), amount.clone()))
            .collect();
        masked.extend(of("cpu"));
        masked.extend(of("memory"));
        Some(masked)
    };
    ResourceRequirements {
        claims: new.claims.clone(),
        limits: mask(&new.limits, &old.limits),
        requests: mask(&new.requests, &old.requests),
    }
}
