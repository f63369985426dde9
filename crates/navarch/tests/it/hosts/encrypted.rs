//! What must hold where nodes encrypt what goes between their pods.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::harness::{Hosts, until};
use super::pods::{Pods, SLOW};

/// Who is between the hosts counts what has a pod's address or is in a tunnel that can be looked into, and what is encrypted.
const EYE: &str = "nft -f - <<E
table bridge eye {
  counter clear { }
  counter encrypted { }
  chain see {
    type filter hook prerouting priority 0; policy accept;
    ip saddr 10.244.0.0/16 counter name clear
    ip daddr 10.244.0.0/16 counter name clear
    ip6 saddr fd00:10:244::/56 counter name clear
    ip6 daddr fd00:10:244::/56 counter name clear
    udp dport 4789 counter name clear
    udp dport 51820 counter name encrypted
  }
}
E";

/// Looks at all that the hosts send from now on.
pub(super) fn look(hosts: &Hosts) {
    hosts.router.sh(EYE);
}

fn seen(hosts: &Hosts, what: &str) -> u64 {
    let said = hosts
        .router
        .sh(&format!("nft list counter bridge eye {what}"));
    let packets = said.split("packets ").nth(1).unwrap();
    packets.split(' ').next().unwrap().parse().unwrap()
}

/// All that went was encrypted.
pub(super) fn nothing_was_clear(hosts: &Hosts) {
    let (clear, encrypted) = (seen(hosts, "clear"), seen(hosts, "encrypted"));
    println!("{encrypted} packets were encrypted");
    assert!(
        clear == 0 && encrypted > 100,
        "{clear} clear, {encrypted} encrypted"
    );
}

/// At its object, each by a key of its own.
pub(super) fn nodes_say_their_keys(hosts: &Hosts) {
    let kubectl = hosts.kubectl();
    let mut keys = Vec::new();
    for host in hosts.all() {
        let node = format!("node/{}", host.name);
        let said = |name: &str| {
            kubectl.path(
                &node,
                &format!("{{.metadata.annotations.navarch\\.dev/wireguard-{name}}}"),
            )
        };
        keys.push(said("public-key"));
        assert_eq!(said("port"), "51820");
        let provider = said("provider");
        assert!(["kernel", "userspace"].contains(&&*provider), "{provider}");
        let told = || {
            let of = format!("involvedObject.name={},reason=PodEncryption", host.name);
            let events = kubectl.ok(&format!("get events -A --field-selector {of}"));
            events.contains("other nodes' pods are encrypted by")
        };
        until("an event tells who encrypts", SLOW, told);
        let mode = host.sh(&format!("stat -c %a {}", host.key().display()));
        assert_eq!(mode.trim(), "600");
    }
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), hosts.all().len(), "{keys:?}");
}

/// Where the kernel does not encrypt nothing gets through meanwhile, nor in clear; and soon after the next start all does.
pub(super) fn an_agent_is_killed(hosts: &mut Hosts, pods: &Pods) {
    let (from, to) = (&pods.0[1], &pods.0[0]);
    let place = format!("{}:8080", to.ip);
    let key = hosts.kubectl().path("node/h1", KEY);
    hosts.host_mut(0).end(Signal::SIGKILL);
    let _ = from.curl(&format!("-m 1 http://{place}/"));
    hosts.start_agent(0);
    let ready = Instant::now();
    until("the pods reach each other again", SLOW, || {
        from.who(&place).is_ok()
    });
    println!(
        "pods reach each other {:?} after the agent is ready again",
        ready.elapsed()
    );
    assert!(ready.elapsed() < Duration::from_secs(5));
    assert_eq!(hosts.kubectl().path("node/h1", KEY), key);
}

/// The pods of its host reach the others all the same, and behind the guard.
pub(super) fn an_agent_starts_while_the_api_is_away(hosts: &mut Hosts, pods: &Pods) {
    let (from, to) = (&pods.0[1], &pods.0[0]);
    let place = format!("{}:8080", to.ip);
    hosts.end_server(Signal::SIGKILL);
    hosts.host_mut(0).end(Signal::SIGKILL);
    hosts.start_agent_until(0, "container runtime");
    until("the pods reach each other without the API", SLOW, || {
        from.who(&place).is_ok()
    });
    let host = hosts.host(0);
    host.sh("nft delete table inet navarch0_hosts");
    until("the guard is there again", SLOW, || {
        host.sh("nft list tables").contains("navarch0_hosts")
    });
    hosts.start_server();
    let path = "{.status.conditions[?(@.type==\"Ready\")].status}";
    let kubectl = hosts.kubectl();
    until("the node is ready", SLOW, || {
        kubectl.path("node/h1", path) == "True"
    });
    let _ = from.who(&place).unwrap();
}

const KEY: &str = "{.metadata.annotations.navarch\\.dev/wireguard-public-key}";
