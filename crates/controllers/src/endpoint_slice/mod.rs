//! Which pods stand behind a service: endpoint slices.

pub(crate) mod endpoint;
mod slices;

pub(crate) use slices::{Group, encode, group_of};

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use navarch_client::{Index, Informer, ObjectKey, Queue, Snapshot};

use crate::{Controller, Plan, Watched};

/// The label that ties a slice to its service.
pub(crate) const SERVICE: &str = "kubernetes.io/service-name";
/// The label that says who keeps a slice.
pub(crate) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
/// What it says of ours.
const US: &str = "endpointslice-controller.k8s.io";

/// The slices that this controller keeps, by `namespace/service`.
pub fn slices_by_service() -> Index<EndpointSlice> {
    Index {
        name: "service",
        values: |slice| managed_keys(slice, US),
    }
}

/// The service of a slice as `namespace/service`, if it is `manager` that keeps the slice.
pub(crate) fn managed_keys(slice: &EndpointSlice, manager: &str) -> Vec<String> {
    let Some(labels) = &slice.metadata.labels else {
        return Vec::new();
    };
    if labels.get(MANAGED_BY).map(String::as_str) != Some(manager) {
        return Vec::new();
    }
    let namespace = slice.metadata.namespace.as_deref().unwrap_or("");
    labels
        .get(SERVICE)
        .map(|service| format!("{namespace}/{service}"))
        .into_iter()
        .collect()
}

/// The controller. Slices need the index [`slices_by_service`].
pub struct EndpointSlices {
    /// Services.
    pub services: Informer<Service>,
    /// Pods.
    pub pods: Informer<Pod>,
    /// Nodes: for their zones.
    pub nodes: Informer<Node>,
    /// Endpoint slices.
    pub slices: Informer<EndpointSlice>,
}

/// What a plan looks at.
pub struct View {
    /// Services.
    pub services: Snapshot<Service>,
    /// Pods.
    pub pods: Snapshot<Pod>,
    /// Nodes.
    pub nodes: Snapshot<Node>,
    /// Endpoint slices.
    pub slices: Snapshot<EndpointSlice>,
}

impl Controller for EndpointSlices {
    const NAME: &'static str = "endpoint-slice-controller";
    const ACCOUNT: &'static str = "endpointslice-controller";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.services.on_change(move |old, new| {
            if let Some(service) = new.or(old) {
                q.add(ObjectKey::of(&service.metadata));
            }
        });
        queue_services_of_pods(queue, &self.services, &self.pods);
        let q = queue.clone();
        self.slices.on_change(move |old, new| {
            for slice in [old, new].into_iter().flatten() {
                if let Some(service) = (slices_by_service().values)(slice)
                    .first()
                    .and_then(|key| key.split_once('/'))
                {
                    q.add(ObjectKey::new(service.0, service.1));
                }
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.services, &self.pods, &self.nodes, &self.slices]
    }

    fn view(&self) -> View {
        View {
            services: self.services.snapshot(),
            pods: self.pods.snapshot(),
            nodes: self.nodes.snapshot(),
            slices: self.slices.snapshot(),
        }
    }

    fn plan(&self, _now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        slices::plan(view, key)
    }
}

/// Has the services queued that select a changed pod, or selected it before.
pub(crate) fn queue_services_of_pods(
    queue: &Arc<Queue<ObjectKey>>,
    services: &Informer<Service>,
    pods: &Informer<Pod>,
) {
    let (q, services) = (queue.clone(), services.clone());
    pods.on_change(move |old, new| {
        if let (Some(old), Some(new)) = (old, new)
            && endpoint::looks_same(old, new)
        {
            return;
        }
        let Some(pod) = new.or(old) else { return };
        let services = services.snapshot();
        for service in services.in_namespace(pod.metadata.namespace.as_deref().unwrap_or("")) {
            if [old, new]
                .into_iter()
                .flatten()
                .any(|pod| selects(service, pod))
            {
                q.add(ObjectKey::of(&service.metadata));
            }
        }
    });
}

fn selector(service: &Service) -> Option<&BTreeMap<String, String>> {
    let selector = service.spec.as_ref()?.selector.as_ref();
    selector.filter(|selector| !selector.is_empty())
}

/// Whether a service finds its endpoints itself, and nobody has to keep them by hand.
pub(crate) fn has_selector(service: &Service) -> bool {
    selector(service).is_some()
}

/// Whether a service with a selector selects the pod.
pub(crate) fn selects(service: &Service, pod: &Pod) -> bool {
    let Some(selector) = selector(service) else {
        return false;
    };
    let labels = pod.metadata.labels.as_ref();
    selector
        .iter()
        .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

#[cfg(test)]
mod tests;
