//! Hosts that have another address from one moment to the next, as where a lease is not renewed.

use std::time::Instant;

use nix::sys::signal::Signal;

use super::cases;
use super::harness::{Hosts, until};
use super::pods::{Pods, SLOW};

/// Its agent runs on, and finds the address by itself.
pub(super) fn while_its_agent_runs(hosts: &mut Hosts, pods: &Pods, index: usize, to: &str) {
    let old = hosts.host_mut(index).move_to(to);
    all_follow(hosts, pods, index, &old);
}

/// Its agent is started anew, and told of the address where it was told of the one before.
pub(super) fn while_its_agent_is_away(hosts: &mut Hosts, pods: &Pods, index: usize, to: &str) {
    hosts.host_mut(index).end(Signal::SIGTERM);
    let old = hosts.host_mut(index).move_to(to);
    hosts.start_agent(index);
    all_follow(hosts, pods, index, &old);
}

fn all_follow(hosts: &Hosts, pods: &Pods, index: usize, old: &str) {
    let (start, kubectl) = (Instant::now(), hosts.kubectl());
    let (host, pod) = (hosts.host(index), &pods.0[index].name);
    let mut after = Vec::new();
    let mut comes = |what: &'static str, is_so: &dyn Fn() -> bool| {
        until(what, SLOW, is_so);
        after.push((what, start.elapsed()));
    };
    let node = format!("node/{}", host.name);
    let own = "{.status.addresses[?(@.type==\"InternalIP\")].address}";
    comes("the node says where it is", &|| {
        let said = kubectl.path(&node, own);
        let mut said = said.split(' ');
        said.next() == Some(&host.address) && !said.any(|other| other == old)
    });
    comes("its pod says where it is", &|| {
        kubectl.path(&format!("pod/{pod}"), "{.status.hostIP}") == host.address
    });
    comes("no other host has a way to where it was", &|| {
        let others = hosts.all().iter().filter(|other| other.name != host.name);
        let ways = "ip route show proto 110; [ ! -e /sys/class/net/navarch0-vx ] || bridge fdb show dev navarch0-vx; nft list ruleset";
        let ways: String = others.map(|other| other.sh(ways)).collect();
        let mut words = ways.split(|c: char| !c.is_ascii_digit() && c != '.');
        !words.any(|word| word == old)
    });
    comes("it serves with a certificate of its addresses", &|| {
        let all = [Some(&host.address), host.second.as_ref()];
        all.into_iter().flatten().all(|at| serves_at(hosts, at))
    });
    comes("its pod's log is read", &|| {
        let logs = kubectl.run_with(&format!("logs {pod}"), "");
        logs.status.success() && logs.stdout.starts_with(pod.as_bytes())
    });
    cases::pods_reach_each_other(pods);
    after.push(("all pods reach each other", start.elapsed()));
    println!("after {} has moved: {after:?}", host.name);
    cases::services_lead_to_all_hosts(hosts, pods);
    cases::names_and_the_api_are_known_everywhere(hosts, pods);
    cases::node_ports_lead_to_all_hosts(hosts, pods);
    cases::streams_reach_pods_of_all_hosts(hosts);
    let restarts = "{.items[*].status.containerStatuses[*].restartCount}";
    assert_eq!(kubectl.path("pods", restarts), "0 0 0");
    let ready = "{.items[*].status.conditions[?(@.type==\"Ready\")].status}";
    assert_eq!(kubectl.path("nodes", ready), "True True True");
}

/// Whether who trusts the cluster's authority takes what answers at this address for who it is; what it asks, nobody may who does not say
/// who he is.
pub(super) fn serves_at(hosts: &Hosts, address: &str) -> bool {
    let place = if address.contains(':') {
        format!("[{address}]")
    } else {
        address.to_owned()
    };
    let authority = hosts.authority();
    let ask = format!(
        "curl -s -m 2 -o /dev/null -w '%{{http_code}}' --cacert {} https://{place}:10250/healthz || true",
        authority.display()
    );
    hosts.router.sh(&ask) == "401"
}
