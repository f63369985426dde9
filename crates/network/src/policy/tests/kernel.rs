//! The kernel takes what is planned, of both families, and has then what was planned.

use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, unshare};

use super::*;
use crate::policy::kernel::Kernel;

/// Everything that a policy can say.
fn everything() -> World {
    let mut world = World::default();
    world.namespace("shop", &json!({"team": "shop"}));
    let ips = ["10.0.0.1", "fd00::1"];
    let pod = world.pod("shop", &json!({"app": "web"}), &ips, web_ports());
    world.local.push(pod);
    world.pod(
        "shop",
        &json!({"app": "db"}),
        &["10.0.0.2", "fd00::2"],
        web_ports(),
    );
    let peers = json!([
        {"podSelector": {}}, {"namespaceSelector": {"matchLabels": {"team": "shop"}}},
        {"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.7/32"]}},
        {"ipBlock": {"cidr": "2001:db8::/32", "except": ["2001:db8:1::/48"]}},
    ]);
    let ports = json!([
        {"port": 80}, {"port": 32000, "endPort": 32768}, {"port": "http"}, {"protocol": "SCTP"}, {"port": 53, "protocol": "UDP"},
    ]);
    let spec = json!({
        "podSelector": {}, "ingress": [{"from": peers, "ports": ports}, {"from": [peers[0]]}],
        "egress": [{"to": peers, "ports": ports}, {"ports": [ports[0]]}],
    });
    world.policy("shop", "policy", spec);
    world
}

pub(super) fn in_a_namespace(work: impl FnOnce() + Send + 'static) {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test makes a network namespace and must run as root; nothing was tested"
    );
    let inside = move || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        work();
    };
    thread::spawn(inside).join().unwrap();
}

fn nft(arguments: &str) -> String {
    let output = Command::new("nft")
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_kernel_has_what_was_planned() {
    in_a_namespace(|| {
        let mut kernel = Kernel::open("policies").unwrap();
        let wanted = everything().plan();
        kernel.replace(&wanted).unwrap();
        let listed = |set: &str| nft(&format!("list set ip6 policies {set}"));
        let (ports, pairs) = (listed("ports"), nft("list map ip policies ingress-pairs"));
        assert!(ports.contains("tcp . 32000-32768"), "{ports}");
        assert!(pairs.contains("10.0.0.1 : jump ingress-allowed"), "{pairs}");
        let rules = nft("list ruleset");
        // What is there is known again, element by element; and the rules are there once.
        kernel.replace(&wanted).unwrap();
        assert_eq!(nft("list ruleset"), rules);
        let all = wanted.iter().map(|(key, value)| (*key, *value)).collect();
        kernel.change(&(all, vec![])).unwrap();
        let rules = nft("list ruleset");
        assert!(!rules.contains("elements") && rules.contains("ingress-identity-"));
        // Chains that nothing leads to go with the next comparison.
        let one = wanted.iter().take(1);
        let one: Elements = one.map(|(key, value)| (*key, *value)).collect();
        kernel.replace(&one).unwrap();
        let rules = nft("list ruleset");
        assert!(!rules.contains("-identity-") && !rules.contains("-ports-"));
        kernel.replace(&Elements::new()).unwrap();
        assert!(!nft("list ruleset").contains("policies"));
    });
}

#[test]
fn a_table_of_another_layout_is_made_anew() {
    in_a_namespace(|| {
        nft("add table ip policies");
        let set = "add set ip policies isolated { type inet_proto; }";
        let output = Command::new("nft").arg(set).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let mut kernel = Kernel::open("policies").unwrap();
        kernel.replace(&everything().plan()).unwrap();
        assert!(nft("list set ip policies isolated").contains("10.0.0.1"));
    });
}
