use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use navarch_api::call::Body;
use navarch_api::def::Verb;
use navarch_client::{ObjectKey, Snapshot};
use navarch_machinery::object::downcast;
use serde_json::{Value, json};

use super::{View, mirrors_by_service, plan};

struct Cluster {
    services: Vec<Service>,
    endpoints: Vec<Endpoints>,
    slices: Vec<EndpointSlice>,
    made: usize,
}

fn object<T: serde::de::DeserializeOwned>(more: &Value) -> T {
    let mut object =
        json!({"metadata": {"namespace": "ns", "name": "s", "uid": "e", "resourceVersion": "1"}});
    for (field, value) in more.as_object().unwrap() {
        for (field, value) in value.as_object().into_iter().flatten() {
            object[field.as_str()] = value.clone();
        }
        if !value.is_object() {
            object[field.as_str()] = value.clone();
        }
    }
    serde_json::from_value(object).unwrap()
}

fn by_hand(subsets: Value) -> Endpoints {
    object(&json!({"subsets": subsets}))
}

impl Cluster {
    fn of(endpoints: Endpoints) -> Self {
        Self {
            services: vec![object(&json!({"": {"spec": {}}}))],
            endpoints: vec![endpoints],
            slices: Vec::new(),
            made: 0,
        }
    }

    fn plan(&self) -> crate::Plan {
        let view = View {
            services: Snapshot::of(self.services.clone(), &[]),
            endpoints: Snapshot::of(self.endpoints.clone(), &[]),
            slices: Snapshot::of(self.slices.clone(), &[mirrors_by_service()]),
        };
        plan(&view, &ObjectKey::new("ns", "s"))
    }

    /// Carries the plan out; answers the verbs and what was told. After it nothing more is to do.
    fn sync(&mut self) -> (Vec<&'static str>, Vec<&'static str>) {
        let plan = self.plan();
        let told = plan.notes.iter().map(|note| note.reason).collect();
        let mut verbs = Vec::new();
        for action in plan.steps.into_iter().flat_map(|step| step.actions) {
            verbs.push(action.call.verb.as_str());
            let name = action.call.name.clone();
            let old = |slice: &EndpointSlice| slice.metadata.name == name;
            match (action.call.verb, action.call.body) {
                (Verb::Create, Body::Object(slice)) => {
                    let mut slice = (*downcast::<EndpointSlice>(slice).unwrap()).clone();
                    assert_eq!(slice.metadata.generate_name.as_deref(), Some("s-"));
                    self.made += 1;
                    slice.metadata.name = Some(format!("s-{}", self.made));
                    self.slices.push(slice);
                }
                (Verb::Update, Body::Object(slice)) => {
                    let at = self.slices.iter().position(old).unwrap();
                    self.slices[at] = (*downcast::<EndpointSlice>(slice).unwrap()).clone();
                }
                (Verb::Delete, _) => self.slices.retain(|slice| !old(slice)),
                other => panic!("{other:?}"),
            }
        }
        assert!(self.plan().is_empty());
        (verbs, told)
    }

    /// Family, ports, and addresses with their readiness.
    fn mirrored(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.slices.iter().map(line).collect();
        lines.sort();
        lines
    }
}

fn line(slice: &EndpointSlice) -> String {
    let ports = slice.ports.iter().flatten();
    let ports: Vec<String> = ports.map(|port| port.port.unwrap().to_string()).collect();
    let endpoints = slice.endpoints.iter().flatten().map(|endpoint| {
        let ready = endpoint.conditions.as_ref().unwrap().ready.unwrap();
        format!("{}{}", endpoint.addresses[0], if ready { "" } else { "!" })
    });
    let endpoints: Vec<String> = endpoints.collect();
    format!(
        "{} {} {}",
        slice.address_type,
        ports.join(","),
        endpoints.join(" ")
    )
}

#[test]
fn each_family_and_each_set_of_ports_gets_a_slice() {
    let addresses = json!([{"ip": "10.0.0.2"}, {"ip": "fd00::1"}, {"ip": "10.0.0.1"}]);
    let mut cluster = Cluster::of(by_hand(json!([
        {"addresses": addresses, "ports": [{"port": 80}]},
        {"addresses": addresses, "ports": [{"port": 443, "name": "tls"}]},
        {"notReadyAddresses": [{"ip": "10.0.0.3"}], "ports": [{"port": 9}]},
    ])));
    assert_eq!(cluster.sync().0, ["create", "create", "create"]);
    assert_eq!(
        cluster.mirrored(),
        [
            "IPv4 80,443 10.0.0.1 10.0.0.2",
            "IPv4 9 10.0.0.3!",
            "IPv6 80,443 fd00::1"
        ]
    );
}

