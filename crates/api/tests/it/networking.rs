//! Kinds of networking that no recorded conversation covers.

use jiff::Timestamp;
use navarch_api::strategy::Part;
use serde_json::{Value, json};

use crate::hooks::{Kind, words};

const GROUP: &str = "networking.k8s.io";
const ADDRESSES: Kind = Kind(GROUP, "ipaddresses");
const CIDRS: Kind = Kind(GROUP, "servicecidrs");
const CLASSES: Kind = Kind(GROUP, "ingressclasses");
const INGRESSES: Kind = Kind(GROUP, "ingresses");
const POLICIES: Kind = Kind(GROUP, "networkpolicies");

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": kind, "metadata": {"name": name, "namespace": "d"}, "spec": spec})
}

fn found(kind: &Kind, body: &Value) -> Vec<String> {
    words(&kind.strategy().validate_create(kind.read(body).as_ref()))
}

fn changed(kind: &Kind, new: &Value, old: &Value) -> Vec<String> {
    let (mut new, mut old) = (kind.read(new), kind.read(old));
    for object in [&mut new, &mut old] {
        object.metadata_mut().namespace = None;
    }
    words(
        &kind
            .strategy()
            .validate_update(Part::Main, new.as_ref(), old.as_ref()),
    )
}

#[test]
fn an_address_has_a_parent_for_good() {
    let address = |spec: Value| object("IPAddress", "10.0.0.1", &spec);
    assert_eq!(
        found(&ADDRESSES, &address(json!({}))),
        ["spec.parentRef: Required value"]
    );
    let of = |name: &str| {
        address(json!({"parentRef": {"resource": "services", "namespace": "d", "name": name}}))
    };
    assert!(found(&ADDRESSES, &of("a")).is_empty());
    assert_eq!(
        changed(&ADDRESSES, &of("b"), &of("a")),
        [
            "spec.parentRef: Invalid value: {\"Group\":\"\",\"Resource\":\"services\",\"Namespace\":\"d\",\"Name\":\"b\"}: field is \
             immutable"
        ]
    );
    let cells = ADDRESSES
        .strategy()
        .cells(ADDRESSES.read(&of("a")).as_ref(), Timestamp::UNIX_EPOCH);
    // A cell more than columns: Kubernetes adds the age, and no column for it.
    assert_eq!(cells[..2], [json!("10.0.0.1"), json!("services/d/a")]);
    assert_eq!(cells.len(), 3);
}

#[test]
fn networks_of_services_stay() {
    let of = |cidrs: Value| object("ServiceCIDR", "x", &json!({ "cidrs": cidrs }));
    let path = "spec.cidrs";
    assert_eq!(
        found(&CIDRS, &of(json!([]))),
        [format!(
            "{path}: Required value: at least one CIDR required"
        )]
    );
    assert_eq!(
        found(&CIDRS, &of(json!(["a", "b", "c"]))),
        [format!(
            "{path}: Invalid value: {{\"CIDRs\":[\"a\",\"b\",\"c\"]}}: may only hold up to 2 values"
        )]
    );
    assert_eq!(
        found(&CIDRS, &of(json!(["10.0.0.1/8", "192.168.0.0/24"]))).len(),
        2
    );
    let four = json!(["10.0.0.0/8"]);
    let both = json!(["10.0.0.0/8", "fd00::/64"]);
    assert!(changed(&CIDRS, &of(both.clone()), &of(four.clone())).is_empty());
    assert_eq!(
        changed(&CIDRS, &of(json!(["11.0.0.0/8"])), &of(four.clone())),
        [format!(
            "{path}[0]: Invalid value: \"11.0.0.0/8\": field is immutable"
        )]
    );
    assert_eq!(
        changed(&CIDRS, &of(four), &of(both)),
        [format!(
            "{path}: Invalid value: [\"10.0.0.0/8\"]: field is immutable"
        )]
    );
}

#[test]
fn parameters_of_a_class_are_in_one_scope() {
    let class = |parameters: Value| {
        object(
            "IngressClass",
            "x",
            &json!({"controller": "a.b/c", "parameters": parameters}),
        )
    };
    assert_eq!(
        found(&CLASSES, &class(json!({"namespace": "d"}))),
        [
            "spec.parameters.kind: Required value",
            "spec.parameters.name: Required value",
            "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'",
        ]
    );
    assert_eq!(
        found(
            &CLASSES,
            &class(json!({"kind": "K", "name": "n", "scope": "Namespace"}))
        ),
        ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"]
    );
    assert_eq!(
        found(
            &CLASSES,
            &object("IngressClass", "x", &json!({"controller": "x"}))
        ),
        [
            "spec.controller: Invalid value: \"x\": must be a domain-prefixed path (such as \"acme.io/foo\")"
        ]
    );
}

#[test]
fn an_ingress_is_shown() {
    let rule = |host: &str| json!({"host": host});
    let spec = json!({"rules": [rule("a"), rule("b"), rule("c"), rule("d")], "tls": [{}]});
    let ingress = INGRESSES.read(&object("Ingress", "x", &spec));
    let cells = INGRESSES
        .strategy()
        .cells(ingress.as_ref(), Timestamp::UNIX_EPOCH);
    assert_eq!(
        cells[..5],
        [
            json!("x"),
            json!("<none>"),
            json!("a,b,c + 1 more..."),
            json!(""),
            json!("80, 443")
        ]
    );
    let value = INGRESSES.write(ingress.as_ref());
    assert_eq!(value["status"], json!({"loadBalancer": {}}));
}

#[test]
fn peers_and_ports_of_a_policy_are_sound() {
    let spec = json!({"podSelector": {}, "egress": [{
        "to": [
            {},
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16", "10.0.0.1/8"]}, "podSelector": {}},
        ],
        "ports": [{"port": 90, "endPort": 80}, {"port": "x", "endPort": 1}, {"endPort": 1, "protocol": "ICMP"}],
    }]});
    let body = object("NetworkPolicy", "x", &spec);
    let value = POLICIES.write(POLICIES.read(&body).as_ref());
    assert_eq!(value["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(
        found(&POLICIES, &body),
        [
            "spec.egress[0].ports[0].endPort: Invalid value: 90: must be greater than or equal to `port`",
            "spec.egress[0].ports[1].endPort: Invalid value: 1: may not be specified when `port` is non-numeric",
            "spec.egress[0].ports[2].protocol: Unsupported value: \"ICMP\": supported values: \"TCP\", \"UDP\", \"SCTP\"",
            "spec.egress[0].ports[2].endPort: Invalid value: 1: may not be specified when `port` is not specified",
            "spec.egress[0].to[0]: Required value: must specify a peer",
            "spec.egress[0].to[1].ipBlock.except[0]: Invalid value: \"11.0.0.0/16\": must be a strict subset of `cidr`",
            "spec.egress[0].to[1].ipBlock.except[1]: Invalid value: \"10.0.0.1/8\": must not have bits set beyond the prefix length",
            "spec.egress[0].to[1].ipBlock.except[1]: Invalid value: \"10.0.0.1/8\": must be a strict subset of `cidr`",
            "spec.egress[0].to[1]: Forbidden: may not specify both ipBlock and another peer",
        ]
    );
}
