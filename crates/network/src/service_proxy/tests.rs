use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::{Expect, expect};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use navarch_client::ObjectKey;
use serde_json::{Value as Json, json};

use super::claims::{Changes, Desired};
use super::element::{Family, Frontend, Key, Value};
use super::layout::{self, Layout};
use super::plan::{NodeView, Plan, Rank, plan};
use super::{chains, encode, stale};
use crate::Protocol;

mod figures;

fn node() -> NodeView {
    NodeView {
        name: "n1".into(),
        zone: "z1".into(),
        addresses: vec!["192.0.2.1".parse().unwrap()],
        dns: Some("10.244.1.1:53".parse().unwrap()),
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
        Key::ClusterIp(ip) | Key::ExternalIp(ip) | Key::Hairpin(ip) => ip.to_string(),
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

fn changed(changes: &Changes) -> String {
    let mut text = String::new();
    for (sign, elements) in [
        ('-', changes.removed().collect::<Vec<_>>()),
        ('+', changes.added().collect()),
    ] {
        for (key, value) in elements {
            writeln!(text, "{sign} {}", line(&key, &value)).unwrap();
        }
    }
    text
}

#[test]
fn a_change_of_a_service_changes_its_own_elements_and_no_more() {
    let spec = json!({"clusterIP": "10.96.0.7", "ports": [{"port": 80}]});
    let mut desired = Desired::default();
    let mut first = Changes::default();
    let two = ["10.244.2.3", "10.244.2.4"];
    desired.put(&key("web"), planned(spec.clone(), &two), &mut first);
    assert_eq!(first.removed().count(), 0);
    assert_eq!(first.added().count(), desired.elements().count());
    let mut none = Changes::default();
    desired.put(&key("web"), planned(spec.clone(), &two), &mut none);
    assert!(none.is_empty());
    let mut one = Changes::default();
    desired.put(&key("web"), planned(spec, &two[1..]), &mut one);
    expect![[r#"
        - services 10.96.0.7 tcp 80: choose-services-2
        - endpoints 10.96.0.7 tcp 80 #0: 10.244.2.3:8080
        - endpoints 10.96.0.7 tcp 80 #1: 10.244.2.4:8080
        + services 10.96.0.7 tcp 80: choose-services-1
        + endpoints 10.96.0.7 tcp 80 #0: 10.244.2.4:8080
    "#]]
    .assert_eq(&changed(&one));
    let mut gone = Changes::default();
    desired.put(&key("web"), None, &mut gone);
    assert_eq!(gone.added().count(), 0);
    assert_eq!(desired.elements().count(), 0);
    assert_eq!(desired.services().count(), 0);
}

#[test]
fn of_two_claims_the_clusters_own_address_goes_first_and_then_the_name() {
    let own = json!({"clusterIP": "10.96.0.7", "ports": [{"port": 80}]});
    let thief = |own: &str| json!({"clusterIP": own, "externalIPs": ["10.96.0.7"], "ports": [{"port": 80}]});
    let frontend = Frontend::Address("10.96.0.7".parse().unwrap(), Protocol::Tcp, 80);
    let at = Key::Endpoint(super::element::Scope::All, frontend, 0);
    let winner = |desired: &Desired| match desired.value(&at) {
        Some(Value::Endpoint(endpoint)) => endpoint.ip().to_string(),
        other => panic!("{other:?}"),
    };
    let mut desired = Desired::default();
    let mut changes = Changes::default();
    desired.put(
        &key("b"),
        planned(thief("10.96.0.8"), &["10.244.2.2"]),
        &mut changes,
    );
    assert_eq!(winner(&desired), "10.244.2.2");
    desired.put(&key("c"), planned(own, &["10.244.2.3"]), &mut changes);
    assert_eq!(winner(&desired), "10.244.2.3");
    desired.put(
        &key("a"),
        planned(thief("10.96.0.9"), &["10.244.2.1"]),
        &mut changes,
    );
    assert_eq!(winner(&desired), "10.244.2.3");
    desired.put(&key("c"), None, &mut changes);
    assert_eq!(winner(&desired), "10.244.2.1");
    desired.put(&key("a"), None, &mut changes);
    assert_eq!(winner(&desired), "10.244.2.2");
}

#[test]
fn who_may_use_a_frontend_is_said_by_the_service_that_has_it() {
    let firewalled = |range: &str| {
        let mut service = service(json!({
            "type": "LoadBalancer", "clusterIP": "10.96.0.7", "ports": [{"port": 80}], "loadBalancerSourceRanges": [range],
        }));
        service.status =
            serde_json::from_value(json!({"loadBalancer": {"ingress": [{"ip": "198.51.100.1"}]}}))
                .unwrap();
        Some(plan(&service, &[], &node()))
    };
    let allowed = |desired: &Desired| {
        let range = |(key, _)| match key {
            Key::Allowed(_, range) => Some(range.to_string()),
            _ => None,
        };
        desired.elements().filter_map(range).collect::<Vec<_>>()
    };
    let mut desired = Desired::default();
    let mut changes = Changes::default();
    desired.put(&key("b"), firewalled("10.0.0.0/8"), &mut changes);
    assert_eq!(allowed(&desired), ["10.0.0.0/8"]);
    // A range within another one's would be refused by the kernel, and everything with it.
    let mut first = Changes::default();
    desired.put(&key("a"), firewalled("10.1.0.0/16"), &mut first);
    assert_eq!(allowed(&desired), ["10.1.0.0/16"]);
    expect![[r#"
        - allowed-sources 198.51.100.1 tcp 80 from 10.0.0.0/8
        + allowed-sources 198.51.100.1 tcp 80 from 10.1.0.0/16
    "#]]
    .assert_eq(&changed(&first));
    desired.put(&key("a"), firewalled("10.2.0.0/16"), &mut changes);
    assert_eq!(allowed(&desired), ["10.2.0.0/16"]);
    desired.put(&key("a"), None, &mut changes);
    assert_eq!(allowed(&desired), ["10.0.0.0/8"]);
    desired.put(&key("b"), None, &mut changes);
    assert_eq!(desired.elements().count(), 0);
}

#[test]
fn clients_are_forgotten_with_their_endpoint() {
    let spec =
        json!({"clusterIP": "10.96.0.7", "sessionAffinity": "ClientIP", "ports": [{"port": 80}]});
    let mut desired = Desired::default();
    let mut changes = Changes::default();
    desired.put(
        &key("web"),
        planned(spec.clone(), &["10.244.2.3", "10.244.2.4"]),
        &mut changes,
    );
    let remembered = |endpoint: [u8; 4]| crate::netfilter::elements::Element {
        set: encode::AFFINITY[0],
        key: [&[10, 244, 9, 9, 10, 96, 0, 7, 6, 0, 0, 0, 0, 80, 0, 0][..]].concat(),
        end: None,
        data: Some(crate::netfilter::elements::Data::Value(
            [&endpoint[..], &[0x1f, 0x90, 0, 0]].concat(),
        )),
    };
    let known = || vec![remembered([10, 244, 2, 3]), remembered([10, 244, 2, 4])];
    let stale_of = |desired: &Desired, changes: &Changes| {
        let touched = stale::frontends(changes, desired);
        stale::clients(Family::V4, known(), desired, Some(&touched))
    };
    assert_eq!(stale_of(&desired, &changes), []);
    let mut one = Changes::default();
    desired.put(&key("web"), planned(spec, &["10.244.2.4"]), &mut one);
    assert_eq!(stale_of(&desired, &one), [remembered([10, 244, 2, 3])]);
    let mut gone = Changes::default();
    desired.put(&key("web"), None, &mut gone);
    assert_eq!(stale_of(&desired, &gone), known());
}

fn layout() -> Layout {
    Layout {
        table: "services".into(),
        pods: vec![
            "10.244.0.0/16".parse().unwrap(),
            "fd00:1::/48".parse().unwrap(),
        ],
        services: vec!["10.96.0.0/16".parse().unwrap()],
    }
}

#[test]
fn the_tables_are_the_same_whatever_the_services() {
    expect![[r#"
        table ip services {
          set pods { type ipv4_addr; flags interval; }
          set service-ranges { type ipv4_addr; flags interval; }
          set cluster-ips { type ipv4_addr; }
          set external-ips { type ipv4_addr; }
          set hairpin { type ipv4_addr . ipv4_addr; }
          set firewalled { type ipv4_addr . inet_proto . inet_service; }
          set allowed-sources { type ipv4_addr . inet_proto . inet_service . ipv4_addr; flags interval; }
          map services { type ipv4_addr . inet_proto . inet_service : verdict; }
          map node-ports { type inet_proto . inet_service : verdict; }
          map inside-services { type ipv4_addr . inet_proto . inet_service : verdict; }
          map inside-node-ports { type inet_proto . inet_service : verdict; }
          map endpoints { type mark . ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
          map node-port-endpoints { type mark . inet_proto . inet_service : ipv4_addr . inet_service; }
          map inside-endpoints { type mark . ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
          map inside-node-port-endpoints { type mark . inet_proto . inet_service : ipv4_addr . inet_service; }
          map sources { type ipv4_addr . inet_proto . inet_service : verdict; }
          map node-port-sources { type inet_proto . inet_service : verdict; }
          map remember-services { type ipv4_addr . inet_proto . inet_service : verdict; }
          map remember-node-ports { type inet_proto . inet_service : verdict; }
          map affinity { type ipv4_addr . ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; flags dynamic,timeout; size 262144; }
          map node-port-affinity { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; flags dynamic,timeout; size 262144; }
          map unserved { type ipv4_addr . inet_proto . inet_service : verdict; }
          map unserved-node-ports { type inet_proto . inet_service : verdict; }
          chain firewall-prerouting { type filter hook prerouting priority -110; policy accept; }
          chain firewall-output { type filter hook output priority -110; policy accept; }
          chain prerouting { type nat hook prerouting priority -101; policy accept; }
          chain output { type nat hook output priority -101; policy accept; }
          chain input { type nat hook input priority 99; policy accept; }
          chain postrouting { type nat hook postrouting priority 99; policy accept; }
          chain filter-input { type filter hook input priority 0; policy accept; }
          chain filter-forward { type filter hook forward priority 0; policy accept; }
          chain filter-output { type filter hook output priority 0; policy accept; }
          chain firewall { }
          chain dispatch { }
          chain inside { }
          chain remember { }
          chain sources { }
          chain source-pods { }
          chain source-nobody { }
          chain source-others { }
          chain unserved-here { }
          chain unserved-elsewhere { }
          chain refuse { }
        }
        flush chain ip services firewall-prerouting
        flush chain ip services firewall-output
        flush chain ip services prerouting
        flush chain ip services output
        flush chain ip services input
        flush chain ip services postrouting
        flush chain ip services filter-input
        flush chain ip services filter-forward
        flush chain ip services filter-output
        flush chain ip services firewall
        flush chain ip services dispatch
        flush chain ip services inside
        flush chain ip services remember
        flush chain ip services sources
        flush chain ip services source-pods
        flush chain ip services source-nobody
        flush chain ip services source-others
        flush chain ip services unserved-here
        flush chain ip services unserved-elsewhere
        flush chain ip services refuse
        flush set ip services pods
        add element ip services pods { 10.244.0.0/16 }
        flush set ip services service-ranges
        add element ip services service-ranges { 10.96.0.0/16 }
        table ip services {
          chain firewall-prerouting { ct state new jump firewall; }
          chain firewall-output { ct state new jump firewall; }
          chain firewall { ip daddr . meta l4proto . th dport @firewalled ip daddr . meta l4proto . th dport . ip saddr != @allowed-sources drop; }
          chain prerouting { jump dispatch; }
          chain output { jump dispatch; }
          chain dispatch {
            ip saddr @pods jump inside
            fib saddr type local jump inside
            ip daddr . meta l4proto . th dport vmap @services
            fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @node-ports
          }
          chain inside {
            ip daddr . meta l4proto . th dport vmap @inside-services
            fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @inside-node-ports
          }
          chain input { ct status dnat jump remember; }
          chain postrouting {
            ct status dnat jump remember
            ct status dnat jump sources
          }
          chain remember {
            meta l4proto tcp ct original ip daddr . meta l4proto . ct original proto-dst vmap @remember-services
            meta l4proto udp ct original ip daddr . meta l4proto . ct original proto-dst vmap @remember-services
            meta l4proto sctp ct original ip daddr . meta l4proto . ct original proto-dst vmap @remember-services
            ct original ip daddr @cluster-ips return
            ct original ip daddr @external-ips return
            meta l4proto tcp meta l4proto . ct original proto-dst vmap @remember-node-ports
            meta l4proto udp meta l4proto . ct original proto-dst vmap @remember-node-ports
            meta l4proto sctp meta l4proto . ct original proto-dst vmap @remember-node-ports
          }
          chain sources {
            ip saddr . ip daddr @hairpin masquerade fully-random
            meta l4proto tcp ct original ip daddr . meta l4proto . ct original proto-dst vmap @sources
            meta l4proto udp ct original ip daddr . meta l4proto . ct original proto-dst vmap @sources
            meta l4proto sctp ct original ip daddr . meta l4proto . ct original proto-dst vmap @sources
            ct original ip daddr @cluster-ips return
            ct original ip daddr @external-ips return
            meta l4proto tcp meta l4proto . ct original proto-dst vmap @node-port-sources
            meta l4proto udp meta l4proto . ct original proto-dst vmap @node-port-sources
            meta l4proto sctp meta l4proto . ct original proto-dst vmap @node-port-sources
          }
          chain source-pods { ip saddr != @pods masquerade fully-random; }
          chain source-nobody { masquerade fully-random; }
          chain source-others { fib saddr type local masquerade fully-random; }
          chain filter-input { ct state new jump unserved-here; }
          chain filter-forward { ct state new jump unserved-elsewhere; }
          chain filter-output { ct state new jump unserved-elsewhere; }
          chain unserved-here {
            ip daddr . meta l4proto . th dport vmap @unserved
            ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @unserved-node-ports
          }
          chain unserved-elsewhere {
            ip daddr . meta l4proto . th dport vmap @unserved
            ip daddr @cluster-ips reject
            ip daddr @service-ranges drop
          }
          chain refuse { reject; }
        }
    "#]].assert_eq(&layout::declaration(&layout(), Family::V4));
    expect![[r#"
        table ip6 services {
          set pods { type ipv6_addr; flags interval; }
          set service-ranges { type ipv6_addr; flags interval; }
          set cluster-ips { type ipv6_addr; }
          set external-ips { type ipv6_addr; }
          set hairpin { type ipv6_addr . ipv6_addr; }
          set firewalled { type ipv6_addr . inet_proto . inet_service; }
          set allowed-sources { type ipv6_addr . inet_proto . inet_service . ipv6_addr; flags interval; }
          map services { type ipv6_addr . inet_proto . inet_service : verdict; }
          map node-ports { type inet_proto . inet_service : verdict; }
          map inside-services { type ipv6_addr . inet_proto . inet_service : verdict; }
          map inside-node-ports { type inet_proto . inet_service : verdict; }
          map endpoints { type mark . ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
          map node-port-endpoints { type mark . inet_proto . inet_service : ipv6_addr . inet_service; }
          map inside-endpoints { type mark . ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
          map inside-node-port-endpoints { type mark . inet_proto . inet_service : ipv6_addr . inet_service; }
          map sources { type ipv6_addr . inet_proto . inet_service : verdict; }
          map node-port-sources { type inet_proto . inet_service : verdict; }
          map remember-services { type ipv6_addr . inet_proto . inet_service : verdict; }
          map remember-node-ports { type inet_proto . inet_service : verdict; }
          map affinity { type ipv6_addr . ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; flags dynamic,timeout; size 262144; }
          map node-port-affinity { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; flags dynamic,timeout; size 262144; }
          map unserved { type ipv6_addr . inet_proto . inet_service : verdict; }
          map unserved-node-ports { type inet_proto . inet_service : verdict; }
          chain firewall-prerouting { type filter hook prerouting priority -110; policy accept; }
          chain firewall-output { type filter hook output priority -110; policy accept; }
          chain prerouting { type nat hook prerouting priority -101; policy accept; }
          chain output { type nat hook output priority -101; policy accept; }
          chain input { type nat hook input priority 99; policy accept; }
          chain postrouting { type nat hook postrouting priority 99; policy accept; }
          chain filter-input { type filter hook input priority 0; policy accept; }
          chain filter-forward { type filter hook forward priority 0; policy accept; }
          chain filter-output { type filter hook output priority 0; policy accept; }
          chain firewall { }
          chain dispatch { }
          chain inside { }
          chain remember { }
          chain sources { }
          chain source-pods { }
          chain source-nobody { }
          chain source-others { }
          chain unserved-here { }
          chain unserved-elsewhere { }
          chain refuse { }
        }
        flush chain ip6 services firewall-prerouting
        flush chain ip6 services firewall-output
        flush chain ip6 services prerouting
        flush chain ip6 services output
        flush chain ip6 services input
        flush chain ip6 services postrouting
        flush chain ip6 services filter-input
        flush chain ip6 services filter-forward
        flush chain ip6 services filter-output
        flush chain ip6 services firewall
        flush chain ip6 services dispatch
        flush chain ip6 services inside
        flush chain ip6 services remember
        flush chain ip6 services sources
        flush chain ip6 services source-pods
        flush chain ip6 services source-nobody
        flush chain ip6 services source-others
        flush chain ip6 services unserved-here
        flush chain ip6 services unserved-elsewhere
        flush chain ip6 services refuse
        flush set ip6 services pods
        add element ip6 services pods { fd00:1::/48 }
        flush set ip6 services service-ranges
        table ip6 services {
          chain firewall-prerouting { ct state new jump firewall; }
          chain firewall-output { ct state new jump firewall; }
          chain firewall { ip6 daddr . meta l4proto . th dport @firewalled ip6 daddr . meta l4proto . th dport . ip6 saddr != @allowed-sources drop; }
          chain prerouting { jump dispatch; }
          chain output { jump dispatch; }
          chain dispatch {
            ip6 saddr @pods jump inside
            fib saddr type local jump inside
            ip6 daddr . meta l4proto . th dport vmap @services
            fib daddr type local ip6 daddr != ::1 meta l4proto . th dport vmap @node-ports
          }
          chain inside {
            ip6 daddr . meta l4proto . th dport vmap @inside-services
            fib daddr type local ip6 daddr != ::1 meta l4proto . th dport vmap @inside-node-ports
          }
          chain input { ct status dnat jump remember; }
          chain postrouting {
            ct status dnat jump remember
            ct status dnat jump sources
          }
          chain remember {
            meta l4proto tcp ct original ip6 daddr . meta l4proto . ct original proto-dst vmap @remember-services
            meta l4proto udp ct original ip6 daddr . meta l4proto . ct original proto-dst vmap @remember-services
            meta l4proto sctp ct original ip6 daddr . meta l4proto . ct original proto-dst vmap @remember-services
            ct original ip6 daddr @cluster-ips return
            ct original ip6 daddr @external-ips return
            meta l4proto tcp meta l4proto . ct original proto-dst vmap @remember-node-ports
            meta l4proto udp meta l4proto . ct original proto-dst vmap @remember-node-ports
            meta l4proto sctp meta l4proto . ct original proto-dst vmap @remember-node-ports
          }
          chain sources {
            ip6 saddr . ip6 daddr @hairpin masquerade fully-random
            meta l4proto tcp ct original ip6 daddr . meta l4proto . ct original proto-dst vmap @sources
            meta l4proto udp ct original ip6 daddr . meta l4proto . ct original proto-dst vmap @sources
            meta l4proto sctp ct original ip6 daddr . meta l4proto . ct original proto-dst vmap @sources
            ct original ip6 daddr @cluster-ips return
            ct original ip6 daddr @external-ips return
            meta l4proto tcp meta l4proto . ct original proto-dst vmap @node-port-sources
            meta l4proto udp meta l4proto . ct original proto-dst vmap @node-port-sources
            meta l4proto sctp meta l4proto . ct original proto-dst vmap @node-port-sources
          }
          chain source-pods { ip6 saddr != @pods masquerade fully-random; }
          chain source-nobody { masquerade fully-random; }
          chain source-others { fib saddr type local masquerade fully-random; }
          chain filter-input { ct state new jump unserved-here; }
          chain filter-forward { ct state new jump unserved-elsewhere; }
          chain filter-output { ct state new jump unserved-elsewhere; }
          chain unserved-here {
            ip6 daddr . meta l4proto . th dport vmap @unserved
            ip6 daddr != ::1 meta l4proto . th dport vmap @unserved-node-ports
          }
          chain unserved-elsewhere {
            ip6 daddr . meta l4proto . th dport vmap @unserved
            ip6 daddr @cluster-ips reject
            ip6 daddr @service-ranges drop
          }
          chain refuse { reject; }
        }
    "#]].assert_eq(&layout::declaration(&layout(), Family::V6));
}

#[test]
fn chains_are_made_for_what_is_the_same_in_many_services() {
    use super::element::Scope::{All, Inside};
    let address = Frontend::Address("10.96.0.7".parse().unwrap(), Protocol::Tcp, 80);
    let port = Frontend::NodePort(Family::V4, Protocol::Tcp, 30080);
    let choose = |count, sticky| Value::Choose { count, sticky };
    let mut text = String::new();
    for (key, value) in [
        (Key::Dispatch(All, address), choose(3, true)),
        (Key::Dispatch(Inside, address), choose(3, false)),
        (Key::Dispatch(All, port), choose(3, true)),
        (Key::Dispatch(Inside, port), choose(1, false)),
        (Key::Remember(address), Value::Remember(10)),
        (Key::Remember(port), Value::Remember(10)),
    ] {
        for rule in chains::choosing(&key, &value).into_iter().flatten() {
            let name = chains::chain(&key, &value).unwrap();
            writeln!(text, "{name}: {:?} in {}", rule.key, rule.map).unwrap();
        }
        text.push_str(&chains::remembering(&layout(), &key, &value).unwrap_or_default());
    }
    expect![[r#"
        choose-services-3-sticky: [Source, Destination, Protocol, Port] in affinity
        choose-services-3-sticky: [Random(3), Destination, Protocol, Port] in endpoints
        choose-inside-services-3: [Random(3), Destination, Protocol, Port] in inside-endpoints
        choose-node-ports-3-sticky: [Source, Protocol, Port] in node-port-affinity
        choose-node-ports-3-sticky: [Random(3), Protocol, Port] in node-port-endpoints
        choose-inside-node-ports-1: [Random(1), Protocol, Port] in inside-node-port-endpoints
        add chain ip services remember-services-10
        flush chain ip services remember-services-10
        add rule ip services remember-services-10 meta l4proto tcp update @affinity { ct original ip saddr . ct original ip daddr . meta l4proto . ct original proto-dst timeout 10s : ip daddr . th dport }
        add rule ip services remember-services-10 meta l4proto udp update @affinity { ct original ip saddr . ct original ip daddr . meta l4proto . ct original proto-dst timeout 10s : ip daddr . th dport }
        add rule ip services remember-services-10 meta l4proto sctp update @affinity { ct original ip saddr . ct original ip daddr . meta l4proto . ct original proto-dst timeout 10s : ip daddr . th dport }
        add chain ip services remember-node-ports-10
        flush chain ip services remember-node-ports-10
        add rule ip services remember-node-ports-10 meta l4proto tcp update @node-port-affinity { ct original ip saddr . meta l4proto . ct original proto-dst timeout 10s : ip daddr . th dport }
        add rule ip services remember-node-ports-10 meta l4proto udp update @node-port-affinity { ct original ip saddr . meta l4proto . ct original proto-dst timeout 10s : ip daddr . th dport }
        add rule ip services remember-node-ports-10 meta l4proto sctp update @node-port-affinity { ct original ip saddr . meta l4proto . ct original proto-dst timeout 10s : ip daddr . th dport }
    "#]].assert_eq(&text);
}
