//! Any policies, pods and packets: the look-ups say what the documentation says.

use proptest::prelude::*;

use super::*;

/// Addresses of no pod.
const OUTSIDE: [&str; 3] = ["192.0.2.1", "192.0.2.130", "10.0.3.1"];
const PORTS: [u16; 6] = [53, 80, 81, 443, 8080, 65535];

fn labels() -> impl Strategy<Value = Json> {
    let value = prop::sample::select(vec!["a", "b"]);
    (prop::option::of(value.clone()), prop::option::of(value)).prop_map(|(app, tier)| {
        let mut labels = json!({});
        if let Some(app) = app {
            labels["app"] = json!(app);
        }
        if let Some(tier) = tier {
            labels["tier"] = json!(tier);
        }
        labels
    })
}

fn selector() -> impl Strategy<Value = Json> {
    let expression = prop::sample::select(vec![
        json!({"key": "tier", "operator": "Exists"}),
        json!({"key": "tier", "operator": "DoesNotExist"}),
        json!({"key": "app", "operator": "NotIn", "values": ["a"]}),
        json!({"key": "app", "operator": "In", "values": ["a", "b"]}),
    ]);
    prop_oneof![
        labels().prop_map(|labels| json!({"matchLabels": labels})),
        expression.prop_map(|expression| json!({"matchExpressions": [expression]})),
    ]
}

fn peer() -> impl Strategy<Value = Json> {
    let block = prop::sample::select(vec![
        json!({"cidr": "0.0.0.0/0"}),
        json!({"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}),
        json!({"cidr": "10.0.0.0/16", "except": ["10.0.0.0/30", "10.0.1.0/24"]}),
        json!({"cidr": "10.0.0.2/32"}),
        json!({"cidr": "192.0.2.0/24", "except": ["192.0.2.128/25"]}),
        json!({"cidr": "192.0.2.0/25"}),
        json!({"cidr": "fd00::/8", "except": ["fd00::/64"]}),
    ]);
    prop_oneof![
        selector().prop_map(|pods| json!({"podSelector": pods})),
        selector().prop_map(|namespaces| json!({"namespaceSelector": namespaces})),
        (selector(), selector())
            .prop_map(|(pods, there)| json!({"podSelector": pods, "namespaceSelector": there})),
        block.prop_map(|block| json!({"ipBlock": block})),
    ]
}

fn port() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        json!({}),
        json!({"protocol": "UDP"}),
        json!({"protocol": "SCTP", "port": 80}),
        json!({"port": 80}),
        json!({"port": 81, "endPort": 443}),
        json!({"port": 60, "endPort": 80}),
        json!({"port": 443, "endPort": 65535, "protocol": "UDP"}),
        json!({"port": "http"}),
        json!({"port": "dns", "protocol": "UDP"}),
        json!({"port": "dns"}),
    ])
}

fn rules(peers: &'static str) -> impl Strategy<Value = Json> {
    let list = |of| prop::option::of(prop::collection::vec(of, 0..3));
    let rule = (list(peer().boxed()), list(port().boxed())).prop_map(move |(who, ports)| {
        let mut rule = json!({});
        if let Some(who) = who {
            rule[peers] = json!(who);
        }
        if let Some(ports) = ports {
            rule["ports"] = json!(ports);
        }
        rule
    });
    prop::collection::vec(rule, 0..3).prop_map(|rules| json!(rules))
}

fn policy() -> impl Strategy<Value = (usize, Json)> {
    let types = prop::sample::select(vec![
        json!([]),
        json!(["Ingress"]),
        json!(["Egress"]),
        json!(["Ingress", "Egress"]),
    ]);
    let parts = (0..3usize, selector(), types, rules("from"), rules("to"));
    parts.prop_map(|(namespace, subject, types, ingress, egress)| {
        let spec = json!({"podSelector": subject, "policyTypes": types, "ingress": ingress, "egress": egress});
        (namespace, spec)
    })
}

fn pod() -> impl Strategy<Value = (usize, Json, Json, bool)> {
    let kind = prop::sample::select(vec![
        web_ports(),
        web_ports(),
        json!({"containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 81}]}]}),
        json!({"hostNetwork": true}),
        json!({"phase": "Succeeded"}),
    ]);
    (0..3usize, labels(), kind, any::<bool>())
}

fn world() -> impl Strategy<Value = World> {
    let parts = (
        prop::collection::vec(labels(), 3),
        prop::collection::vec(pod(), 1..7),
        prop::collection::vec(policy(), 0..6),
    );
    parts.prop_map(|(namespaces, pods, policies)| {
        let mut world = World::default();
        for (index, labels) in namespaces.iter().enumerate() {
            world.namespace(&format!("n{index}"), labels);
        }
        for (index, (namespace, labels, kind, is_here)) in pods.into_iter().enumerate() {
            let v4 = format!("10.0.{}.{}", index % 2, index + 1);
            let v6 = format!("fd00::{}:{}", index % 2, index + 1);
            let (namespace, ips) = (format!("n{namespace}"), [&*v4, &*v6]);
            let pod = world.pod(&namespace, &labels, &ips, kind);
            if is_here {
                world.local.push(pod);
            }
        }
        for (index, (namespace, spec)) in policies.into_iter().enumerate() {
            world.policy(&format!("n{namespace}"), &format!("policy{index}"), spec);
        }
        world
    })
}

/// Every packet there can be between these.
fn packets(world: &World) -> Vec<Packet> {
    let pods = world.pods.iter();
    let ips = pods.flat_map(|pod| pod.status.clone().unwrap().pod_ips.unwrap());
    let mut all: Vec<IpAddr> = ips.map(|ip| ip.ip.parse().unwrap()).collect();
    all.extend(OUTSIDE.map(ip));
    let mut packets = Vec::new();
    for from in &all {
        for to in all.iter().filter(|to| to.is_ipv4() == from.is_ipv4()) {
            for protocol in [1, 6, 17, 132] {
                packets.extend(PORTS.map(|port| Packet {
                    from: *from,
                    to: *to,
                    protocol,
                    port,
                }));
            }
        }
    }
    packets
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn elements_say_what_policies_say(world in world()) {
        let elements = world.plan();
        for packet in packets(&world) {
            let (said, meant) = (allows(&elements, &packet), world.lets_through(&packet));
            prop_assert_eq!(said, meant, "{:?} by {:?}", packet, world);
        }
    }

    #[test]
    fn the_order_of_things_is_no_matter(world in world()) {
        let mut turned = world.clone();
        turned.policies.reverse();
        turned.namespaces.reverse();
        turned.local.reverse();
        prop_assert_eq!(world.plan(), turned.plan());
    }
}
