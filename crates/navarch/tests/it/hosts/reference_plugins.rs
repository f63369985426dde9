//! Pods that the reference plugins connect, which Debian calls `containernetworking-plugins`.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::harness::{Hosts, until};
use super::pods::{Pods, SLOW};

/// Where they may be.
pub(super) const PROGRAMS: [&str; 2] = ["/usr/lib/cni", "/opt/cni/bin"];

/// With all that is to be taken away again.
const PLUGINS: &str = r#"{"cniVersion": "1.0.0", "name": "pods", "plugins": [
    {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true, "ipam":
        {"type": "host-local", "dataDir": "DIRECTORY/ipam", "ranges": [[{"subnet": "10.77.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": true}},
    {"type": "bandwidth", "capabilities": {"bandwidth": true}}
]}"#;

/// Beside the one that is on each host.
const PORTED: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: ported, annotations: {kubernetes.io/ingress-bandwidth: 100M, kubernetes.io/egress-bandwidth: 100M}}
spec:
  nodeName: h1
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: busybox:test
    command: [sh, -c, "mkdir /page; echo ported > /page/index.html; exec httpd -f -p 8080 -h /page"]
    ports: [{containerPort: 8080, hostPort: 8081}]
    readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
"#;

/// A directory of their configuration.
pub(super) fn configuration() -> TempDir {
    let has = |name| {
        PROGRAMS
            .iter()
            .any(|all| Path::new(all).join(name).is_file())
    };
    for plugin in ["bridge", "host-local", "portmap", "bandwidth"] {
        assert!(
            has(plugin),
            "there is no {plugin}: install containernetworking-plugins"
        );
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let list = PLUGINS.replace("DIRECTORY", &path);
    fs::write(directory.path().join("10-pods.conflist"), list).unwrap();
    directory
}

/// What plugins have made for pods that there are.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    addresses: BTreeSet<String>,
    interfaces: usize,
    chains: usize,
    limits: usize,
}

impl Made {
    fn of(hosts: &Hosts, directory: &TempDir) -> Self {
        let host = hosts.host(0);
        let given = fs::read_dir(directory.path().join("ipam/pods"))
            .into_iter()
            .flatten();
        let names = given
            .flatten()
            .filter_map(|it| it.file_name().into_string().ok());
        let count = |line: &str, begins: &str| {
            let said = host.sh(line);
            said.lines().filter(|line| line.starts_with(begins)).count()
        };
        Self {
            addresses: names
                .filter(|name| name.parse::<IpAddr>().is_ok())
                .collect(),
            interfaces: count("ip -o link | sed 's/^[0-9]*: //'", "veth"),
            // Those that all pods share stay.
            chains: count("iptables-save -t nat | grep -v ':CNI-HOSTPORT-'", ":CNI-"),
            limits: count("tc qdisc show", "qdisc tbf"),
        }
    }

    /// Nothing but what there is for pods without ports and limits at these addresses.
    fn for_pods(addresses: &[&str]) -> Self {
        Self {
            addresses: addresses.iter().map(|&it| it.to_owned()).collect(),
            interfaces: addresses.len(),
            chains: addresses.len(),
            limits: 0,
        }
    }
}

fn until_made(hosts: &Hosts, directory: &TempDir, addresses: &[&str]) {
    let wanted = Made::for_pods(addresses);
    let start = std::time::Instant::now();
    loop {
        let made = Made::of(hosts, directory);
        if made == wanted {
            return;
        }
        assert!(start.elapsed() < SLOW, "{made:#?} and not {wanted:#?}");
        #[allow(clippy::disallowed_methods, reason = "a test on a thread of its own")]
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// They have addresses, reach each other, and are reached at the host's port.
pub(super) fn connect_pods(hosts: &Hosts, pods: &Pods, directory: &TempDir) {
    assert_eq!(pods.0[0].ip.to_string(), "10.77.0.2");
    hosts.kubectl().apply(PORTED);
    hosts.kubectl().wait("pod/ported", "condition=Ready");
    assert_eq!(
        hosts.kubectl().path("pod/ported", "{.status.podIP}"),
        "10.77.0.3"
    );
    let page = Ok("ported\n".to_owned());
    assert_eq!(pods.0[0].curl("http://10.77.0.3:8080/"), page);
    let asked = "curl -sS --max-time 5 http://192.168.1.1:8081/";
    assert_eq!(hosts.router.sh(asked), "ported\n");
    let made = Made::of(hosts, directory);
    assert_eq!((made.addresses.len(), made.chains), (2, 3), "{made:?}");
    assert!(made.limits >= 2, "both ways are limited: {made:?}");
}

/// One is deleted while the agent is away, and nothing of it is left.
pub(super) fn leave_nothing_of_a_pod(hosts: &mut Hosts, directory: &TempDir) {
    hosts.host_mut(0).end(Signal::SIGKILL);
    hosts.kubectl().ok("delete pod/ported --wait=false");
    hosts.start_agent(0);
    hosts.kubectl().wait("pod/ported", "delete");
    until_made(hosts, directory, &["10.77.0.2"]);
    // So that the host's port is free.
    hosts.kubectl().apply(PORTED);
    hosts.kubectl().wait("pod/ported", "condition=Ready");
    hosts.kubectl().ok("delete pod/ported");
    until_made(hosts, directory, &["10.77.0.2"]);
}

/// One has died with its sandbox while the agent was away: it gets another, and nothing is left of the first.
pub(super) fn leave_nothing_of_a_sandbox(hosts: &mut Hosts, pods: &Pods, directory: &TempDir) {
    hosts.host_mut(0).end(Signal::SIGKILL);
    let status = fs::read_to_string(format!("/proc/{}/status", pods.0[0].pid())).unwrap();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    let shim = Pid::from_raw(parent.unwrap().trim().parse().unwrap());
    kill(shim, Signal::SIGKILL).unwrap();
    hosts.start_agent(0);
    let ip = || hosts.kubectl().path("pod/pod1", "{.status.podIP}");
    until("the pod has another sandbox", SLOW, || {
        !["", "10.77.0.2"].contains(&ip().as_str())
    });
    hosts.kubectl().wait("pod/pod1", "condition=Ready");
    until_made(hosts, directory, &[&ip()]);
    hosts.kubectl().ok("delete pod/pod1");
    until_made(hosts, directory, &[]);
}

/// What all pods have shared, which plugins leave.
pub(super) fn take_shared_away(hosts: &Hosts) {
    hosts.host(0).sh(
        "ip link del cni0; for of in ip ip6; do for table in nat filter mangle; do \
           nft delete table $of $table 2>/dev/null || true; done; done",
    );
}
