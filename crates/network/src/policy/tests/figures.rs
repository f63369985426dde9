//! What a thousand policies cost the kernel: measured, and told; and that one more changes hardly anything.

use std::time::Instant;

use super::*;
use crate::namespace::tests::in_a_namespace;
use crate::policy::kernel::Kernel;

const POLICIES: usize = 1000;
/// Of this node.
const LOCAL: usize = 100;
const PODS: usize = 5000;

/// A hundred pods of this node, each with ten policies: every policy lets in the pods of some application, on two ports, and a block.
fn world() -> World {
    let mut world = World::default();
    world.namespace("shop", &json!({}));
    for number in 0..LOCAL {
        let ip = format!("10.0.0.{}", number + 1);
        let labels = json!({"app": format!("local{number}")});
        world.local_pod("shop", &labels, &ip);
    }
    for number in 0..PODS {
        let ip = format!("10.{}.{}.1", 1 + number / 250, number % 250);
        let labels = json!({"app": format!("peer{}", number % 500)});
        world.pod("shop", &labels, &[&ip], json!({}));
    }
    for number in 0..POLICIES {
        world.policy("shop", &format!("policy{number}"), spec(number));
    }
    world
}

fn spec(number: usize) -> Json {
    let app =
        |name: &str, number: usize| json!({"matchLabels": {"app": format!("{name}{number}")}});
    let block = json!({"cidr": format!("172.{}.0.0/16", number % 250), "except": [format!("172.{}.7.0/24", number % 250)]});
    let from = json!([{"podSelector": app("peer", number % 500)}, {"ipBlock": block}]);
    let ports = json!([{"port": 80 + number % 50}, {"port": 9000, "endPort": 9100}]);
    json!({"podSelector": app("local", number % LOCAL), "ingress": [{"from": from, "ports": ports}]})
}

#[test]
#[allow(clippy::print_stderr, reason = "figures are for people")]
fn a_thousand_policies_and_one_more() {
    let mut world = world();
    let begin = Instant::now();
    let wanted = world.plan();
    let planned = begin.elapsed();
    let from = json!([{"podSelector": {"matchLabels": {"app": "peer250"}}}]);
    let subject = json!({"matchLabels": {"app": "local7"}});
    let one =
        json!({"podSelector": subject, "ingress": [{"from": from, "ports": [{"port": 7777}]}]});
    world.policy("shop", "one-more", one);
    let more = world.plan();
    in_a_namespace(move || {
        let mut kernel = Kernel::open("policies").unwrap();
        let begin = Instant::now();
        kernel.replace(&wanted).unwrap();
        let cold = begin.elapsed();
        let only = |one: &Elements, other: &Elements| {
            let elements = one
                .iter()
                .filter(|(key, value)| other.get(key) != Some(value));
            elements
                .map(|(key, value)| (*key, *value))
                .collect::<Vec<_>>()
        };
        let (removed, added) = (only(&wanted, &more), only(&more, &wanted));
        let changed = removed.len() + added.len();
        let begin = Instant::now();
        kernel.change(&(removed, added)).unwrap();
        let one = begin.elapsed();
        eprintln!(
            "{POLICIES} policies, {LOCAL} pods here and {PODS} elsewhere: planned in {planned:?}, {} elements put in {cold:?}; one more policy: {changed} in {one:?}",
            wanted.len()
        );
        assert_eq!(changed, 2, "one more policy changes what is of its pod");
    });
}
