//! What is too much is denied, to those whose policies say it and to nobody else; and that is found out soon.

use std::time::{Duration, Instant};

use super::*;
use crate::policy::bounds::{OF_NAMESPACE, OF_NODE, OF_POD};

/// For a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A node with a pod of the namespace `shop`, which lets in everybody, and these pods of the namespace `flood`.
fn world(pods: usize) -> World {
    let mut world = World::default();
    world.namespace("shop", &json!({}));
    world.namespace("flood", &json!({}));
    world.local_pod("shop", &json!({}), "10.0.0.1");
    world.policy(
        "shop",
        "policy",
        json!({"podSelector": {}, "ingress": [{}]}),
    );
    for number in 0..pods {
        world.local_pod("flood", &json!({}), &format!("10.0.1.{number}"));
    }
    world
}

/// Single addresses that do not touch.
fn blocks(count: usize) -> Vec<Json> {
    let block = |number: usize| {
        let ip = std::net::Ipv4Addr::from(0xac10_0000 + 2 * u32::try_from(number).unwrap());
        json!({"ipBlock": {"cidr": format!("{ip}/32")}})
    };
    (0..count).map(block).collect()
}

#[track_caller]
fn check(world: &World, is_denied: bool) {
    let begin = Instant::now();
    let plan = world.plan_with(&world.local(), None);
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    let denied: Vec<&String> = plan.denied.keys().collect();
    let expected: &[&str] = if is_denied { &["flood"] } else { &[] };
    assert_eq!(denied, expected);
    assert!(plan.elements.len() < 2 * OF_NODE);
    let asks = |to: &str| allows(&plan.elements, &packet(&format!("172.16.0.0 {to} tcp 80")));
    assert!(asks("10.0.0.1"));
    assert_eq!(asks("10.0.1.0"), !is_denied);
}

#[test]
fn a_pod_has_so_many_ranges_and_no_more() {
    for (count, is_denied) in [(OF_POD, false), (OF_POD + 1, true)] {
        let mut world = world(1);
        let rule = json!({"from": blocks(count)});
        world.policy(
            "flood",
            "policy",
            json!({"podSelector": {}, "ingress": [rule]}),
        );
        check(&world, is_denied);
    }
}

#[test]
fn a_node_has_so_many_elements_and_no_more() {
    let most = OF_NODE / OF_POD;
    for (pods, is_denied) in [(most - 1, false), (most + 1, true)] {
        let mut world = world(pods);
        let rule = json!({"from": blocks(OF_POD)});
        world.policy(
            "flood",
            "policy",
            json!({"podSelector": {}, "ingress": [rule]}),
        );
        check(&world, is_denied);
    }
}

#[test]
fn a_namespace_has_so_many_rules_and_no_more() {
    // Of one rule, and of as many policies as there can be: each rule counts.
    for (count, is_denied) in [(OF_NAMESPACE - 3, false), (OF_NAMESPACE, true)] {
        let mut world = world(1);
        let peer = json!({"podSelector": {"matchLabels": {"app": "none"}}});
        let peers = vec![peer; count];
        let rules = json!([{"from": peers}, {}]);
        world.policy(
            "flood",
            "policy",
            json!({"podSelector": {}, "ingress": rules}),
        );
        check(&world, is_denied);
    }
}

#[test]
fn blocks_that_lie_over_each_other_are_no_way_to_keep_a_node_busy() {
    let mut world = world(1);
    let rules: Vec<Json> = (0..4000)
        .map(|number| {
            json!({
                "from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": format!("10.9.{}.{}/32", number / 250, number % 250)}}],
                "ports": [{"port": 2 * number + 1}],
            })
        })
        .collect();
    world.policy(
        "flood",
        "policy",
        json!({"podSelector": {}, "ingress": rules}),
    );
    check(&world, true);
}
