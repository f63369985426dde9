use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Node, Pod, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use navarch_api::call::Body;
use navarch_api::def::Verb;
use navarch_client::{ObjectKey, Snapshot};
use navarch_machinery::object::downcast;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{View, slices, slices_by_service};
use crate::Plan;

fn service(more: Value) -> Service {
    let mut spec = json!({"selector": {"app": "a"}, "clusterIP": "10.96.0.9", "ports": [{"name": "web", "port": 80, "targetPort": "web"}]});
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    let metadata = json!({"namespace": "ns", "name": "s", "uid": "s", "labels": {"own": "label"}});
    serde_json::from_value(
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}),
    )
    .unwrap()
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct State {
    ready: bool,
    port: i32,
    going: bool,
}

const FINE: State = State {
    ready: true,
    port: 8080,
    going: false,
};

fn pod(number: usize, state: State) -> Pod {
    let name = format!("p{number:04}");
    let ready = if state.ready { "True" } else { "False" };
    let port = json!({"name": "web", "containerPort": state.port});
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "namespace": "ns", "name": name, "uid": name, "labels": {"app": "a"},
            "deletionTimestamp": state.going.then_some("2024-01-01T00:00:00Z"),
        },
        "spec": {"nodeName": "n", "containers": [{"name": "c", "ports": [port]}]},
        "status": {
            "phase": "Running", "podIP": format!("10.0.{}.{}", number / 250, number % 250),
            "conditions": [{"type": "Ready", "status": ready}],
        },
    });
    serde_json::from_value(pod).unwrap()
}

struct Cluster {
    services: Vec<Service>,
    pods: BTreeMap<usize, State>,
    slices: BTreeMap<String, EndpointSlice>,
    made: usize,
}

impl Cluster {
    fn of(service: Service, pods: impl IntoIterator<Item = (usize, State)>) -> Self {
        Self {
            services: vec![service],
            pods: pods.into_iter().collect(),
            slices: BTreeMap::new(),
            made: 0,
        }
    }

    fn plan(&self) -> Plan {
        let zone = json!({"topology.kubernetes.io/zone": "z"});
        let node =
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "labels": zone}});
        let view = View {
            services: Snapshot::of(self.services.clone(), &[]),
            pods: Snapshot::of(
                self.pods.iter().map(|(number, state)| pod(*number, *state)),
                &[],
            ),
            nodes: Snapshot::of([serde_json::from_value::<Node>(node).unwrap()], &[]),
            slices: Snapshot::of(self.slices.values().cloned(), &[slices_by_service()]),
        };
        slices::plan(&view, &ObjectKey::new("ns", "s"))
    }

    /// Carries the plan out; answers how many writes that took. After it nothing more is to do.
    fn sync(&mut self) -> usize {
        let plan = self.plan();
        let mut writes = 0;
        for action in plan.steps.into_iter().flat_map(|step| step.actions) {
            writes += 1;
            match (action.call.verb, action.call.body) {
                (Verb::Create, Body::Object(slice)) => {
                    let mut slice = (*downcast::<EndpointSlice>(slice).unwrap()).clone();
                    self.made += 1;
                    let name = format!(
                        "{}{}",
                        slice.metadata.generate_name.clone().unwrap(),
                        self.made
                    );
                    slice.metadata.name = Some(name.clone());
                    self.slices.insert(name, slice);
                }
                (Verb::Update, Body::Object(slice)) => {
                    let slice = (*downcast::<EndpointSlice>(slice).unwrap()).clone();
                    let old = self
                        .slices
                        .insert(slice.metadata.name.clone().unwrap(), slice.clone())
                        .unwrap();
                    assert_ne!(old, slice, "a write that changes nothing");
                    assert_eq!(old.address_type, slice.address_type);
                }
                (Verb::Delete, _) => drop(self.slices.remove(&action.call.name.unwrap()).unwrap()),
                other => panic!("{other:?}"),
            }
        }
        assert!(self.plan().is_empty());
        writes
    }

    fn endpoints(&self) -> Vec<&Endpoint> {
        self.slices
            .values()
            .flat_map(|slice| slice.endpoints.iter().flatten())
            .collect()
    }

    fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<usize> = self
            .slices
            .values()
            .map(|slice| slice.endpoints.iter().flatten().count())
            .collect();
        sizes.sort_unstable();
        sizes
    }

    /// The ready, serving and terminating conditions of the only endpoint.
    fn conditions(&self) -> (bool, bool, bool) {
        let conditions = self.endpoints()[0].conditions.clone().unwrap();
        (
            conditions.ready.unwrap(),
            conditions.serving.unwrap(),
            conditions.terminating.unwrap(),
        )
    }
}

