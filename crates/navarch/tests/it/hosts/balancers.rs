//! What must hold where nodes answer for load balancers' addresses on their segment: as a client there sees it, which is the router.

use std::collections::BTreeSet;

use super::harness::{Host, Hosts, until};
use super::pods::{Pods, SLOW, ask_often, crowd};

/// What the server gives them; there are two of each family.
pub(super) const POOL: &str =
    "--load-balancer-addresses=192.168.1.200-192.168.1.201,fd01:1::200-fd01:1::201";

/// All pods, by addresses of both families.
const BALANCED: &str = r"
apiVersion: v1
kind: Service
metadata: {name: balanced}
spec:
  type: LoadBalancer
  ipFamilyPolicy: RequireDualStack
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
";

/// The pod of the second host alone, and it sees who asks.
const STAYS: &str = r"
apiVersion: v1
kind: Service
metadata: {name: stays}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: {on: pod2}
  ports: [{port: 80, targetPort: 8080}]
";

/// The addresses in a service's status.
fn given(hosts: &Hosts, service: &str) -> String {
    let path = "{.status.loadBalancer.ingress[*].ip}";
    hosts.kubectl().path(&format!("service/{service}"), path)
}

fn has(hosts: &Hosts, service: &str, addresses: &str) {
    until("the service has its addresses", SLOW, || {
        given(hosts, service) == addresses
    });
}

fn place(ip: &str) -> String {
    match ip.contains(':') {
        true => format!("[{ip}]"),
        false => ip.to_owned(),
    }
}

/// Who answers there, and whom they have seen.
fn asked(hosts: &Hosts, ip: &str) -> Vec<(String, String)> {
    let output = hosts.router.try_sh(&ask_often(&place(ip)));
    crowd(&String::from_utf8_lossy(&output.stdout))
}

fn names(hosts: &Hosts, ip: &str) -> BTreeSet<String> {
    let all = asked(hosts, ip).into_iter();
    all.map(|(name, _)| name).collect()
}

fn mac(host: &Host) -> String {
    let said = host.sh("ip -o link show eth0");
    let (_, rest) = said.split_once("link/ether ").unwrap();
    rest[..17].to_owned()
}

/// The host whose hardware address the client knows for it.
fn speaker<'a>(hosts: &'a Hosts, ip: &str) -> Option<&'a Host> {
    let known = hosts.router.sh(&format!("ip neigh show to {ip} dev seg1"));
    hosts.all().iter().find(|host| known.contains(&mac(host)))
}

/// The hardware addresses that are told when everybody is asked.
fn answers(hosts: &Hosts, ip: &str) -> BTreeSet<String> {
    let ask = format!("busybox arping -c 2 -w 2 -I seg1 {ip}");
    let said = hosts.router.try_sh(&ask).stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    let replies = said.lines().filter_map(|line| line.split_once('['));
    replies.map(|(_, mac)| mac[..17].to_lowercase()).collect()
}

/// One host answers for each address, and it leads to all pods.
pub(super) fn an_address_leads_to_all_hosts(hosts: &Hosts, pods: &Pods) {
    hosts.kubectl().apply(BALANCED);
    has(hosts, "balanced", "192.168.1.200 fd01:1::200");
    let all: BTreeSet<String> = pods.0.iter().map(|pod| pod.name.clone()).collect();
    for ip in ["192.168.1.200", "fd01:1::200"] {
        until("all pods answer", SLOW, || names(hosts, ip) == all);
        let told = speaker(hosts, ip).expect("a host is known");
        println!("{} answers for {ip}", told.name);
        for host in hosts.all() {
            let has = host.sh("ip -o addr");
            assert!(!has.contains(ip), "{}: {has}", host.name);
        }
        // At another port is nothing.
        let ask = format!("curl -sS --max-time 1 http://{}:81/", place(ip));
        let refused = Some(7);
        assert_eq!(hosts.router.try_sh(&ask).status.code(), refused, "{ip}");
    }
    let told = speaker(hosts, "192.168.1.200").map(mac);
    assert_eq!(
        answers(hosts, "192.168.1.200"),
        told.into_iter().collect::<BTreeSet<_>>()
    );
    // One that is nobody's.
    assert_eq!(answers(hosts, "192.168.1.201"), BTreeSet::new());
}

