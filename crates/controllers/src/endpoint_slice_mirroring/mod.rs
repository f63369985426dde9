//! Endpoints that somebody keeps by hand, for a service without a selector, as endpoint slices: who consumes slices need not know
//! the older form.

mod addresses;
mod slices;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use navarch_client::{Index, Informer, ObjectKey, Queue, Snapshot};

use crate::endpoint_slice::{has_selector, managed_keys};
use crate::{Controller, Plan, Watched};

/// What the label of slices that are kept here says of their keeper.
const US: &str = "endpointslicemirroring-controller.k8s.io";
/// With the value `true` on Endpoints: they are not to be mirrored.
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
/// What marks Endpoints that are not about endpoints at all, but a lock between candidates.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";

/// The slices that this controller keeps, by `namespace/service`.
pub fn mirrors_by_service() -> Index<EndpointSlice> {
    Index {
        name: "mirrored service",
        values: |slice| managed_keys(slice, US),
    }
}

/// The controller. Its keys are those of Endpoints and of their services, which are the same. Slices need the index
/// [`mirrors_by_service`].
pub struct EndpointSliceMirroring {
    /// Services.
    pub services: Informer<Service>,
    /// Endpoints.
    pub endpoints: Informer<Endpoints>,
    /// Endpoint slices.
    pub slices: Informer<EndpointSlice>,
}

/// What a plan looks at.
pub struct View {
    /// Services.
    pub services: Snapshot<Service>,
    /// Endpoints.
    pub endpoints: Snapshot<Endpoints>,
    /// Endpoint slices.
    pub slices: Snapshot<EndpointSlice>,
}

impl Controller for EndpointSliceMirroring {
    const NAME: &'static str = "endpoint-slice-mirroring-controller";
    const ACCOUNT: &'static str = "endpointslicemirroring-controller";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.services.on_change(move |old, new| {
            let mut sides = [old, new].into_iter().flatten();
            if sides.clone().any(|service| !has_selector(service))
                && let Some(service) = sides.next()
            {
                q.add(ObjectKey::of(&service.metadata));
            }
        });
        let q = queue.clone();
        self.endpoints.on_change(move |old, new| {
            let mut sides = [old, new].into_iter().flatten();
            // Locks change every few seconds.
            if sides.clone().any(|endpoints| is_to_mirror(endpoints))
                && let Some(endpoints) = sides.next()
            {
                q.add(ObjectKey::of(&endpoints.metadata));
            }
        });
        let q = queue.clone();
        self.slices.on_change(move |old, new| {
            for slice in [old, new].into_iter().flatten() {
                for key in managed_keys(slice, US) {
                    if let Some((namespace, service)) = key.split_once('/') {
                        q.add(ObjectKey::new(namespace, service));
                    }
                }
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.services, &self.endpoints, &self.slices]
    }

    fn view(&self) -> View {
        View {
            services: self.services.snapshot(),
            endpoints: self.endpoints.snapshot(),
            slices: self.slices.snapshot(),
        }
    }

    fn plan(&self, _now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan(view, key)
    }
}

/// What brings the mirrors of Endpoints to what they say.
pub fn plan(view: &View, key: &ObjectKey) -> Plan {
    let existing: Vec<&Arc<EndpointSlice>> = view
        .slices
        .by_index(mirrors_by_service(), &key.to_string())
        .filter(|slice| slice.metadata.deletion_timestamp.is_none())
        .collect();
    let endpoints = view.endpoints.get(key);
    let endpoints = endpoints.filter(|endpoints| is_to_mirror(endpoints));
    // A service with a selector gets its slices from its pods.
    let wants = view
        .services
        .get(key)
        .is_some_and(|service| !has_selector(service));
    match endpoints.filter(|_| wants) {
        Some(endpoints) => slices::mirror(endpoints, existing),
        None => slices::remove(&existing),
    }
}

fn is_to_mirror(endpoints: &Endpoints) -> bool {
    let (labels, annotations) = (&endpoints.metadata.labels, &endpoints.metadata.annotations);
    let skipped = labels.as_ref().and_then(|labels| labels.get(SKIP));
    let is_lock = annotations
        .as_ref()
        .is_some_and(|annotations| annotations.contains_key(LEADER));
    skipped.is_none_or(|value| value != "true") && !is_lock
}

#[cfg(test)]
mod tests;