fn many(count: usize) -> Vec<(usize, State)> {
    (0..count).map(|number| (number, FINE)).collect()
}

#[test]
fn a_slice_holds_a_hundred_endpoints() {
    let mut cluster = Cluster::of(service(json!({})), many(250));
    assert_eq!(cluster.sync(), 3);
    assert_eq!(cluster.sizes(), [50, 100, 100]);
    let slice = cluster.slices.values().next().unwrap();
    let labels = json!({
        "own": "label", "kubernetes.io/service-name": "s",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    });
    assert_eq!(json!(slice.metadata.labels), labels);
    assert_eq!(
        json!(slice.ports),
        json!([{"name": "web", "port": 8080, "protocol": "TCP"}])
    );
    let owner = &slice.metadata.owner_references.as_ref().unwrap()[0];
    assert_eq!((owner.kind.as_str(), owner.uid.as_str()), ("Service", "s"));
    let endpoint = cluster.endpoints()[0];
    assert_eq!(
        (endpoint.zone.as_deref(), endpoint.node_name.as_deref()),
        (Some("z"), Some("n"))
    );
}

#[test]
fn one_change_is_one_write() {
    let mut cluster = Cluster::of(service(json!({})), many(250));
    cluster.sync();
    cluster.pods.insert(
        7,
        State {
            ready: false,
            ..FINE
        },
    );
    assert_eq!(cluster.sync(), 1);
    cluster.pods.insert(250, FINE);
    assert_eq!(cluster.sync(), 1);
    cluster.pods.remove(&3);
    assert_eq!(cluster.sync(), 1);
    // What goes and what comes at once share a write.
    cluster.pods.remove(&4);
    cluster.pods.insert(251, FINE);
    assert_eq!(cluster.sync(), 1);
}

#[test]
fn pods_whose_named_ports_differ_do_not_share_a_slice() {
    let mut cluster = Cluster::of(
        service(json!({})),
        [(1, FINE), (2, State { port: 9090, ..FINE })],
    );
    cluster.sync();
    assert_eq!(cluster.sizes(), [1, 1]);
    let ports: BTreeSet<i32> = cluster
        .slices
        .values()
        .map(|slice| slice.ports.as_ref().unwrap()[0].port.unwrap())
        .collect();
    assert_eq!(ports, BTreeSet::from([8080, 9090]));
}

#[test]
fn conditions_tell_readiness_and_the_end() {
    let with = |publish: bool, state: State| {
        let mut cluster = Cluster::of(
            service(json!({"publishNotReadyAddresses": publish})),
            [(1, state)],
        );
        cluster.sync();
        cluster.conditions()
    };
    assert_eq!(with(false, FINE), (true, true, false));
    assert_eq!(
        with(
            false,
            State {
                ready: false,
                ..FINE
            }
        ),
        (false, false, false)
    );
    assert_eq!(
        with(
            false,
            State {
                going: true,
                ..FINE
            }
        ),
        (false, true, true)
    );
    assert_eq!(
        with(
            true,
            State {
                ready: false,
                ..FINE
            }
        ),
        (true, false, false)
    );
    assert_eq!(
        with(
            true,
            State {
                going: true,
                ..FINE
            }
        ),
        (true, true, true)
    );
}

#[test]
fn a_headless_service_is_marked_on_its_slices() {
    let mut cluster = Cluster::of(
        service(json!({"clusterIP": "None", "ports": null})),
        [(1, FINE)],
    );
    cluster.sync();
    let slice = cluster.slices.values().next().unwrap();
    assert_eq!(
        slice.metadata.labels.as_ref().unwrap()["service.kubernetes.io/headless"],
        ""
    );
    assert_eq!(cluster.sizes(), [1]);
}

#[test]
fn a_service_without_pods_has_one_empty_slice() {
    let mut cluster = Cluster::of(service(json!({})), many(250));
    cluster.sync();
    cluster.pods.clear();
    cluster.sync();
    assert_eq!(cluster.sizes(), [0]);
    cluster.pods.insert(1, FINE);
    assert_eq!(cluster.sync(), 1);
    assert_eq!(cluster.sizes(), [1]);
}

