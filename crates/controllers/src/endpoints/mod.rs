//! The older form of endpoint slices: one Endpoints object for each service with a selector.

mod subsets;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Endpoints, Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_client::{EventType, Informer, ObjectKey, Queue, Snapshot};
use parking_lot::Mutex;

use crate::endpoint_slice::queue_services_of_pods;
use crate::{Action, Controller, Note, Plan, Watched};

/// The label that says who keeps an Endpoints object.
const MANAGED_BY: (&str, &str) = ("endpoints.kubernetes.io/managed-by", "endpoint-controller");
/// What marks those of a service without an address of its own.
const HEADLESS: &str = "service.kubernetes.io/headless";
/// What marks those that do not hold all addresses.
const OVER_CAPACITY: (&str, &str) = ("endpoints.kubernetes.io/over-capacity", "truncated");

/// What marks those by which a leader is elected.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
/// So many services that went are remembered, at most.
const WENT: usize = 16_384;

/// The controller. Its keys are services.
pub struct EndpointsOfServices {
    /// Services.
    pub services: Informer<Service>,
    /// Pods.
    pub pods: Informer<Pod>,
    /// Endpoints.
    pub endpoints: Informer<Endpoints>,
    went: Arc<Mutex<Went>>,
}

/// The services that were seen to go and whose Endpoints were not seen to follow.
type Went = imbl::OrdSet<ObjectKey>;

/// What a plan looks at.
pub struct View {
    /// Services.
    pub services: Snapshot<Service>,
    /// Pods.
    pub pods: Snapshot<Pod>,
    /// Endpoints.
    pub endpoints: Snapshot<Endpoints>,
    /// The services that were seen to go and whose Endpoints were not seen to follow.
    pub went: imbl::OrdSet<ObjectKey>,
}

impl EndpointsOfServices {
    /// The controller.
    pub fn new(
        services: Informer<Service>,
        pods: Informer<Pod>,
        endpoints: Informer<Endpoints>,
    ) -> Self {
        Self {
            services,
            pods,
            endpoints,
            went: Arc::default(),
        }
    }
}

impl Controller for EndpointsOfServices {
    const NAME: &'static str = "endpoint-controller";
    const ACCOUNT: &'static str = "endpoint-controller";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let (q, went) = (queue.clone(), self.went.clone());
        self.services.on_change(move |old, new| {
            let Some(service) = new.or(old) else { return };
            let key = ObjectKey::of(&service.metadata);
            match new {
                None => remember(&mut went.lock(), &key),
                Some(_) => drop(went.lock().remove(&key)),
            }
            q.add(key);
        });
        queue_services_of_pods(queue, &self.services, &self.pods);
        let (q, went) = (queue.clone(), self.went.clone());
        self.endpoints.on_change(move |old, new| {
            let Some(endpoints) = new.or(old) else { return };
            let key = ObjectKey::of(&endpoints.metadata);
            // Those that are made anew are for a service to come.
            if old.is_none() || new.is_none() {
                went.lock().remove(&key);
            }
            q.add(key);
        });
        // What went while nobody looked is not known: at start, as in Kubernetes, all that are there without a service go.
        for endpoints in self.endpoints.snapshot().iter().filter(|it| !is_lock(it)) {
            let key = ObjectKey::of(&endpoints.metadata);
            if self.services.get(&key).is_none() {
                remember(&mut self.went.lock(), &key);
            }
        }
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.services, &self.pods, &self.endpoints]
    }

    fn view(&self) -> View {
        View {
            services: self.services.snapshot(),
            pods: self.pods.snapshot(),
            endpoints: self.endpoints.snapshot(),
            went: self.went.lock().clone(),
        }
    }

    fn plan(&self, _now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan(view, key)
    }
}

/// Notes that a service went; beyond the bound the notes are of no use, and those who made Endpoints by hand remove them by hand.
fn remember(went: &mut Went, key: &ObjectKey) {
    if went.len() < WENT {
        went.insert(key.clone());
    }
}

/// Whether somebody elects a leader by this object.
fn is_lock(endpoints: &Endpoints) -> bool {
    let annotations = endpoints.metadata.annotations.as_ref();
    annotations.is_some_and(|all| all.contains_key(LEADER))
}

/// What brings a service's Endpoints to what its pods are.
pub fn plan(view: &View, key: &ObjectKey) -> Plan {
    let mut plan = Plan::nothing();
    let existing = view.endpoints.get(key);
    let Some(service) = view.services.get(key) else {
        // Those that somebody made by hand may be there before their service; but they go with it.
        if let Some(left) = existing.filter(|left| is_ours(left) || view.went.contains(key)) {
            plan.then(Action::delete(left.as_ref()));
        }
        return plan;
    };
    let Some(spec) = &service.spec else {
        return plan;
    };
    let selects = spec
        .selector
        .as_ref()
        .is_some_and(|selector| !selector.is_empty());
    if !selects
        || spec.type_.as_deref() == Some("ExternalName")
        || service.metadata.deletion_timestamp.is_some()
    {
        return plan;
    }
    let mut subsets = subsets::of(service, &view.pods);
    let truncated = subsets::truncate(&mut subsets);
    let mut next = existing.map_or_else(|| fresh(service), |existing| (**existing).clone());
    next.subsets = (!subsets.is_empty()).then_some(subsets);
    next.metadata.labels = Some(labels(service));
    let annotations = next.metadata.annotations.get_or_insert_default();
    match truncated {
        true => drop(annotations.insert(OVER_CAPACITY.0.into(), OVER_CAPACITY.1.into())),
        false => drop(annotations.remove(OVER_CAPACITY.0)),
    }
    if annotations.is_empty() {
        next.metadata.annotations = None;
    }
    match existing {
        None => plan.then(Action::create(next).complaining(complaint(
            service,
            "FailedToCreateEndpoint",
            "create endpoint for service",
        ))),
        Some(existing) if **existing != next => plan.then(Action::update(next).complaining(
            complaint(service, "FailedToUpdateEndpoint", "update endpoint"),
        )),
        Some(_) => &mut plan,
    };
    plan
}

fn is_ours(endpoints: &Endpoints) -> bool {
    let labels = endpoints.metadata.labels.as_ref();
    labels
        .and_then(|labels| labels.get(MANAGED_BY.0))
        .is_some_and(|by| by == MANAGED_BY.1)
}

fn fresh(service: &Service) -> Endpoints {
    Endpoints {
        metadata: ObjectMeta {
            name: service.metadata.name.clone(),
            namespace: service.metadata.namespace.clone(),
            ..Default::default()
        },
        subsets: None,
    }
}

fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    let address = service
        .spec
        .as_ref()
        .and_then(|spec| spec.cluster_ip.as_deref())
        .unwrap_or("");
    if matches!(address, "" | "None") {
        labels.insert(HEADLESS.into(), String::new());
    } else {
        labels.remove(HEADLESS);
    }
    labels.insert(MANAGED_BY.0.into(), MANAGED_BY.1.into());
    labels
}

fn complaint(service: &Arc<Service>, reason: &'static str, what: &str) -> Note {
    Note {
        about: service.clone(),
        kind: EventType::Warning,
        reason,
        message: format!("Failed to {what} {}: ", ObjectKey::of(&service.metadata)),
    }
}

#[cfg(test)]
mod tests;
