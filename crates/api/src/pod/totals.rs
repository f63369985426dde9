//! What the containers of a pod need together.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::absent::items;
use super::amount;

/// Amounts by the name of their resource.
pub(super) type Amounts = BTreeMap<String, Quantity>;

/// What a pod is to be reserved: what its containers ask for together or, of the resources that it asks for as a whole, that; and its
/// overhead. Kubernetes' `PodRequests`.
pub fn requests(spec: &PodSpec) -> BTreeMap<String, Quantity> {
    let mut all = container_requests(spec);
    let own = spec.resources.as_ref().and_then(|own| own.requests.clone());
    all.extend(own.into_iter().flatten());
    add(&mut all, spec.overhead.as_ref());
    all
}

/// What a pod may use: as [`requests`], but that its overhead is added only to what is limited. Kubernetes' `PodLimits`.
pub(crate) fn limits(spec: &PodSpec) -> Amounts {
    let mut all = container_limits(spec);
    let own = spec.resources.as_ref().and_then(|own| own.limits.clone());
    all.extend(own.into_iter().flatten());
    for (name, more) in spec.overhead.iter().flatten() {
        if let Some(limit) = all.get_mut(name) {
            *limit = amount::add(limit, more);
        }
    }
    all
}

/// What all containers ask for: see [`together`].
pub(crate) fn container_requests(spec: &PodSpec) -> Amounts {
    together(spec, |container| {
        container
            .resources
            .as_ref()
            .and_then(|resources| resources.requests.as_ref())
    })
}

/// What all containers may use: see [`together`].
pub(crate) fn container_limits(spec: &PodSpec) -> Amounts {
    together(spec, |container| {
        container
            .resources
            .as_ref()
            .and_then(|resources| resources.limits.as_ref())
    })
}

/// The most that is needed at one time: all containers with all sidecars, or an init container with the sidecars before it.
fn together(spec: &PodSpec, of: impl Fn(&Container) -> Option<&Amounts>) -> Amounts {
    let mut running = Amounts::new();
    for container in &spec.containers {
        add(&mut running, of(container));
    }
    let mut sidecars = Amounts::new();
    let mut starting = Amounts::new();
    for container in items(&spec.init_containers) {
        let own = of(container);
        if is_sidecar(container) {
            add(&mut running, own);
            add(&mut sidecars, own);
            raise(&mut starting, &sidecars);
        } else {
            let mut step = sidecars.clone();
            add(&mut step, own);
            raise(&mut starting, &step);
        }
    }
    raise(&mut running, &starting);
    running
}

/// Whether an init container keeps running beside the others.
pub(super) fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

fn add(sum: &mut Amounts, more: Option<&Amounts>) {
    for (name, amount) in more.into_iter().flatten() {
        sum.entry(name.clone())
            .and_modify(|sum| *sum = amount::add(sum, amount))
            .or_insert_with(|| amount.clone());
    }
}

fn raise(most: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        if most
            .get(name)
            .is_none_or(|most| amount::compare(amount, most).is_gt())
        {
            most.insert(name.clone(), amount.clone());
        }
    }
}