/// The host that has the pod answers, and the pod sees who asks.
pub(super) fn traffic_stays_on_its_host(hosts: &Hosts) {
    hosts.kubectl().apply(STAYS);
    has(hosts, "stays", "192.168.1.201");
    let seen = || asked(hosts, "192.168.1.201").into_iter();
    let wanted = ("pod2".to_owned(), "192.168.1.254".to_owned());
    until("the pod answers", SLOW, || seen().len() > 0);
    assert!(seen().all(|seen| seen == wanted), "{:?}", seen());
    assert_eq!(
        answers(hosts, "192.168.1.201"),
        BTreeSet::from([mac(hosts.host(1))])
    );
}

/// Who finds no address waits for one that is freed.
pub(super) fn an_address_is_freed_for_the_next(hosts: &Hosts) {
    let kubectl = hosts.kubectl();
    kubectl.ok("create service loadbalancer more --tcp=80:8080");
    let why = "{.status.conditions[0].reason}: {.status.conditions[0].message}";
    until("the service finds none", SLOW, || {
        kubectl.path("service/more", why)
            == "AllocationFailed: No address: no address of IPv4 is left"
    });
    until("an event tells so", SLOW, || {
        let told = kubectl.ok("get events --field-selector involvedObject.name=more,type=Warning");
        told.contains("AllocationFailed")
    });
    kubectl.ok("delete service stays");
    has(hosts, "more", "192.168.1.201");
    kubectl.ok("delete service more");
    until("nobody answers for an address that is free", SLOW, || {
        answers(hosts, "192.168.1.201").is_empty()
    });
}

/// So that a host hears nothing of the API, and tells it nothing.
const CUT_OFF: &str = "nft -f - <<E
    table ip cut {
      chain out { type filter hook output priority -300; ip daddr { 192.168.1.10, 192.168.1.11 } drop; }
      chain in { type filter hook input priority -300; ip saddr { 192.168.1.10, 192.168.1.11 } drop; }
    }
E";

/// When its host goes, another answers, and tells the client so before it asks. The one that is gone has heard of nothing, and falls silent
/// because the other answers.
pub(super) fn another_host_takes_over(hosts: &Hosts) {
    let kubectl = hosts.kubectl();
    let ip = "192.168.1.200";
    let left = speaker(hosts, ip).map(|host| host.name.clone()).unwrap();
    // The client knows one host, and asks nobody as long as it is told nothing else.
    hosts.router.sh(&format!(
        "ip neigh replace {ip} dev seg1 lladdr $(ip neigh show to {ip} dev seg1 | sed 's/.*lladdr \\([^ ]*\\).*/\\1/') nud stale"
    ));
    let gone = hosts.all().iter().find(|host| host.name == left).unwrap();
    gone.sh(CUT_OFF);
    kubectl.ok(&format!("delete node {left}"));
    let other = |ip: &str| speaker(hosts, ip).is_some_and(|host| host.name != left);
    until("another host is known", SLOW, || other(ip));
    let silent = || !answers(hosts, ip).contains(&mac(gone));
    assert!(!silent(), "it has heard of nothing");
    until("the one that is gone is silent", 3 * SLOW, silent);
    let rest: BTreeSet<String> = hosts
        .all()
        .iter()
        .filter(|host| host.name != left)
        .map(|host| host.name.replace('h', "pod"))
        .collect();
    for ip in [ip, "fd01:1::200"] {
        until("the pods that are left answer", SLOW, || {
            names(hosts, ip) == rest && other(ip)
        });
    }
    gone.sh("nft delete table ip cut");
}
