//! A pod on each host that serves a page and can ask for others'.

use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cluster::Kubectl;
use crate::inside::Inside;

use super::harness::Hosts;

/// The longest that something may take which is to be at once on an idle machine.
pub(super) const SLOW: Duration = Duration::from_secs(20);

/// It tells its name and whom it has seen.
const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: NAME, labels: {app: web, on: NAME}}
spec:
  nodeName: NODE
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: busybox:test
    command:
    - sh
    - -c
    - |
      mkdir -p /page/cgi-bin
      printf '#!/bin/busybox sh\necho; echo NAME saw $REMOTE_ADDR\n' > /page/cgi-bin/who
      chmod +x /page/cgi-bin/who
      echo NAME serves
      httpd -p 8080 -h /page
      exec sleep MARK
    readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
---
"#;

/// All of them behind one address, the second alone behind another.
const SERVICES: &str = r"
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: local}
spec: {type: NodePort, externalTrafficPolicy: Local, selector: {on: pod2}, ports: [{port: 80, targetPort: 8080, nodePort: 30081}]}
";

/// A pod.
pub(super) struct Pod {
    pub(super) name: String,
    pub(super) ip: IpAddr,
    inside: Inside,
}

impl Pod {
    /// What `curl` gets from here, or its complaint.
    pub(super) fn curl(&self, arguments: &str) -> Result<String, String> {
        self.inside.curl(arguments)
    }

    /// Who answers at this place, and under which address that one has seen this pod.
    pub(super) fn who(&self, place: &str) -> Result<(String, String), String> {
        let said = self.curl(&format!("http://{place}/cgi-bin/who"))?;
        who(&said).ok_or(said)
    }

    /// All that answer at this place in many tries.
    pub(super) fn crowd(&self, place: &str) -> Vec<(String, String)> {
        let url = url_often(place);
        crowd(&self.curl(&url).unwrap_or_default())
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.inside.pid
    }

    /// The directory of its files.
    pub(super) fn root(&self) -> String {
        format!("/proc/{}/root", self.inside.pid)
    }

    /// Pings another once, with that many octets.
    pub(super) fn ping_once(&self, to: &Pod, octets: u32) -> Result<(), String> {
        let mut ping = self.run(&["busybox", "ping", "-c1", "-W2", "-s"]);
        let ping = ping.arg(octets.to_string()).arg(to.ip.to_string());
        let output = ping.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(()).ok_or(said)
    }

    /// Pings another a hundred times a second, until it is ended.
    pub(super) fn ping(&self, to: &Pod) -> Ping {
        let mut ping = self.run(&["busybox", "ping", "-q", "-i", "0.01"]);
        let ping = ping.arg(to.ip.to_string()).stdout(Stdio::piped());
        Ping(ping.spawn().unwrap())
    }

    /// A program of the host's in the pod's network, which is the process that is started.
    fn run(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        let net = format!("--net=/proc/{}/ns/net", self.inside.pid);
        command.arg(net).args(words);
        command
    }
}

/// One that goes on.
pub(super) struct Ping(Child);

impl Ping {
    /// How many packets it has sent and received.
    pub(super) fn end(self) -> (u32, u32) {
        kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGINT).unwrap();
        let said = self.0.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        // `5 packets transmitted, 5 packets received, 0% packet loss`
        let before = |what: &str| {
            let before = said.split(&format!(" packets {what}")).next()?;
            before.split([' ', '\n']).next_back()?.parse().ok()
        };
        let counts = before("transmitted").zip(before("received"));
        counts.unwrap_or_else(|| panic!("{said}"))
    }
}

/// As often as a service of three is asked so that each has had its turn: the chance that one had none is below one in a million.
const OFTEN: usize = 40;

fn url_often(place: &str) -> String {
    format!("'http://{place}/cgi-bin/who?[1-{OFTEN}]'")
}

/// The command line that asks at this place many times, and gives up soon.
pub(super) fn ask_often(place: &str) -> String {
    format!(
        "curl -sS --connect-timeout 1 --max-time 5 --fail-early {}",
        url_often(place)
    )
}

/// From a line of each.
pub(super) fn crowd(said: &str) -> Vec<(String, String)> {
    said.lines().filter_map(who).collect()
}

/// From `pod1 saw 10.0.0.1`.
fn who(said: &str) -> Option<(String, String)> {
    let (name, seen) = said.trim().split_once(" saw ")?;
    let seen = seen
        .trim_start_matches("[::ffff:")
        .trim_start_matches("::ffff:");
    // Of IPv6 there are colons in it.
    let seen = match seen.strip_prefix('[') {
        Some(seen) => seen.split(']').next()?,
        None => seen.split([']', ':']).next()?,
    };
    Some((name.to_owned(), seen.to_owned()))
}

/// One on each host.
pub(super) struct Pods(pub(super) Vec<Pod>);

impl Pods {
    pub(super) fn start(hosts: &Hosts) -> Self {
        let kubectl = hosts.kubectl();
        let mut manifest = String::new();
        let marks: Vec<String> = (1..=hosts.all().len())
            .map(|number| format!("{}{number}{}", std::process::id(), random()))
            .collect();
        for ((number, host), mark) in (1..).zip(hosts.all()).zip(&marks) {
            let name = format!("pod{number}");
            let pod = POD.replace("NAME", &name).replace("NODE", &host.name);
            manifest += &pod.replace("MARK", mark);
        }
        // The account that pods run as is made by a controller.
        kubectl.wait("serviceaccount/default", "create");
        kubectl.apply(&(manifest + SERVICES));
        kubectl.wait("pods --all", "condition=Ready");
        let pod = |(number, mark): (usize, &String)| {
            let name = format!("pod{number}");
            Pod {
                ip: ip_of(&kubectl, &name),
                name,
                inside: Inside::of(mark),
            }
        };
        Self((1..).zip(&marks).map(pod).collect())
    }
}

fn ip_of(kubectl: &Kubectl, pod: &str) -> IpAddr {
    let ip = kubectl.path(&format!("pod/{pod}"), "{.status.podIP}");
    ip.parse().unwrap()
}

/// A few digits that another cluster's pods do not have.
fn random() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(10);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}
