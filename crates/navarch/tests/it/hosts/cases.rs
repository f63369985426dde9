//! What must hold between hosts.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::harness::{Hosts, OTHER, SERVER, until};
use super::pods::{Pods, SLOW, ask_often, crowd};

/// A little longer than an agent takes to look at its node again.
const LOOK: Duration = Duration::from_millis(10_500);

/// Four pods on two nodes, of which three must be there always.
const MOVING: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: moving}
spec:
  replicas: 4
  selector: {matchLabels: {app: moving}}
  template:
    metadata: {labels: {app: moving}}
    spec:
      terminationGracePeriodSeconds: 0
      nodeSelector: {pair: 'yes'}
      containers: [{name: sleep, image: busybox:test, command: [sleep, '3600']}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: moving}
spec: {minAvailable: 3, selector: {matchLabels: {app: moving}}}
";

const SLEEPER: &str = r"
apiVersion: v1
kind: Pod
metadata: {name: POD}
spec:
  nodeName: NODE
  terminationGracePeriodSeconds: 0
  containers: [{name: sleep, image: busybox:test, command: [sleep, '3600']}]
";

/// Each reaches each under its own address.
pub(super) fn pods_reach_each_other(pods: &Pods) {
    for from in &pods.0 {
        for to in &pods.0 {
            let place = format!("{}:8080", to.ip);
            let mut seen = None;
            until("a pod reaches another", SLOW, || {
                seen = from.who(&place).ok();
                seen.is_some()
            });
            assert_eq!(seen, Some((to.name.clone(), from.ip.to_string())));
        }
    }
    // The largest packet, and one that goes in pieces.
    let (first, last) = (&pods.0[0], &pods.0[2]);
    for size in [1450 - 28, 6000] {
        first.ping_once(last, size).unwrap();
    }
}

/// The pods and the hosts themselves.
pub(super) fn services_lead_to_all_hosts(hosts: &Hosts, pods: &Pods) {
    let kubectl = hosts.kubectl();
    let ip = kubectl.path("service/web", "{.spec.clusterIP}");
    let all: BTreeSet<String> = pods.0.iter().map(|pod| pod.name.clone()).collect();
    for pod in &pods.0 {
        let names = || names(pod.crowd(&ip));
        until("all pods are behind the service", SLOW, || names() == all);
        // Its own address is what all others see; itself it reaches through the node.
        for (name, from) in pod.crowd(&ip) {
            let itself = name == pod.name;
            assert!(itself || from == pod.ip.to_string(), "{name} saw {from}");
        }
    }
    for host in hosts.all() {
        let seen = names(crowd(&host.sh(&ask_often(&ip))));
        assert_eq!(seen, all, "from {}", host.name);
    }
}

fn names(crowd: Vec<(String, String)>) -> BTreeSet<String> {
    crowd.into_iter().map(|(name, _)| name).collect()
}

/// Names by the DNS of each node, and `kubernetes.default` by one of them.
pub(super) fn names_and_the_api_are_known_everywhere(hosts: &Hosts, pods: &Pods) {
    let endpoints = hosts.kubectl().path(
        "endpointslices kubernetes",
        "{.endpoints[*].addresses[*]}:{.ports[0].port}",
    );
    assert_eq!(endpoints, format!("{SERVER}:6443"));
    for pod in &pods.0 {
        for name in ["web", "web.default.svc.cluster.local"] {
            let (_, seen) = pod.who(name).unwrap();
            assert!(!seen.is_empty());
        }
        let files = format!(
            "{}/var/run/secrets/kubernetes.io/serviceaccount",
            pod.root()
        );
        let ask = format!(
            "--cacert {files}/ca.crt -H \"Authorization: Bearer $(cat {files}/token)\" https://kubernetes.default/version"
        );
        let version = pod.curl(&ask).unwrap();
        assert!(version.contains("\"gitVersion\""), "{version}");
    }
}

/// Each host's address leads to pods on all of them, but for where the traffic is to stay.
pub(super) fn node_ports_lead_to_all_hosts(hosts: &Hosts, pods: &Pods) {
    let ask = |address: &str, port: u16| {
        let output = hosts
            .router
            .try_sh(&ask_often(&format!("{address}:{port}")));
        crowd(&String::from_utf8_lossy(&output.stdout))
    };
    let all: BTreeSet<String> = pods.0.iter().map(|pod| pod.name.clone()).collect();
    for (index, host) in hosts.all().iter().enumerate() {
        assert_eq!(names(ask(&host.address, 30080)), all, "at {}", host.name);
        let local = ask(&host.address, 30081);
        if index == 1 {
            // And the client's own address is seen.
            assert!(!local.is_empty());
            for (name, from) in local {
                assert_eq!(name, "pod2");
                let is_client = from.starts_with("192.168.") && from.ends_with(".254");
                assert!(is_client, "{from}");
            }
        } else {
            assert_eq!(local, [], "{} has no such pod", host.name);
        }
    }
}