#[test]
fn without_a_selector_the_own_slices_go_and_others_stay() {
    let mut cluster = Cluster::of(service(json!({})), [(1, FINE)]);
    cluster.sync();
    let mut others = cluster.slices.values().next().unwrap().clone();
    others.metadata.name = Some("by-hand".into());
    others
        .metadata
        .labels
        .as_mut()
        .unwrap()
        .remove(super::MANAGED_BY);
    cluster.slices.insert("by-hand".into(), others);
    cluster.services = vec![service(json!({"selector": null}))];
    cluster.sync();
    assert_eq!(cluster.slices.keys().collect::<Vec<_>>(), ["by-hand"]);
}

fn state() -> impl Strategy<Value = Option<State>> {
    let state = (
        any::<bool>(),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.1),
    );
    let state = state.prop_map(|(ready, usual, going)| State {
        ready,
        port: if usual { 8080 } else { 9090 },
        going,
    });
    prop::option::weighted(0.8, state)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn slices_follow_their_pods_with_few_writes(
        rounds in prop::collection::vec(prop::collection::vec((0..220usize, state()), 0..100), 1..5)
    ) {
        let mut cluster = Cluster::of(service(json!({})), []);
        cluster.sync();
        for round in rounds {
            let before = cluster.pods.clone();
            for (number, state) in round {
                match state {
                    Some(state) => cluster.pods.insert(number, state),
                    None => cluster.pods.remove(&number),
                };
            }
            let all: BTreeSet<usize> = before.keys().chain(cluster.pods.keys()).copied().collect();
            let pairs = all.iter().map(|number| (before.get(number), cluster.pods.get(number)));
            let changed = pairs.clone().filter(|(old, new)| old != new).count();
            let moved = pairs.filter(|(old, new)| matches!((old, new), (Some(old), Some(new)) if old.port != new.port)).count();
            let slices = cluster.slices.len();
            let writes = cluster.sync();
            // Each change is a write at most, and one more for a pod whose port changes: it leaves one slice and enters another.
            prop_assert!(writes <= changed + moved, "{} writes for {} changes, {} moves", writes, changed, moved);
            prop_assert!(writes <= slices + cluster.slices.len());
            let mut seen = BTreeSet::new();
            for slice in cluster.slices.values() {
                prop_assert!(slice.endpoints.iter().flatten().count() <= 100);
                for endpoint in slice.endpoints.iter().flatten() {
                    let uid = endpoint.target_ref.as_ref().unwrap().uid.clone().unwrap();
                    let number: usize = uid[1..].parse().unwrap();
                    let state = cluster.pods[&number];
                    prop_assert_eq!(slice.ports.as_ref().unwrap()[0].port, Some(state.port));
                    let ready = endpoint.conditions.as_ref().unwrap().ready;
                    prop_assert_eq!(ready, Some(state.ready && !state.going));
                    prop_assert!(seen.insert(number), "twice: {}", uid);
                }
            }
            prop_assert_eq!(seen.len(), cluster.pods.len());
        }
    }
}

#[test]
fn slices_of_a_service_that_had_the_name_before_are_not_reused() {
    let mut cluster = Cluster::of(service(json!({})), [(1, FINE)]);
    cluster.sync();
    cluster.services[0].metadata.uid = Some("another".into());
    cluster.sync();
    assert_eq!(cluster.slices.len(), 1);
    let owners = cluster.slices.values().map(|slice| {
        slice.metadata.owner_references.as_ref().unwrap()[0]
            .uid
            .as_str()
    });
    assert_eq!(owners.collect::<Vec<_>>(), ["another"]);
}

#[test]
fn a_slice_that_is_being_deleted_is_replaced() {
    let mut cluster = Cluster::of(service(json!({})), [(1, FINE)]);
    cluster.sync();
    for slice in cluster.slices.values_mut() {
        slice.metadata.deletion_timestamp = Some(
            k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH),
        );
    }
    cluster.sync();
    assert_eq!(cluster.slices.len(), 2);
}

#[test]
fn a_service_without_pods_has_an_empty_slice_of_each_family() {
    let both = json!({"ipFamilies": ["IPv4", "IPv6"]});
    let mut cluster = Cluster::of(service(both), []);
    cluster.sync();
    let families = cluster
        .slices
        .values()
        .map(|slice| slice.address_type.as_str());
    assert_eq!(
        families.collect::<BTreeSet<_>>(),
        BTreeSet::from(["IPv4", "IPv6"])
    );
}
