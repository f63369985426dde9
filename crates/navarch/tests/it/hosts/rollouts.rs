//! Roll-outs that no client on another host notices.

use std::net::SocketAddr;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::harness::{Hosts, number, until};
use super::load::{Connections, Load};
use super::pods::SLOW;

/// How many roll-outs there are for each kind of connection, and how many requests in a second: more where they are named, for a measurement.
const ROLLOUTS: (&str, u32) = ("NAVARCH_TEST_ROLLOUTS", 2);
const RATE: (&str, u32) = ("NAVARCH_TEST_RATE", 200);
/// How long a roll-out is watched for what does not happen.
const MOMENT: Duration = Duration::from_secs(2);

/// `navarch hello` on each host, from this very binary.
const WEB: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: busybox:test
        command: [/navarch/navarch, hello, --listen, '0.0.0.0:8080']
        volumeMounts: [{name: program, mountPath: /navarch, readOnly: true}]
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
      volumes: [{name: program, hostPath: {path: PROGRAM}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
";

/// Four pods, behind this address.
pub(super) fn deploy(hosts: &Hosts) -> SocketAddr {
    let kubectl = hosts.kubectl();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_navarch"));
    let directory = program.parent().unwrap().display().to_string();
    kubectl.wait("serviceaccount/default", "create");
    // The third host is where the clients are.
    kubectl.ok("cordon h3");
    kubectl.apply(&WEB.replace("PROGRAM", &directory));
    kubectl.ok("rollout status deployment/web --timeout=90s");
    let ip = kubectl.path("service/web", "{.spec.clusterIP}");
    SocketAddr::new(ip.parse().unwrap(), 80)
}

/// Roll-outs under load from a host that has none of the pods.
pub(super) fn lose_no_request(hosts: &Hosts, address: SocketAddr, connections: Connections) {
    let kubectl = hosts.kubectl();
    let (rollouts, rate) = (number(ROLLOUTS), number(RATE));
    let load = Load::start(hosts.host(2).netns(), address, connections, rate);
    for turn in 0..rollouts {
        kubectl.ok(&format!(
            "set env deployment/web TURN={turn}-{connections:?}"
        ));
        kubectl.ok("rollout status deployment/web --timeout=90s");
    }
    let outcome = load.stop();
    println!(
        "{rollouts} roll-outs, connections {connections:?}: {} requests in {:?} answered by {} pods, {} failed",
        outcome.answered,
        outcome.took,
        outcome.by.len(),
        outcome.failed.len()
    );
    assert!(outcome.failed.is_empty(), "{:#?}", outcome.failed);
    let pods = outcome.by.len();
    // Kept connections find no way to a pod that came while none of them was closed.
    assert!(
        pods > 2 * rollouts as usize,
        "{pods} pods of {rollouts} roll-outs have answered"
    );
}

/// A host whose agent stands still leads to a pod that is deleted, and so the pod goes on; but not for ever.
pub(super) fn wait_for_a_slow_node(hosts: &Hosts, address: SocketAddr) {
    let kubectl = hosts.kubectl();
    let victims = || {
        kubectl.path(
            "pods -l app=web",
            "{.items[?(@.metadata.deletionTimestamp)].metadata.name}",
        )
    };
    until("what is replaced is gone", SLOW, || victims().is_empty());
    let pod = kubectl.path("pods -l app=web", "{.items[0].metadata.name}");
    let slow = hosts.host(2);
    let load = Load::start(slow.netns(), address, Connections::New, 100);
    slow.signal(Signal::SIGSTOP);
    kubectl.ok(&format!("delete pod {pod} --wait=false"));
    let deleted = std::time::Instant::now();
    until("a moment has passed", MOMENT * 2, || {
        deleted.elapsed() > MOMENT
    });
    let runs =
        format!("get pod/{pod} -o 'jsonpath={{.status.containerStatuses[0].state.running}}'");
    let runs = kubectl.run_with(&runs, "").stdout;
    slow.signal(Signal::SIGCONT);
    assert!(
        !runs.is_empty(),
        "it was told to stop while a node led to it"
    );
    kubectl.wait(&format!("pod/{pod}"), "delete");
    let outcome = load.stop();
    assert!(outcome.failed.is_empty(), "{:#?}", outcome.failed);

    let pod = kubectl.path("pods -l app=web", "{.items[0].metadata.name}");
    slow.signal(Signal::SIGSTOP);
    let gone = kubectl.run_with(&format!("delete pod {pod} --timeout=20s"), "");
    slow.signal(Signal::SIGCONT);
    assert!(gone.status.success(), "{gone:?}");
}
