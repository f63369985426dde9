use serde_json::json;

use super::*;

fn from<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn pod_at(address: &str) -> Pod {
    from(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "a"}, {"name": "b", "ports": [{"containerPort": 8080}]}]},
        "status": {"podIP": address, "podIPs": [{"ip": address}]},
    }))
}

fn told(location: Result<Location>) -> String {
    match location {
        Ok(location) => location.authority(),
        Err(error) => format!("{} {}", error.code, error.message),
    }
}

#[test]
fn a_pods_first_port_is_the_usual_one() {
    let to = |id: &str| told(pod(&pod_at("10.0.0.7"), &Identifier::parse(id).unwrap()));
    assert_eq!(to("p"), "10.0.0.7:8080");
    assert_eq!(to("p:81"), "10.0.0.7:81");
    assert_eq!(to("p:80"), "10.0.0.7");
    assert_eq!(to("https:p:443"), "10.0.0.7");
    assert!(to("p:web").starts_with("503 error trying to reach service: "));
    let v6 = told(pod(
        &pod_at("2001:db8::1"),
        &Identifier::parse("p").unwrap(),
    ));
    assert_eq!(v6, "[2001:db8::1]:8080");
}

#[test]
fn what_only_this_host_may_reach_is_refused() {
    for address in [
        "127.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "fe80::1",
        "ff02::1",
        "",
        "localhost",
    ] {
        let refused = told(pod(&pod_at(address), &Identifier::parse("p").unwrap()));
        assert_eq!(refused, "400 address not allowed", "{address}");
    }
}

fn node_at(address: &str) -> Arc<Node> {
    Arc::new(from(json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10251}}},
    })))
}

fn to_node(address: &str, id: &str, own: &str) -> Result<Location> {
    let id = Identifier::parse(id).unwrap();
    node(node_at(address), &id, own.parse().unwrap())
}

#[test]
fn a_nodes_own_port_is_its_api() {
    for (id, api) in [("n", true), ("n:10251", true), ("n:9100", false)] {
        let location = to_node("10.0.0.2", id, "10.0.0.1:6443").unwrap();
        assert_eq!(matches!(location, Location::Node(..)), api, "{id}");
    }
    let refused = told(to_node("127.0.0.1", "n", "10.0.0.1:6443"));
    assert_eq!(refused, "400 address not allowed");
}

#[test]
fn a_node_that_is_this_server_is_refused() {
    for (address, id, own, allowed) in [
        ("10.0.0.1", "n", "10.0.0.1:10251", false),
        ("10.0.0.1", "https:n:6443", "10.0.0.1:6443", false),
        ("::ffff:10.0.0.1", "https:n:6443", "10.0.0.1:6443", false),
        ("10.0.0.1", "n:9100", "10.0.0.1:6443", true),
        ("10.0.0.2", "n:6443", "10.0.0.1:6443", true),
    ] {
        let found = to_node(address, id, own);
        assert_eq!(found.is_ok(), allowed, "{address} {id} {own}");
    }
}

#[test]
fn endpoints_that_are_no_pods_are_passed_over() {
    let endpoints: Endpoints = from(json!({
        "apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "s"}, "subsets": [
            {"ports": [{"name": "web", "port": 80}], "addresses": [
                {"ip": "10.0.0.7", "targetRef": {"kind": "Pod", "name": "p"}},
                {"ip": "10.0.0.8", "targetRef": {"kind": "Pod", "name": "p"}},
                {"ip": "10.0.0.9"}]},
            {"ports": [{"name": "other", "port": 81}], "addresses": [
                {"ip": "10.0.0.7", "targetRef": {"kind": "Pod", "name": "p"}}]}],
    }));
    let known = |name: &str| (name == "p").then(|| Arc::new(pod_at("10.0.0.7")));
    let found = backends(&endpoints, "web", known);
    assert_eq!(found, [("10.0.0.7".parse().unwrap(), 80)]);
    assert!(backends(&endpoints, "", known).is_empty());
}
