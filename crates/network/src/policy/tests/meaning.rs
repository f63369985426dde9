//! What is documented, case by case; and how much of the tables a change changes.

use super::*;

/// A node with the pods `web` and `db` of the namespace `shop`, and one elsewhere, `ops/tool`.
fn shop() -> World {
    let mut world = World::default();
    world.namespace("shop", &json!({"team": "shop"}));
    world.namespace("ops", &json!({"team": "ops"}));
    world.local_pod("shop", &json!({"app": "web"}), "10.0.0.1");
    world.local_pod("shop", &json!({"app": "db"}), "10.0.0.2");
    world.pod("ops", &json!({"app": "tool"}), &["10.0.1.1"], web_ports());
    world
}

/// Which of `FROM TO PROTOCOL PORT` go through, one a line.
#[allow(clippy::needless_pass_by_value, reason = "cases read better")]
fn check(spec: Json, packets: &[&str], expected: Expect) {
    let mut world = shop();
    world.policy("shop", "policy", spec);
    let elements = world.plan();
    let lines = packets.iter().map(|text| {
        let packet = packet(text);
        let is_allowed = allows(&elements, &packet);
        assert_eq!(is_allowed, world.lets_through(&packet), "{text}");
        format!("{text}: {}\n", if is_allowed { "yes" } else { "no" })
    });
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn a_policy_without_rules_isolates_in_the_directions_that_it_names() {
    let asked = [
        "10.0.1.1 10.0.0.2 tcp 80",
        "10.0.0.2 10.0.1.1 tcp 80",
        "10.0.0.2 10.0.0.2 tcp 80",
        "10.0.0.1 192.0.2.1 icmp 0",
    ];
    let db = json!({"matchLabels": {"app": "db"}});
    check(
        json!({"podSelector": db}),
        &asked,
        expect![[r#"
            10.0.1.1 10.0.0.2 tcp 80: no
            10.0.0.2 10.0.1.1 tcp 80: yes
            10.0.0.2 10.0.0.2 tcp 80: yes
            10.0.0.1 192.0.2.1 icmp 0: yes
        "#]],
    );
    check(
        json!({"podSelector": {}, "policyTypes": ["Egress"]}),
        &asked,
        expect![[r#"
            10.0.1.1 10.0.0.2 tcp 80: yes
            10.0.0.2 10.0.1.1 tcp 80: no
            10.0.0.2 10.0.0.2 tcp 80: yes
            10.0.0.1 192.0.2.1 icmp 0: no
        "#]],
    );
}

#[test]
fn egress_rules_alone_isolate_both_ways_where_types_are_not_named() {
    check(
        json!({"podSelector": {"matchLabels": {"app": "db"}}, "egress": [{}]}),
        &["10.0.1.1 10.0.0.2 tcp 80", "10.0.0.2 10.0.1.1 udp 80"],
        expect![[r#"
            10.0.1.1 10.0.0.2 tcp 80: no
            10.0.0.2 10.0.1.1 udp 80: yes
        "#]],
    );
}

#[test]
fn named_ports_are_those_of_the_pod_that_is_asked() {
    let to = json!([{"namespaceSelector": {}}]);
    let ports = json!([{"port": "http"}, {"port": "dns", "protocol": "UDP"}]);
    check(
        json!({"podSelector": {}, "egress": [{"to": to, "ports": ports}], "policyTypes": ["Egress"]}),
        &[
            "10.0.0.1 10.0.1.1 tcp 8080",
            "10.0.0.1 10.0.1.1 udp 53",
            "10.0.0.1 10.0.1.1 tcp 53",
            "10.0.0.1 192.0.2.1 tcp 8080",
        ],
        expect![[r#"
            10.0.0.1 10.0.1.1 tcp 8080: yes
            10.0.0.1 10.0.1.1 udp 53: yes
            10.0.0.1 10.0.1.1 tcp 53: no
            10.0.0.1 192.0.2.1 tcp 8080: no
        "#]],
    );
}

#[test]
fn a_pod_that_the_api_does_not_know_may_nothing_where_there_are_policies() {
    let mut world = shop();
    let unknown = world.local_pod("shop", &json!({}), "10.0.0.3");
    world.policy(
        "shop",
        "db",
        json!({"podSelector": {"matchLabels": {"app": "db"}}}),
    );
    let before = world.plan();
    assert!(allows(&before, &packet("10.0.0.3 10.0.1.1 tcp 80")));
    let local = LocalPod {
        pod: PodName {
            namespace: "shop".into(),
            name: format!("p{unknown}"),
            uid: String::new(),
        },
        ips: vec![ip("10.0.0.3")],
    };
    world.pods.truncate(unknown);
    let elements = world.plan_for(&BTreeMap::from([("s".to_owned(), local)]));
    assert!(!allows(&elements, &packet("10.0.0.3 10.0.1.1 tcp 80")));
    assert!(!allows(&elements, &packet("10.0.1.1 10.0.0.3 tcp 80")));
}

#[test]
fn a_change_changes_what_it_is_about() {
    let changed = |old: &World, new: &World| {
        let (old, new) = (old.plan(), new.plan());
        let only = |one: &Elements, other: &Elements| {
            let keys = one
                .iter()
                .filter(|(key, value)| other.get(key) != Some(value));
            keys.map(|(key, _)| key.set()).collect::<Vec<_>>()
        };
        (only(&old, &new), only(&new, &old))
    };
    let mut world = shop();
    let from = json!([{"namespaceSelector": {"matchLabels": {"team": "ops"}}}]);
    for number in 0..100 {
        let ports = json!([{"port": 80 + number}]);
        let spec = json!({"podSelector": {}, "ingress": [{"from": from, "ports": ports}]});
        world.policy("shop", &format!("policy{number}"), spec);
    }
    // One more pod that is allowed: where its address leads to, and no more.
    let mut more = world.clone();
    more.pod("ops", &json!({"app": "other"}), &["10.0.1.2"], web_ports());
    assert_eq!(changed(&world, &more), (vec![], vec!["ingress-identities"]));
    // One more pod of this node that the policies select.
    let mut more = world.clone();
    more.local_pod("shop", &json!({"app": "api"}), "10.0.0.3");
    let own = vec!["isolated", "itself", "ingress-isolated", "ingress-pairs"];
    assert_eq!(changed(&world, &more), (vec![], own));
    // A policy allows another port: another set of ports at the same place.
    let mut more = world.clone();
    more.policies.pop();
    let ports = json!([{"port": 443}]);
    let spec = json!({"podSelector": {}, "ingress": [{"from": from, "ports": ports}]});
    more.policy("shop", "policy99", spec);
    let (removed, added) = changed(&world, &more);
    let pairs = ["ingress-pairs", "ingress-pairs"];
    assert_eq!(removed, [&pairs[..], &["ports"]].concat());
    assert_eq!(added, [&pairs[..], &["ports", "ports"]].concat());
}

#[test]
fn port_sets_are_in_the_fewest_ranges() {
    let mut set = PortSet::default();
    for (first, last) in [(80, 80), (82, 90), (81, 81), (0, 3), (5, 4), (65535, 65535)] {
        set.add(Protocol::Tcp, Some((first, last)));
    }
    let ranges: Vec<_> = set.ranges().iter().map(|range| range.ports).collect();
    assert_eq!(ranges, [(0, 3), (80, 90), (65535, 65535)]);
    set.add(Protocol::Tcp, None);
    assert_eq!(set.ranges().len(), 1);
    set.add_all(&PortSet::everything());
    assert_eq!(set, PortSet::everything());
}

#[test]
fn blocks_are_cut_where_they_differ_and_nowhere_else() {
    let block = |range: &str, except: &[&str]| Block {
        range: range.parse().unwrap(),
        except: except.iter().map(|range| range.parse().unwrap()).collect(),
    };
    let mut web = PortSet::default();
    web.add(Protocol::Tcp, Some((80, 80)));
    let all = PortSet::everything();
    let wide = Block::everyone(Family::V4);
    let blocks = [
        (block("10.0.0.0/24", &["10.0.0.0/26", "10.0.0.64/26"]), &all),
        (block("10.0.1.0/24", &[]), &all),
        (wide, &web),
    ];
    let ranges = partition(
        Family::V4,
        blocks.iter().map(|(block, ports)| (block, *ports)),
    );
    let ranges = ranges.unwrap();
    let shown: Vec<String> = ranges
        .iter()
        .map(|(first, last, ports)| format!("{first}-{last} {}", *ports == all))
        .collect();
    assert_eq!(
        shown,
        [
            "0.0.0.0-10.0.0.127 false",
            "10.0.0.128-10.0.1.255 true",
            "10.0.2.0-255.255.255.255 false"
        ]
    );
}

#[test]
fn a_namespace_that_is_not_known_yet_is_not_one_without_labels() {
    let mut world = shop();
    let from = json!([{"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["shop"]}]}, "podSelector": {}}]);
    world.policy(
        "shop",
        "policy",
        json!({"podSelector": {}, "ingress": [{"from": from}]}),
    );
    let asked = packet("10.0.1.1 10.0.0.2 tcp 80");
    assert!(allows(&world.plan(), &asked));
    world.namespaces.pop();
    assert!(!allows(&world.plan(), &asked));
    assert!(!world.lets_through(&asked));
}

#[test]
fn a_pod_that_is_being_killed_is_not_the_one_that_has_its_name_now() {
    let mut world = shop();
    world.policy(
        "shop",
        "policy",
        json!({"podSelector": {"matchLabels": {"app": "db"}}}),
    );
    let local = world.local();
    let anew = &mut world.pods[1];
    anew.metadata.uid = Some("another".into());
    anew.metadata.labels = None;
    anew.status = None;
    let asked = packet("10.0.1.1 10.0.0.2 tcp 80");
    assert!(!allows(&world.plan_for(&local), &asked));
}

/// Which questions to cluster DNS at `10.0.0.254:53` go through, by what pods may send.
fn asks(egress: &Json) -> [bool; 2] {
    let mut world = shop();
    let system = json!({"kubernetes.io/metadata.name": "kube-system"});
    world.namespace("kube-system", &system);
    let spec = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": egress});
    world.policy("shop", "policy", spec);
    let at = "10.0.0.254:53".parse().unwrap();
    let elements = world.plan_with(&world.local(), Some(at)).elements;
    assert_eq!(elements.keys().filter(|key| key.set() == "here").count(), 2);
    ["udp", "tcp"].map(|protocol| {
        let asked = packet(&format!("10.0.0.1 10.0.0.254 {protocol} 53"));
        allows(&elements, &asked)
    })
}

#[test]
fn cluster_dns_is_asked_as_rules_say_of_its_pods() {
    let pods = |labels: Json| json!({"podSelector": {"matchLabels": labels}});
    let everywhere =
        |labels: Json| json!({"namespaceSelector": {}, "podSelector": {"matchLabels": labels}});
    let system = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}});
    let (udp, by_name) = (
        json!([{"port": 53, "protocol": "UDP"}]),
        json!([{"port": "dns-tcp"}]),
    );
    for (egress, expected) in [
        (json!([]), [false, false]),
        (json!([{}]), [true, true]),
        (json!([{"ports": udp}]), [true, false]),
        (json!([{"to": [system]}]), [true, true]),
        (json!([{"to": [system], "ports": udp}]), [true, false]),
        (
            json!([{"to": [everywhere(json!({"k8s-app": "kube-dns"}))], "ports": by_name}]),
            [false, true],
        ),
        (
            json!([{"to": [everywhere(json!({"k8s-app": "other"}))]}]),
            [false, false],
        ),
        (
            json!([{"to": [pods(json!({"k8s-app": "kube-dns"}))]}]),
            [false, false],
        ),
        (
            json!([{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": udp}]),
            [true, false],
        ),
    ] {
        assert_eq!(asks(&egress), expected, "{egress}");
    }
}

#[test]
fn of_a_pod_is_kept_what_policies_see() {
    let mut world = shop();
    let mut other = world.clone();
    let from = json!([{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "tool"}}}]);
    let subject = json!({"matchLabels": {"app": "web"}});
    let spec =
        json!({"podSelector": subject, "ingress": [{"from": from, "ports": [{"port": "http"}]}]});
    for world in [&mut world, &mut other] {
        world.policy("shop", "policy", spec.clone());
    }
    other.pods = other.pods.iter().map(super::super::pods::keep).collect();
    assert_eq!(world.plan(), other.plan());
}

#[test]
fn a_pod_elsewhere_is_seen_while_it_has_an_address() {
    use super::super::pods::differ;
    let mut world = World::default();
    let of = |world: &mut World, ips: &[&str], phase: &str| {
        let index = world.pod("shop", &json!({}), ips, json!({"phase": phase}));
        let mut pod = world.pods[index].clone();
        pod.metadata.uid = Some("uid".into());
        pod
    };
    let waiting = of(&mut world, &[], "Pending");
    let running = of(&mut world, &["10.0.1.1"], "Running");
    let over = of(&mut world, &["10.0.1.1"], "Succeeded");
    let mut noted = running.clone();
    noted.metadata.annotations = Some([("a".to_owned(), "b".to_owned())].into());
    let mut labelled = running.clone();
    labelled.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into());
    for (old, new, expected) in [
        (None, Some(&waiting), false),
        (Some(&waiting), Some(&running), true),
        (Some(&running), Some(&noted), false),
        (Some(&running), Some(&labelled), true),
        (Some(&running), Some(&over), true),
        (Some(&over), None, false),
    ] {
        assert_eq!(differ(old, new, false), expected, "{old:?} {new:?}");
    }
    assert!(differ(None, Some(&waiting), true));
}