#[test]
fn who_is_said_to_be_both_is_not_ready() {
    let mut cluster = Cluster::of(by_hand(json!([
        {"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]},
        {"notReadyAddresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]},
    ])));
    cluster.sync();
    assert_eq!(cluster.mirrored(), ["IPv4 80 10.0.0.1!"]);
}

#[test]
fn labels_annotations_and_what_an_address_stands_for_are_carried() {
    let annotations = json!({
        "own": "note", "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "endpoints.kubernetes.io/last-change-trigger-time": "now",
    });
    let target = json!({"kind": "Pod", "namespace": "ns", "name": "p", "uid": "p"});
    let mut endpoints = by_hand(json!([{"addresses": [
        {"ip": "10.0.0.1", "hostname": "h", "nodeName": "n", "targetRef": target},
    ]}]));
    endpoints.metadata.labels = serde_json::from_value(json!({"own": "label"})).unwrap();
    endpoints.metadata.annotations = serde_json::from_value(annotations).unwrap();
    let mut cluster = Cluster::of(endpoints);
    cluster.sync();
    let slice = &cluster.slices[0];
    assert_eq!(
        json!(slice.metadata.labels),
        json!({
            "own": "label", "kubernetes.io/service-name": "s",
            "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
        })
    );
    assert_eq!(json!(slice.metadata.annotations), json!({"own": "note"}));
    let endpoint = &slice.endpoints.as_ref().unwrap()[0];
    assert_eq!(endpoint.hostname.as_deref(), Some("h"));
    assert_eq!(endpoint.node_name.as_deref(), Some("n"));
    assert_eq!(
        endpoint.target_ref.as_ref().unwrap().uid.as_deref(),
        Some("p")
    );
}

#[test]
fn changes_are_followed_in_place() {
    let said = |ip: &str, port: i32| {
        by_hand(json!([{"addresses": [{"ip": ip}], "ports": [{"port": port}]}]))
    };
    let mut cluster = Cluster::of(said("10.0.0.1", 80));
    cluster.sync();
    cluster.endpoints = vec![said("10.0.0.2", 80)];
    assert_eq!(cluster.sync().0, ["update"]);
    cluster.endpoints = vec![said("10.0.0.2", 81)];
    assert_eq!(cluster.sync().0, ["update"]);
    assert_eq!(cluster.mirrored(), ["IPv4 81 10.0.0.2"]);
    cluster.endpoints = vec![said("fd00::2", 81)];
    assert_eq!(cluster.sync().0, ["create", "delete"]);
    // Made anew under the same name: the mirror must not go with the former owner.
    cluster.endpoints[0].metadata.uid = Some("another".into());
    assert_eq!(cluster.sync().0, ["update"]);
    let owners = cluster.slices[0]
        .metadata
        .owner_references
        .as_ref()
        .unwrap();
    assert_eq!(owners[0].uid, "another");
}

#[test]
fn what_is_not_to_be_mirrored_loses_its_mirrors() {
    let said = json!([{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]);
    let cases: [fn(&mut Cluster); 5] = [
        |cluster| cluster.endpoints.clear(),
        |cluster| cluster.services.clear(),
        |cluster| {
            cluster.services[0].spec.get_or_insert_default().selector =
                Some([("a".into(), "b".into())].into());
        },
        |cluster| {
            cluster.endpoints[0].metadata.labels =
                Some([(super::SKIP.into(), "true".into())].into());
        },
        |cluster| {
            cluster.endpoints[0].metadata.annotations =
                Some([(super::LEADER.into(), "{}".into())].into());
        },
    ];
    for change in cases {
        let mut cluster = Cluster::of(by_hand(said.clone()));
        cluster.sync();
        change(&mut cluster);
        assert_eq!(cluster.sync().0, ["delete"]);
        assert!(cluster.slices.is_empty());
    }
}

#[test]
fn a_thousand_addresses_are_mirrored_and_the_rest_is_told_of() {
    let addresses: Vec<Value> = (0..1200)
        .map(|n| json!({"ip": format!("10.0.{}.{}", n / 250, n % 250)}))
        .collect();
    let mut cluster = Cluster::of(by_hand(
        json!([{"addresses": addresses, "ports": [{"port": 80}]}]),
    ));
    assert_eq!(cluster.sync().1, ["TooManyAddressesToMirror"]);
    assert_eq!(cluster.slices[0].endpoints.as_ref().unwrap().len(), 1000);
    let plan = cluster.plan();
    assert_eq!(
        plan.notes[0].message,
        "A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 200 addresses were skipped"
    );
}

#[test]
fn what_is_no_address_is_left_out_and_told_of() {
    let mut cluster = Cluster::of(by_hand(json!([
        {"addresses": [{"ip": "nonsense"}, {"ip": "10.0.0.1"}], "ports": [{"port": 80}]},
    ])));
    assert_eq!(cluster.sync().1, ["InvalidIPAddress"]);
    assert_eq!(cluster.mirrored(), ["IPv4 80 10.0.0.1"]);
}
