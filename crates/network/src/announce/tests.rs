use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use navarch_client::Snapshot;
use serde_json::{Value, json};

use super::Mac;
use super::interfaces::Interface;
use super::plan::{Candidate, asked_for, plan};
use crate::service_proxy::ServiceView;

mod frames;

const THEIRS: Mac = [2, 0, 0, 0, 0, 9];

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[allow(clippy::needless_pass_by_value, reason = "cases read better")]
fn node(name: &str, address: &str, ready: bool, metadata: Value) -> Candidate {
    let ready = if ready { "True" } else { "Unknown" };
    let addresses = address.split(' ');
    let addresses = addresses.map(|it| json!({"type": "InternalIP", "address": it}));
    let addresses: Vec<Value> = addresses.collect();
    let mut node = json!({"metadata": metadata, "status": {
        "addresses": addresses,
        "conditions": [{"type": "Ready", "status": ready}],
    }});
    node["metadata"]["name"] = json!(name);
    let node: Node = serde_json::from_value(node).unwrap();
    Candidate::of(&node)
}

fn service(name: &str, ip: &str, policy: &str) -> Service {
    let condition = json!({"type": "navarch.dev/OnSegment", "status": "True", "reason": "R", "message": format!("It has {ip}"),
        "lastTransitionTime": "2026-01-01T00:00:00Z"});
    serde_json::from_value(json!({
        "metadata": {"namespace": "d", "name": name},
        "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.9", "externalTrafficPolicy": policy},
        "status": {"loadBalancer": {"ingress": [{"ip": ip, "ipMode": "VIP"}]}, "conditions": [condition]},
    }))
    .unwrap()
}

/// Endpoints of a service: `n1`, or `n1 ending`.
fn slice(service: &str, endpoints: &[&str]) -> EndpointSlice {
    let endpoint = |text: &&str| {
        let (node, ends) = text
            .split_once(' ')
            .map_or((*text, false), |(node, _)| (node, true));
        json!({"addresses": ["10.0.0.1"], "nodeName": node, "conditions": {"ready": !ends, "serving": true, "terminating": ends}})
    };
    let endpoints: Vec<_> = endpoints.iter().map(endpoint).collect();
    let labels = json!({"kubernetes.io/service-name": service});
    serde_json::from_value(json!({
        "metadata": {"namespace": "d", "name": service, "labels": labels},
        "addressType": "IPv4", "endpoints": endpoints,
    }))
    .unwrap()
}

fn eth0(network: &str) -> Interface {
    Interface {
        index: 2,
        mac: THEIRS,
        networks: vec![network.parse().unwrap()],
    }
}

/// Who answers for the addresses of these services, as all say that are on 192.0.2.0/24.
fn speakers(
    services: Vec<Service>,
    slices: Vec<EndpointSlice>,
    nodes: &[Candidate],
) -> BTreeMap<IpAddr, BTreeSet<String>> {
    let asked_for = asked_for(&Snapshot::of(services, &[]));
    let slices = Snapshot::of(slices, &[ServiceView::by_service()]);
    let mut speakers: BTreeMap<IpAddr, BTreeSet<String>> = BTreeMap::new();
    for number in 1..=9 {
        let here = format!("n{number}");
        let mut interfaces = [eth0(&format!("192.0.2.{number}/24"))];
        interfaces[0]
            .networks
            .push(format!("2001:db8::{number}/64").parse().unwrap());
        let plan = plan(&here, &asked_for, nodes, &slices, &interfaces);
        for ip in plan.into_values().flatten() {
            speakers.entry(ip).or_default().insert(here.clone());
        }
    }
    speakers
}

fn nodes() -> Vec<Candidate> {
    let node = |number| {
        let name = format!("n{number}");
        let addresses = format!("192.0.2.{number} 2001:db8::{number}");
        node(&name, &addresses, true, json!({}))
    };
    (1..=3).map(node).collect()
}

#[test]
fn one_node_answers_for_each_address_and_all_have_some() {
    let services = || -> Vec<Service> {
        let service = |at| service(&format!("s{at}"), &format!("192.0.2.{at}"), "Cluster");
        (100..200).map(service).collect()
    };
    let before = speakers(services(), vec![], &nodes());
    assert_eq!(before.len(), 100);
    assert!(before.values().all(|all| all.len() == 1));
    for node in ["n1", "n2", "n3"] {
        let of_node = before.values().filter(|all| all.contains(node)).count();
        assert!((20..=50).contains(&of_node), "{node} has {of_node}");
    }
    // Of those that stay, nothing moves.
    let mut fewer = nodes();
    fewer[1] = node("n2", "192.0.2.2", false, json!({}));
    let after = speakers(services(), vec![], &fewer);
    assert_eq!(after.len(), 100);
    for (ip, one) in &before {
        assert!(!after[ip].contains("n2"));
        assert!(one.contains("n2") || after[ip] == *one, "{ip} has moved");
    }
}

