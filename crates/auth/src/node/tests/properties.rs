//! The graph knows what a look at all pods and volumes finds, whatever came and went before.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolume, Pod};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::node::{Kind, NodeGraph};

const NAMESPACES: &[&str] = &["a", "b"];
const NAMES: &[&str] = &["x", "y"];
const NODES: &[&str] = &["n1", "n2", ""];

#[derive(Debug, Clone)]
struct OfPod {
    node: &'static str,
    secret: &'static str,
    claim: &'static str,
}

#[derive(Debug, Clone)]
struct OfVolume {
    claim: (&'static str, &'static str),
    secret: (&'static str, &'static str),
}

#[derive(Debug, Clone)]
enum Event {
    Pod((&'static str, &'static str), Option<OfPod>),
    Volume(&'static str, Option<OfVolume>),
}

fn place() -> impl Strategy<Value = (&'static str, &'static str)> {
    (select(NAMESPACES), select(NAMES))
}

fn event() -> impl Strategy<Value = Event> {
    let pod = (select(NODES), select(NAMES), select(NAMES));
    let pod = pod.prop_map(|(node, secret, claim)| OfPod {
        node,
        secret,
        claim,
    });
    let volume = (place(), place()).prop_map(|(claim, secret)| OfVolume { claim, secret });
    prop_oneof![
        3 => (place(), prop::option::weighted(0.7, pod)).prop_map(|(place, pod)| Event::Pod(place, pod)),
        2 => (select(NAMES), prop::option::weighted(0.7, volume)).prop_map(|(name, volume)| Event::Volume(name, volume)),
    ]
}

#[derive(Default)]
struct Model {
    pods: BTreeMap<(&'static str, &'static str), OfPod>,
    volumes: BTreeMap<&'static str, OfVolume>,
}

impl Model {
    fn needs(&self, node: &str, kind: Kind, namespace: &str, name: &str) -> bool {
        let own = || self.pods.iter().filter(|(_, pod)| pod.node == node);
        let claimed = |claim: (&str, &str)| own().any(|(place, pod)| (place.0, pod.claim) == claim);
        let mut volumes = self.volumes.iter();
        match kind {
            Kind::Pod => own().any(|(place, _)| *place == (namespace, name)),
            Kind::Claim => claimed((namespace, name)),
            Kind::Volume => volumes.any(|(own, volume)| *own == name && claimed(volume.claim)),
            Kind::Secret => {
                own().any(|(place, pod)| (place.0, pod.secret) == (namespace, name))
                    || volumes.any(|(_, it)| it.secret == (namespace, name) && claimed(it.claim))
            }
            _ => false,
        }
    }
}

fn pod(of: &OfPod) -> Pod {
    let volumes = json!([
        {"name": "s", "secret": {"secretName": of.secret}},
        {"name": "c", "persistentVolumeClaim": {"claimName": of.claim}},
    ]);
    let spec = json!({"nodeName": of.node, "containers": [], "volumes": volumes});
    serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap()
}

fn volume(of: &OfVolume) -> PersistentVolume {
    let place = |place: (&str, &str)| json!({"namespace": place.0, "name": place.1});
    let csi = json!({"driver": "d", "volumeHandle": "h", "nodeStageSecretRef": place(of.secret)});
    let spec = json!({"claimRef": place(of.claim), "csi": csi});
    serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_graph_knows_what_a_look_at_everything_finds(events in prop::collection::vec(event(), 1..40)) {
        let (mut graph, mut model) = (NodeGraph::default(), Model::default());
        for event in events {
            match event {
                Event::Pod(place, Some(of)) => {
                    graph.put_pod(place.0, place.1, &pod(&of));
                    model.pods.insert(place, of);
                }
                Event::Pod(place, None) => {
                    graph.remove_pod(place.0, place.1);
                    model.pods.remove(&place);
                }
                Event::Volume(name, Some(of)) => {
                    graph.put_volume(name, &volume(&of));
                    model.volumes.insert(name, of);
                }
                Event::Volume(name, None) => {
                    graph.remove_volume(name);
                    model.volumes.remove(name);
                }
            }
        }
        for node in ["n1", "n2"] {
            for kind in [Kind::Pod, Kind::Claim, Kind::Volume, Kind::Secret] {
                for namespace in NAMESPACES {
                    for name in NAMES {
                        let wanted = model.needs(node, kind, namespace, name);
                        prop_assert_eq!(graph.needs(node, kind, namespace, name), wanted, "{} {:?} {}/{}", node, kind, namespace, name);
                    }
                }
            }
        }
        for (namespace, name) in model.pods.keys() {
            graph.remove_pod(namespace, name);
        }
        for name in model.volumes.keys() {
            graph.remove_volume(name);
        }
        prop_assert_eq!(graph.held(), 0);
    }
}