/// The server asks the node of each pod.
pub(super) fn streams_reach_pods_of_all_hosts(hosts: &Hosts) {
    let kubectl = hosts.kubectl();
    for number in 1..=hosts.all().len() {
        let logs = kubectl.ok(&format!("logs pod{number}"));
        assert_eq!(logs, format!("pod{number} serves\n"));
        let said = kubectl.ok_with(&format!("exec -i pod{number} -- cat"), "through all of it");
        assert_eq!(said, "through all of it");
    }
    let mut forward = kubectl.talk("port-forward pod/pod3 18080:8080");
    forward.line_with("Forwarding from");
    let page = hosts.at_server("curl -sS --max-time 5 http://127.0.0.1:18080/cgi-bin/who");
    assert!(page.contains("pod3 saw"), "{page}");
}

/// The cable is pulled and put back: all is as before.
pub(super) fn a_link_goes_down_and_comes_up(hosts: &Hosts, pods: &Pods) {
    let (host, from, to) = (hosts.host(1), &pods.0[0], &pods.0[1]);
    let place = format!("{}:8080", to.ip);
    // The far end of the cable: this host sees no carrier, and keeps its routes.
    hosts.router.sh("ip link set h2 down");
    assert!(from.curl(&format!("-m 1 http://{place}/")).is_err());
    hosts.router.sh("ip link set h2 up");
    until("the pods reach each other again", SLOW, || {
        from.who(&place).is_ok()
    });
    // Its own interface: the kernel forgets all routes by it.
    host.sh("ip link set eth0 down");
    assert!(!host.sh("ip route").contains("192.168.1.1 "));
    host.sh("ip link set eth0 up; ip route add default via 192.168.1.254");
    let up = Instant::now();
    until("the pods reach each other again", SLOW, || {
        from.who(&place).is_ok()
    });
    println!(
        "pods reach each other {:?} after the link is up",
        up.elapsed()
    );
}

/// The third host's link lets half a megabyte through in a second, and loses a tenth of the packets: all takes its time, and is there all the same.
pub(super) fn a_link_is_slow_and_loses_packets(hosts: &Hosts, pods: &Pods) {
    let kubectl = hosts.kubectl();
    kubectl.ok("exec pod3 -- dd if=/dev/urandom of=/page/large bs=1k count=300");
    let (here, there) = (&pods.0[0], &pods.0[2]);
    let large = format!("--max-time 60 http://{}:8080/large | sha256sum", there.ip);
    let whole = here.curl(&large).unwrap();
    hosts.router.sh(
        "tc qdisc add dev h3 root tbf rate 4mbit burst 8k latency 200ms; nft -f - <<E
         table netdev lossy { chain in { type filter hook ingress device h3 priority 0; numgen random mod 10 == 0 drop; }\n}\nE",
    );
    for (from, to) in [(here, there), (there, here)] {
        let place = format!("{}:8080", to.ip);
        for place in [&place, "web"] {
            until("what is lost is sent again", SLOW, || {
                from.who(place).is_ok()
            });
        }
    }
    assert_eq!(here.curl(&large).unwrap(), whole);
    let ready = "{.items[*].status.conditions[?(@.type==\"Ready\")].status}";
    assert_eq!(kubectl.path("nodes", ready), "True True True");
    hosts
        .router
        .sh("tc qdisc del dev h3 root; nft delete table netdev lossy");
}

/// No packet is lost: the kernel's routes and rules are what carries it, and the next agent finds them as they are to be.
pub(super) fn an_agent_is_killed_while_traffic_flows(hosts: &mut Hosts, pods: &Pods) {
    let pings = [(0, 2), (2, 0)].map(|(from, to)| pods.0[from].ping(&pods.0[to]));
    hosts.host_mut(0).end(Signal::SIGKILL);
    hosts.start_agent(0);
    hosts.host_mut(2).end(Signal::SIGKILL);
    hosts.start_agent(2);
    for ping in pings {
        let (sent, received) = ping.end();
        println!("{received} of {sent} packets arrived while agents were killed and started");
        // The last may be under way.
        assert!(sent > 5 && received + 1 >= sent, "{received} of {sent}");
    }
    pods_reach_each_other(pods);
}

/// Pods, names and services go on; a node that starts meanwhile keeps what it has.
pub(super) fn the_server_is_gone(hosts: &mut Hosts, pods: &Pods) {
    let ip = hosts.kubectl().path("service/web", "{.spec.clusterIP}");
    hosts.end_server(Signal::SIGKILL);
    pods_reach_each_other(pods);
    for pod in &pods.0 {
        pod.who(&ip).unwrap();
        pod.who("web.default.svc.cluster.local").unwrap();
    }
    hosts.start_server();
    let kubectl = hosts.kubectl();
    kubectl.wait("nodes --all", "condition=Ready");
    pods_reach_each_other(pods);
}