#[test]
fn who_is_not_ready_or_elsewhere_or_excluded_answers_for_nothing() {
    let excluded =
        json!({"labels": {"node.kubernetes.io/exclude-from-external-load-balancers": ""}});
    let leaves = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
    let nodes = [
        node("n1", "192.0.2.1", true, json!({})),
        node("n2", "192.0.2.2", false, json!({})),
        node("n3", "198.51.100.3", true, json!({})),
        node("n4", "192.0.2.4", true, excluded),
        node("n5", "192.0.2.5", true, leaves),
    ];
    let services =
        (100..120).map(|at| service(&format!("s{at}"), &format!("192.0.2.{at}"), "Cluster"));
    let speakers = speakers(services.collect(), vec![], &nodes);
    assert_eq!(speakers.len(), 20);
    let n1 = BTreeSet::from(["n1".to_owned()]);
    assert!(speakers.values().all(|all| *all == n1), "{speakers:?}");
}

#[test]
fn where_none_is_ready_one_that_is_not_answers() {
    let excluded =
        json!({"labels": {"node.kubernetes.io/exclude-from-external-load-balancers": ""}});
    let mut nodes = vec![
        node("n1", "192.0.2.1", false, json!({})),
        node("n2", "192.0.2.2", false, json!({})),
        node("n3", "192.0.2.3", false, excluded),
    ];
    let services = || {
        let service = |at| service(&format!("s{at}"), &format!("192.0.2.{at}"), "Cluster");
        (100..120).map(service).collect::<Vec<_>>()
    };
    let all = speakers(services(), vec![], &nodes);
    assert_eq!(all.len(), 20);
    assert!(
        all.values()
            .all(|all| all.len() == 1 && !all.contains("n3"))
    );
    // One that is ready comes before all others.
    nodes.push(node("n4", "192.0.2.4", true, json!({})));
    let all = speakers(services(), vec![], &nodes);
    let n4 = BTreeSet::from(["n4".to_owned()]);
    assert!(all.len() == 20 && all.values().all(|all| *all == n4));
}

#[test]
fn nobody_answers_for_what_is_not_the_balancer_s() {
    let mut unsaid = service("unsaid", "192.0.2.101", "Cluster");
    unsaid.status.as_mut().unwrap().conditions = None;
    let mut other = service("class", "192.0.2.102", "Cluster");
    other.spec.as_mut().unwrap().load_balancer_class = Some("example.org/lb".into());
    // Another has written it after the controller.
    let mut written = service("written", "192.0.2.103", "Cluster");
    let ingress = json!({"ingress": [{"ip": "192.0.2.104", "ipMode": "VIP"}]});
    written.status.as_mut().unwrap().load_balancer = serde_json::from_value(ingress).unwrap();
    let mut of_other_proxy = service("proxy", "192.0.2.105", "Cluster");
    let label = (
        "service.kubernetes.io/service-proxy-name".to_owned(),
        "x".to_owned(),
    );
    of_other_proxy.metadata.labels = Some([label].into());
    let mut headless = service("headless", "192.0.2.106", "Cluster");
    headless.spec.as_mut().unwrap().cluster_ip = Some("None".into());
    let services = vec![
        unsaid,
        other,
        written,
        of_other_proxy,
        headless,
        service("node", "192.0.2.2", "Cluster"),
        service("network", "192.0.2.0", "Cluster"),
        service("all", "192.0.2.255", "Cluster"),
        // That of all routers there.
        service("routers", "2001:db8::", "Cluster"),
        service("elsewhere", "198.51.100.1", "Cluster"),
        service("good", "192.0.2.100", "Cluster"),
        service("six", "2001:db8::100", "Cluster"),
    ];
    let speakers = speakers(services, vec![], &nodes());
    assert_eq!(
        speakers.into_keys().collect::<Vec<_>>(),
        [ip("192.0.2.100"), ip("2001:db8::100")]
    );
}

#[test]
fn where_traffic_stays_on_its_node_one_with_endpoints_answers() {
    let check = |endpoints: &[&str], wanted: &[&str]| {
        let services =
            (100..110).map(|at| service(&format!("s{at}"), &format!("192.0.2.{at}"), "Local"));
        let slices = (100..110).map(|at| slice(&format!("s{at}"), endpoints));
        let speakers = speakers(services.collect(), slices.collect(), &nodes());
        let all: BTreeSet<_> = speakers.into_values().flatten().collect();
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        assert_eq!(all, wanted, "{endpoints:?}");
    };
    check(&["n2"], &["n2"]);
    check(&["n2", "n3 ending"], &["n2"]);
    check(&["n3 ending"], &["n3"]);
    check(&["n1", "n3"], &["n1", "n3"]);
    check(&[], &[]);
}
