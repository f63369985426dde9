use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::{Expect, expect};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_client::ObjectKey;
use serde_json::{Value as Json, json};

use super::claims::{Changes, Desired};
use super::element::{Family, Frontend, Key, Value};
use super::layout::{self, Layout};
use super::plan::{NodeView, Plan, Rank, plan};
use super::view::is_proxied;
use super::{chains, encode, stale};
use crate::Protocol;

mod claims;
mod figures;
mod kernel;
mod tables;

fn node() -> NodeView {
    NodeView {
        name: "n1".into(),
        zone: "z1".into(),
        addresses: vec!["192.0.2.1".parse().unwrap()],
        dns: Some("10.244.1.1:53".parse().unwrap()),
        services: vec!["10.96.0.0/16".parse().unwrap()],
    }
}

/// A service `default/web` of this spec.
#[allow(clippy::needless_pass_by_value, reason = "cases read better")]
fn service(spec: Json) -> Service {
    let metadata = json!({"name": "web", "namespace": "default"});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

/// A slice with one port, 8080. An endpoint is its address and what is said of it: `here`, `unready`, `ending`, `zone=`, `node=`.
fn slice(port: &str, protocol: &str, endpoints: &[&str]) -> Arc<EndpointSlice> {
    let endpoint = |text: &&str| {
        let mut words = text.split(' ');
        let address = words.next().unwrap();
        let words: Vec<&str> = words.collect();
        let is = |word: &str| words.contains(&word);
        let hint = |kind: &str| {
            let found = words.iter().find_map(|word| word.strip_prefix(kind));
            found.map(|name| json!([{"name": name}]))
        };
        let serving = !is("unready");
        json!({
            "addresses": [address], "nodeName": if is("here") { "n1" } else { "n2" },
            "conditions": {"ready": serving && !is("ending"), "serving": serving, "terminating": is("ending")},
            "hints": {"forZones": hint("zone="), "forNodes": hint("node=")},
        })
    };
    let endpoints: Vec<Json> = endpoints.iter().map(endpoint).collect();
    let slice = json!({
        "metadata": {"name": "s", "namespace": "default"}, "addressType": "IPv4", "endpoints": endpoints,
        "ports": [{"name": port, "port": 8080, "protocol": protocol}],
    });
    Arc::new(serde_json::from_value(slice).unwrap())
}

fn shown(plan: &Plan) -> String {
    let mut text = String::new();
    for (key, (_, value)) in &plan.elements {
        writeln!(text, "{}", line(key, value)).unwrap();
    }
    if let Some(check) = plan.health_check {
        writeln!(text, "{check:?}").unwrap();
    }
    for flows in &plan.flows {
        let frontends: Vec<_> = flows.frontends.iter().map(ToString::to_string).collect();
        writeln!(
            text,
            "flows of {} to {:?}",
            frontends.join(", "),
            flows.endpoints
        )
        .unwrap();
    }
    text
}

fn line(key: &Key, value: &Value) -> String {
    let at = match key {
        Key::Dispatch(_, f) | Key::Source(f) | Key::Remember(f) => f.to_string(),
        Key::Unserved(f) | Key::Firewalled(f) => f.to_string(),
        Key::Endpoint(_, f, index) => format!("{f} #{index}"),
        Key::ClusterIp(ip) | Key::ExternalIp(ip) => ip.to_string(),
        Key::Announced(ip) | Key::Hairpin(ip) => ip.to_string(),
        Key::Allowed(f, range) => format!("{f} from {range}"),
    };
    let what = match value {
        Value::Present => String::new(),
        Value::Endpoint(endpoint) => format!(": {endpoint}"),
        Value::Drop => ": drop".to_owned(),
        _ => format!(": {}", chains::chain(key, value).unwrap()),
    };
    format!("{} {at}{what}", key.set())
}

#[allow(clippy::needless_pass_by_value, reason = "cases read better")]
fn check(spec: Json, endpoints: &[&str], expected: Expect) {
    let service = service(spec);
    let slices = [slice("", "TCP", endpoints)];
    expected.assert_eq(&shown(&plan(&service, &slices, &node())));
}

#[test]
fn a_cluster_ip() {
    let spec = json!({"clusterIP": "10.96.0.7", "ports": [{"port": 80}]});
    check(
        spec.clone(),
        &["10.244.2.3", "10.244.1.2 here"],
        expect![[r#"
            services 10.96.0.7 tcp 80: choose-services-2
            endpoints 10.96.0.7 tcp 80 #0: 10.244.1.2:8080
            endpoints 10.96.0.7 tcp 80 #1: 10.244.2.3:8080
            sources 10.96.0.7 tcp 80: source-pods
            cluster-ips 10.96.0.7
            hairpin 10.244.1.2
        "#]],
    );
    check(
        spec.clone(),
        &["10.244.1.2 unready"],
        expect![[r#"
        unserved 10.96.0.7 tcp 80: refuse
        cluster-ips 10.96.0.7
    "#]],
    );
    check(
        spec,
        &["10.244.1.2 ending", "10.244.1.3 unready ending"],
        expect![[r#"
            services 10.96.0.7 tcp 80: choose-services-1
            endpoints 10.96.0.7 tcp 80 #0: 10.244.1.2:8080
            sources 10.96.0.7 tcp 80: source-pods
            cluster-ips 10.96.0.7
        "#]],
    );
}

#[test]
fn services_without_an_address_are_nothing() {
    let nothing = expect![[""]];
    for spec in [
        json!({"clusterIP": "None", "ports": [{"port": 80}]}),
        json!({"type": "ExternalName", "externalName": "example.com", "ports": [{"port": 80}]}),
        json!({"ports": [{"port": 80}]}),
    ] {
        let plan = plan(
            &service(spec),
            &[slice("", "TCP", &["10.244.1.2"])],
            &node(),
        );
        nothing.assert_eq(&shown(&plan));
    }
}

#[test]
fn an_address_that_nodes_answer_for_is_nobody_else_s() {
    let spec = json!({"type": "LoadBalancer", "clusterIP": "10.96.0.7", "ports": [{"port": 80}]});
    let mut service = service(spec);
    let ingress =
        json!([{"ip": "192.0.2.8", "ipMode": "VIP"}, {"ip": "192.0.2.9", "ipMode": "VIP"}]);
    let condition = json!({"type": "navarch.dev/OnSegment", "status": "True", "reason": "R", "message": "It has 192.0.2.8",
        "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let status = json!({"loadBalancer": {"ingress": ingress}, "conditions": [condition]});
    service.status = serde_json::from_value(status).unwrap();
    let plan = plan(&service, &[], &node());
    let announced = plan.elements.keys().filter(|key| key.set() == "announced");
    let wanted = Key::Announced("192.0.2.8".parse().unwrap());
    assert_eq!(announced.collect::<Vec<_>>(), [&wanted]);
}

#[test]
fn external_traffic_that_stays_on_its_node() {
    let spec = json!({
        "type": "LoadBalancer", "clusterIP": "10.96.0.7", "externalTrafficPolicy": "Local", "healthCheckNodePort": 32000,
        "ports": [{"port": 80, "nodePort": 30080}],
    });
    check(
        spec.clone(),
        &["10.244.2.3", "10.244.1.2 here"],
        expect![[r#"
            services 10.96.0.7 tcp 80: choose-services-2
            node-ports tcp 30080: choose-node-ports-1
            inside-node-ports tcp 30080: choose-inside-node-ports-2
            endpoints 10.96.0.7 tcp 80 #0: 10.244.1.2:8080
            endpoints 10.96.0.7 tcp 80 #1: 10.244.2.3:8080
            node-port-endpoints tcp 30080 #0: 10.244.1.2:8080
            inside-node-port-endpoints tcp 30080 #0: 10.244.1.2:8080
            inside-node-port-endpoints tcp 30080 #1: 10.244.2.3:8080
            sources 10.96.0.7 tcp 80: source-pods
            node-port-sources tcp 30080: source-others
            cluster-ips 10.96.0.7
            hairpin 10.244.1.2
            HealthCheck { port: 32000, local_endpoints: 1 }
        "#]],
    );
    // From outside nothing is here; from inside there is.
    check(
        spec,
        &["10.244.2.3"],
        expect![[r#"
        services 10.96.0.7 tcp 80: choose-services-1
        inside-node-ports tcp 30080: choose-inside-node-ports-1
        endpoints 10.96.0.7 tcp 80 #0: 10.244.2.3:8080
        inside-node-port-endpoints tcp 30080 #0: 10.244.2.3:8080
        sources 10.96.0.7 tcp 80: source-pods
        node-port-sources tcp 30080: source-others
        unserved-node-ports tcp 30080: drop
        cluster-ips 10.96.0.7
        HealthCheck { port: 32000, local_endpoints: 0 }
    "#]],
    );
}

#[test]
fn internal_traffic_that_stays_on_its_node() {
    let spec = json!({"clusterIP": "10.96.0.7", "internalTrafficPolicy": "Local", "ports": [{"port": 80}]});
    check(
        spec.clone(),
        &["10.244.2.3", "10.244.1.2 here"],
        expect![[r#"
            services 10.96.0.7 tcp 80: choose-services-1
            endpoints 10.96.0.7 tcp 80 #0: 10.244.1.2:8080
            sources 10.96.0.7 tcp 80: source-pods
            cluster-ips 10.96.0.7
            hairpin 10.244.1.2
        "#]],
    );
    check(
        spec,
        &["10.244.2.3"],
        expect![[r#"
        unserved 10.96.0.7 tcp 80: drop
        cluster-ips 10.96.0.7
    "#]],
    );
}

#[test]
fn a_load_balancer_that_only_some_may_use() {
    let mut service = service(json!({
        "type": "LoadBalancer", "clusterIP": "10.96.0.7", "ports": [{"port": 80, "protocol": "SCTP"}],
        "loadBalancerSourceRanges": [" 192.0.2.0/24", "192.0.2.128/25", "2001:db8::/32"],
    }));
    service.status = serde_json::from_value(json!({"loadBalancer": {"ingress": [
        {"ip": "198.51.100.1"}, {"ip": "198.51.100.2", "ipMode": "Proxy"}, {"hostname": "x"}, {"ip": "2001:db8::1"},
    ]}}))
    .unwrap();
    let slices = [slice("", "SCTP", &["10.244.2.3"])];
    expect![[r#"
        services 10.96.0.7 sctp 80: choose-services-1
        services 198.51.100.1 sctp 80: choose-services-1
        endpoints 10.96.0.7 sctp 80 #0: 10.244.2.3:8080
        endpoints 198.51.100.1 sctp 80 #0: 10.244.2.3:8080
        sources 10.96.0.7 sctp 80: source-pods
        sources 198.51.100.1 sctp 80: source-nobody
        cluster-ips 10.96.0.7
        external-ips 198.51.100.1
        firewalled 198.51.100.1 sctp 80
        allowed-sources 198.51.100.1 sctp 80 from 192.0.2.0/24
        allowed-sources 198.51.100.1 sctp 80 from 198.51.100.1/32
    "#]]
    .assert_eq(&shown(&plan(&service, &slices, &node())));
}

#[test]
fn external_ips_and_session_affinity() {
    let spec = json!({
        "type": "NodePort", "clusterIP": "10.96.0.7", "externalIPs": ["198.51.100.1"], "sessionAffinity": "ClientIP",
        "ports": [{"port": 80, "nodePort": 30080}],
    });
    check(
        spec,
        &["10.244.2.3"],
        expect![[r#"
        services 10.96.0.7 tcp 80: choose-services-1-sticky
        services 198.51.100.1 tcp 80: choose-services-1-sticky
        node-ports tcp 30080: choose-node-ports-1-sticky
        endpoints 10.96.0.7 tcp 80 #0: 10.244.2.3:8080
        endpoints 198.51.100.1 tcp 80 #0: 10.244.2.3:8080
        node-port-endpoints tcp 30080 #0: 10.244.2.3:8080
        sources 10.96.0.7 tcp 80: source-pods
        sources 198.51.100.1 tcp 80: source-nobody
        node-port-sources tcp 30080: source-nobody
        remember-services 10.96.0.7 tcp 80: remember-services-10800
        remember-services 198.51.100.1 tcp 80: remember-services-10800
        remember-node-ports tcp 30080: remember-node-ports-10800
        cluster-ips 10.96.0.7
        external-ips 198.51.100.1
    "#]],
    );
}

#[test]
fn what_is_marked_as_anothers_or_as_headless_is_not_led_to() {
    let metadata = |label: &str| serde_json::from_value(json!({"labels": {label: ""}})).unwrap();
    assert!(is_proxied(&metadata("app")));
    assert!(is_proxied(&ObjectMeta::default()));
    for label in ["headless", "service-proxy-name"] {
        let label = format!("service.kubernetes.io/{label}");
        assert!(!is_proxied(&metadata(&label)), "{label}");
    }
}

/// Whoever might make a service named other services' addresses among its external ones, and got what was meant for them.
#[test]
fn cve_2020_8554_no_service_takes_the_address_of_another() {
    let spec = json!({
        "type": "LoadBalancer", "clusterIP": "10.96.0.7", "externalIPs": ["10.96.0.1", "10.96.0.10"], "ports": [{"port": 443}],
    });
    let mut service = service(spec);
    let status = json!({"loadBalancer": {"ingress": [{"ip": "10.96.0.11"}]}});
    service.status = serde_json::from_value(status).unwrap();
    let slices = [slice("", "TCP", &["10.244.2.3"])];
    let shown = shown(&plan(&service, &slices, &node()));
    for taken in ["10.96.0.1 ", "10.96.0.10", "10.96.0.11"] {
        assert!(!shown.contains(taken), "{shown}");
    }
    assert!(shown.contains("services 10.96.0.7 tcp 443"), "{shown}");
}

#[test]
fn hints_count_where_every_endpoint_has_them_and_one_is_for_here() {
    let chosen = |endpoints: &[&str]| {
        let spec = json!({"clusterIP": "10.96.0.7", "ports": [{"port": 80}]});
        let plan = plan(&service(spec), &[slice("", "TCP", endpoints)], &node());
        let endpoint = |(key, (_, value)): (&Key, &(Rank, Value))| match (key, value) {
            (Key::Endpoint(..), Value::Endpoint(endpoint)) => Some(endpoint.ip().to_string()),
            _ => None,
        };
        plan.elements
            .iter()
            .filter_map(endpoint)
            .collect::<Vec<_>>()
    };
    let (near, far) = ("10.244.2.1 zone=z1 node=n2", "10.244.2.2 zone=z2 node=n3");
    assert_eq!(chosen(&[near, far]), ["10.244.2.1"]);
    assert_eq!(chosen(&[far]), ["10.244.2.2"]);
    assert_eq!(chosen(&[near, far, "10.244.2.3"]).len(), 3);
    // Those that are not ready have no say.
    assert_eq!(chosen(&[near, far, "10.244.2.3 unready"]), ["10.244.2.1"]);
    // The node comes before the zone.
    let here = "10.244.1.1 zone=z1 node=n1";
    assert_eq!(chosen(&[near, here]), ["10.244.1.1"]);
}

#[test]
fn udp_flows_may_go_to_whatever_serves() {
    let spec = json!({"clusterIP": "10.96.0.7", "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]});
    let slices = [slice(
        "dns",
        "UDP",
        &["10.244.2.3", "10.244.2.4 ending", "10.244.2.5 unready"],
    )];
    expect![[r#"
        services 10.96.0.7 udp 53: choose-services-1
        endpoints 10.96.0.7 udp 53 #0: 10.244.2.3:8080
        sources 10.96.0.7 udp 53: source-pods
        cluster-ips 10.96.0.7
        flows of 10.96.0.7 udp 53 to {10.244.2.3:8080, 10.244.2.4:8080}
    "#]]
    .assert_eq(&shown(&plan(&service(spec), &slices, &node())));
}

#[test]
fn every_node_is_its_own_cluster_dns_unless_pods_are() {
    let mut dns = service(
        json!({"clusterIP": "10.96.0.10", "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]}),
    );
    dns.metadata.name = Some("kube-dns".into());
    dns.metadata.namespace = Some("kube-system".into());
    expect![[r#"
        services 10.96.0.10 udp 53: choose-services-1
        endpoints 10.96.0.10 udp 53 #0: 10.244.1.1:53
        sources 10.96.0.10 udp 53: source-pods
        cluster-ips 10.96.0.10
        flows of 10.96.0.10 udp 53 to {10.244.1.1:53}
    "#]]
    .assert_eq(&shown(&plan(&dns, &[], &node())));
    let selector = [("k8s-app".to_owned(), "kube-dns".to_owned())];
    dns.spec.as_mut().unwrap().selector = Some(selector.into());
    let plan = plan(&dns, &[], &node());
    assert!(shown(&plan).contains("unserved 10.96.0.10 udp 53: refuse"));
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("default", name)
}

fn planned(spec: Json, endpoints: &[&str]) -> Option<Plan> {
    Some(plan(
        &service(spec),
        &[slice("", "TCP", endpoints)],
        &node(),
    ))
}

fn layout() -> Layout {
    Layout {
        table: "services".into(),
        pods: vec![
            "10.244.0.0/16".parse().unwrap(),
            "fd00:1::/48".parse().unwrap(),
        ],
        services: vec!["10.96.0.0/16".parse().unwrap()],
        spared: None,
    }
}