/// The agents' watches go on at the other address, and so do their leases and the network's part.
pub(super) fn the_server_is_at_another_address(hosts: &Hosts) {
    let kubectl = hosts.kubectl();
    kubectl.wait("serviceaccount/default", "create");
    for (turn, address) in [SERVER, OTHER].into_iter().enumerate() {
        hosts.at_server(&format!(
            "nft -f - <<E
             table ip cut {{ chain first {{ type filter hook prerouting priority raw; iifname eth0 ip daddr {address} drop; }}\n}}\nE"
        ));
        for host in hosts.all() {
            let pod = format!("{}-{turn}", host.name);
            kubectl.apply(&SLEEPER.replace("POD", &pod).replace("NODE", &host.name));
        }
        kubectl.wait(&format!("pods h1-{turn} h2-{turn}"), "condition=Ready");
        kubectl.ok(&format!("create service clusterip turn{turn} --tcp=80"));
        let ip = kubectl.path(&format!("service/turn{turn}"), "{.spec.clusterIP}");
        for host in hosts.all() {
            let has_rules = || host.sh("nft list ruleset").contains(&ip);
            until("the node has the service", SLOW, has_rules);
        }
        hosts.at_server("nft delete table ip cut");
    }
    let ready = kubectl.path(
        "nodes",
        "{.items[*].status.conditions[?(@.type==\"Ready\")].status}",
    );
    assert_eq!(ready, "True True");
}

/// Labels and taints at registration.
pub(super) fn nodes_say_what_they_were_told(hosts: &Hosts) {
    let kubectl = hosts.kubectl();
    for host in hosts.all() {
        let node = format!("node/{}", host.name);
        let labels = "{.metadata.labels.example\\.com/rack} {.metadata.labels.topology\\.kubernetes\\.io/zone}";
        assert_eq!(kubectl.path(&node, labels), "7 z1");
        let spare = "{.spec.taints[?(@.key==\"example.com/spare\")]}";
        let taint = kubectl.path(&node, spare);
        assert!(
            taint.contains("PreferNoSchedule") && taint.contains("yes"),
            "{taint}"
        );
    }
}

/// With its object its routes go, on all others.
pub(super) fn a_node_is_deleted(hosts: &mut Hosts) {
    let kubectl = hosts.kubectl();
    let range = kubectl.path("node/h3", "{.spec.podCIDR}");
    has_no_way(hosts, &range, || {
        hosts.host(2).sh("true");
        kubectl.ok("delete node h3");
    });
}

/// Its pods go as their budget allows, and then the node itself.
pub(super) fn a_node_is_drained_and_removed(hosts: &Hosts) {
    let kubectl = hosts.kubectl();
    let range = kubectl.path("node/h3", "{.spec.podCIDR}");
    kubectl.ok("label nodes h2 h3 pair=yes");
    kubectl.apply(MOVING);
    kubectl.wait("deployment/moving", "condition=Available");
    let on = |node: &str| {
        let pods = kubectl.ok(&format!(
            "get pods -l app=moving --field-selector spec.nodeName={node} -o name"
        ));
        pods.lines().count()
    };
    assert!(on("h3") > 0, "{}", kubectl.ok("get pods -o wide"));
    // The pod that nobody would make again is in the way.
    let (said, refused) = hosts
        .navarch_at_server(&["node", "drain", "h3"])
        .unwrap_err();
    assert_eq!(said, "node/h3 cordoned\n");
    let why =
        "cannot delete Pods that declare no controller (use --force to override): default/pod3";
    assert!(refused.contains(why), "{refused}");
    let gone = || {
        let said = hosts.navarch_at_server(&["node", "remove", "h3", "--force", "--timeout=60s"]);
        let said = said.unwrap();
        for line in [
            "node/h3 already cordoned\n",
            "Warning: deleting Pods that declare no controller: default/pod3\n",
            "node/h3 drained\nnode/h3 deleted\n",
        ] {
            assert!(said.contains(line), "{line:?} is not in:\n{said}");
        }
    };
    has_no_way(hosts, &range, gone);
    kubectl.wait("deployment/moving", "condition=Available");
    assert_eq!(on("h3"), 0);
    // Its agent, which runs on, does not make it again.
    let now = Instant::now();
    until("its agent has looked again", LOOK * 3, || {
        now.elapsed() > LOOK
    });
    let (_, why) = kubectl.fails("get node h3");
    assert!(why.contains("not found"), "{why}");
}

/// No other host has a way to that range when this is done.
fn has_no_way(hosts: &Hosts, range: &str, done: impl FnOnce()) {
    let ways = |index: usize| hosts.host(index).sh("ip route show proto 110");
    for index in [0, 1] {
        assert!(ways(index).contains(range), "{}", ways(index));
    }
    done();
    for index in [0, 1] {
        let gone = || !ways(index).contains(range);
        until("the routes to a node that is gone are gone", SLOW, gone);
    }
}
