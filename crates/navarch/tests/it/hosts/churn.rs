//! Pods that come and go while agents are killed: no address is given twice, and nothing of any is left.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::harness::{Hosts, number, until};
use super::load::{Connections, Load};
use super::pods::SLOW;
use crate::cluster::Kubectl;

/// How many pods there are in all: more where it is named, so that addresses are given a second time.
const PODS: (&str, u32) = ("NAVARCH_TEST_CHURN", 100);
/// How many there are at a time.
const WAVE: u32 = 20;

/// It says its name to whoever asks.
const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: NAME, labels: {app: KIND, wave: 'WAVE'}}
spec:
  nodeName: NODE
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: busybox:test
    command: [sh, -c, 'mkdir /page; echo NAME > /page/index.html; exec httpd -f -p 8080 -h /page']
---
";

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: served}
spec: {selector: {app: served}, ports: [{port: 80, targetPort: 8080}]}
";

/// Half of the pods are behind a service, which is asked all the time from another host.
pub(super) fn leaves_nothing(hosts: &mut Hosts) {
    let kubectl = hosts.kubectl();
    kubectl.wait("serviceaccount/default", "create");
    kubectl.apply(SERVICE);
    let ip = kubectl.path("service/served", "{.spec.clusterIP}");
    let address = SocketAddr::new(ip.parse().unwrap(), 80);
    let load = Load::start(hosts.host(2).netns(), address, Connections::New, 100);
    let mut seen: HashMap<String, usize> = HashMap::new();
    let waves = number(PODS).div_ceil(WAVE);
    for wave in 0..waves {
        kubectl.apply(&pods(wave));
        kill_one_soon(hosts, wave, wave);
        kubectl.ok(&format!(
            "wait pods -l wave={wave} --for condition=Ready --timeout=90s"
        ));
        for address in addresses(&kubectl, wave) {
            *seen.entry(address).or_default() += 1;
        }
        kubectl.ok(&format!("delete pods -l wave={wave} --wait=false"));
        kill_one_soon(hosts, wave, wave + 1);
        kubectl.ok(&format!(
            "wait pods -l wave={wave} --for delete --timeout=90s"
        ));
    }
    let outcome = load.stop();
    println!(
        "{} pods had {} addresses while agents were killed {} times; the service was answered {} times",
        waves * WAVE,
        seen.len(),
        waves * 2,
        outcome.answered
    );
    let others: Vec<_> = outcome
        .by
        .iter()
        .filter(|name| !name.starts_with("served"))
        .collect();
    assert!(
        others.is_empty() && !outcome.by.is_empty(),
        "{others:?} got what was the service's"
    );
    let begun = std::time::Instant::now();
    for host in &hosts.all()[..2] {
        let mut left = Vec::new();
        until("it is looked at what is left of pods", SLOW, || {
            left = host.of_pods();
            left.is_empty() || begun.elapsed() > SLOW / 2
        });
        assert!(left.is_empty(), "{} has {left:#?}", host.name);
        let rules = host.sh("nft list ruleset");
        let words: BTreeSet<&str> = rules.split([' ', ',', '\t', '\n']).collect();
        let led_to = seen.keys().find(|address| words.contains(address.as_str()));
        assert_eq!(led_to, None, "{} still leads there", host.name);
    }
}

/// Every other one is behind the service, and all are on the first two hosts.
fn pods(wave: u32) -> String {
    let mut all = String::new();
    for pod in 0..WAVE {
        let kind = ["served", "other"][(pod / 2 % 2) as usize];
        let node = format!("h{}", 1 + pod % 2);
        let name = format!("{kind}-{wave}-{pod}");
        let one = POD.replace("NAME", &name).replace("KIND", kind);
        let one = one
            .replace("'WAVE'", &format!("'{wave}'"))
            .replace("NODE", &node);
        write!(all, "{one}").unwrap();
    }
    all
}

/// At another moment each time.
fn kill_one_soon(hosts: &mut Hosts, wave: u32, victim: u32) {
    let moment = Duration::from_millis(u64::from(wave * 137 % 600));
    let begun = std::time::Instant::now();
    until("the moment has come", SLOW, || begun.elapsed() >= moment);
    let victim = (victim % 2) as usize;
    hosts.host_mut(victim).end(Signal::SIGKILL);
    hosts.start_agent(victim);
}

/// No two pods that are there have the same.
fn addresses(kubectl: &Kubectl, wave: u32) -> Vec<String> {
    let all = kubectl.path(&format!("pods -l wave={wave}"), "{.items[*].status.podIP}");
    let all: Vec<String> = all.split(' ').map(str::to_owned).collect();
    let each: BTreeSet<&String> = all.iter().collect();
    assert_eq!(all.len(), WAVE as usize);
    assert_eq!(each.len(), all.len(), "{all:?}");
    all
}
