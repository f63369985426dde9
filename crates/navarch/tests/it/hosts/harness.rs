//! The hosts themselves: `Hosts::start(&[1, 1, 2], …)` is three of them, two on segment 1 and one on segment 2, with a router between the segments
//! that knows no way to any pod.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use tempfile::TempDir;

use crate::cluster::leftovers::Settings;
use crate::cluster::{Kubectl, archives, within};
use crate::ended;
use crate::program::Program;

/// Where the server is: on the first segment.
pub(super) const SERVER: &str = "192.168.1.10";

/// Where it is, too.
pub(super) const OTHER: &str = "192.168.1.11";

/// A network namespace without a name: it goes when nothing uses it any more, however the test ends.
pub(super) struct Namespace(File);

impl Namespace {
    fn new() -> Self {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            File::open("/proc/thread-self/ns/net").unwrap()
        };
        Self(std::thread::spawn(make).join().unwrap())
    }

    /// A path by which every process reaches it.
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }

    /// Runs a command line inside, which must succeed; what it printed.
    pub(super) fn sh(&self, line: &str) -> String {
        let output = self.try_sh(line);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(super) fn try_sh(&self, line: &str) -> Output {
        let mut command = within(&self.path(), "sh");
        command.args(["-c", line]).output().unwrap()
    }
}

/// A host with an agent.
pub(super) struct Host {
    netns: Namespace,
    pub(super) name: String,
    pub(super) address: String,
    /// Of IPv6.
    pub(super) second: Option<String>,
    data: PathBuf,
    log: PathBuf,
    agent: Option<Program>,
}

impl Host {
    pub(super) fn sh(&self, line: &str) -> String {
        self.netns.sh(line)
    }

    /// Where its network namespace is.
    pub(super) fn netns(&self) -> PathBuf {
        self.netns.path()
    }

    /// Where the key is that packets to its pods are encrypted for.
    pub(super) fn key(&self) -> PathBuf {
        self.data.join("pki/wireguard.key")
    }

    /// Sends its agent a signal.
    pub(super) fn signal(&self, signal: Signal) {
        kill(self.agent.as_ref().unwrap().pid(), signal).unwrap();
    }

    /// A command of the binary on this host's data directory.
    fn navarch(&self, arguments: &[&str]) -> Command {
        let mut command = within(&self.netns.path(), env!("CARGO_BIN_EXE_navarch"));
        command.args(arguments).arg("--data-dir").arg(&self.data);
        command
    }

    fn start(&mut self, join: &[String], until: &str) {
        let mut command = self.navarch(&["agent", "--node-name", &self.name]);
        command.args(join);
        if let Some(second) = &self.second {
            command.arg(format!("--node-ip={},{second}", self.address));
        }
        let agent = Program::spawn(command, until, &self.log);
        self.agent = Some(agent);
    }

    /// What there is of pods on it, a line each: interfaces, records of addresses, directories, mounts and processes.
    pub(super) fn of_pods(&self) -> Vec<String> {
        let files = format!(
            "ip -o link | grep ' nv'; find {0}/network -name '*.json'; find {0}/node/pods -mindepth 1 -maxdepth 1; true",
            self.data.display()
        );
        let mut of_pods: Vec<String> = self.sh(&files).lines().map(str::to_owned).collect();
        of_pods.extend(Settings::read(&self.data).left_of_pods());
        of_pods
    }

    /// Gives it another address of its segment in the place of the one that it has, which this answers.
    pub(super) fn move_to(&mut self, address: &str) -> String {
        let old = std::mem::replace(&mut self.address, address.to_owned());
        let (segment, _) = address.rsplit_once('.').unwrap();
        self.sh(&format!(
            "ip addr del {old}/24 dev eth0; ip addr add {address}/24 dev eth0; ip route add default via {segment}.254"
        ));
        old
    }

    /// Ends the agent. The containers go on.
    pub(super) fn end(&mut self, signal: Signal) {
        if let Some(mut agent) = self.agent.take() {
            agent.end(signal);
        }
    }
}

/// All of them.
pub(super) struct Hosts {
    /// Between the segments, and a client outside the cluster.
    pub(super) router: Namespace,
    at_server: Namespace,
    server: Option<Program>,
    hosts: Vec<Host>,
    join: Vec<String>,
    server_flags: Vec<String>,
    /// Whether all have addresses of both families.
    both: bool,
    directory: TempDir,
}

/// The addresses of pods and of services where there are both families.
const BOTH: [&str; 2] = [
    "--cluster-cidr=10.244.0.0/16,fd00:10:244::/56",
    "--service-cidr=10.96.0.0/16,fd00:10:96::/112",
];

impl Hosts {
    /// One host for each of these segments, with the test's image and these flags for each agent.
    pub(super) fn start(segments: &[u8], flags: &[&str]) -> Self {
        Self::made(segments, flags, &[])
    }

    /// The same, of which each has addresses of IPv4 and of IPv6, as have pods and services.
    pub(super) fn of_both(segments: &[u8]) -> Self {
        Self::made(segments, &BOTH, &BOTH)
    }

    /// The same, with one more flag for each agent.
    pub(super) fn of_both_with(segments: &[u8], flag: &str) -> Self {
        Self::made(segments, &[BOTH[0], BOTH[1], flag], &BOTH)
    }

    /// The same, where the server is told of addresses for load balancers.
    pub(super) fn with_balancers(segments: &[u8], pool: &str) -> Self {
        Self::made(segments, &BOTH, &[BOTH[0], BOTH[1], pool])
    }

    /// One whose pods are connected by plugins, with their configuration and programs in these directories.
    pub(super) fn by_plugins(configurations: &str, programs: &str) -> Self {
        let flags = [
            "--pod-network=cni",
            // Where its pods are.
            "--cluster-cidr=10.77.0.0/16",
            &format!("--cni-conf-dir={configurations}"),
            &format!("--cni-bin-dir={programs}"),
        ];
        Self::start(&[1], &flags)
    }

    fn made(segments: &[u8], flags: &[&str], server_flags: &[&str]) -> Self {
        let both = !server_flags.is_empty();
        let is_root = nix::unistd::geteuid().is_root();
        assert!(is_root, "this test makes containers and needs root");
        let router = Namespace::new();
        router.sh(
            "ip link set lo up; echo 1 > /proc/sys/net/ipv4/ip_forward; \
             for n in 1 2; do ip link add seg$n type bridge; ip addr add 192.168.$n.254/24 dev seg$n; ip link set seg$n up; done",
        );
        if both {
            router.sh(
                "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; for n in 1 2; do ip addr add fd01:$n::fe/64 dev seg$n nodad; done",
            );
        }
        let directory = tempfile::tempdir().unwrap();
        let mut hosts = Self {
            router,
            at_server: Namespace::new(),
            server: None,
            hosts: Vec::new(),
            join: Vec::new(),
            server_flags: server_flags.iter().map(|&flag| flag.to_owned()).collect(),
            both,
            directory,
        };
        hosts.plug(&hosts.at_server, 1, SERVER, "server");
        hosts.at_server.sh(&format!(
            "ip addr add {OTHER}/24 dev eth0; nft -f - <<E
             table ip other {{ chain to {{ type nat hook prerouting priority dstnat; ip daddr {OTHER} dnat to {SERVER}; }}\n}}\nE"
        ));
        hosts.start_server();
        hosts.join = hosts.token();
        hosts.join.extend(flags.iter().map(|&flag| flag.to_owned()));
        for (number, segment) in (1..).zip(segments) {
            hosts.add(number, *segment);
        }
        hosts
    }

    pub(super) fn host(&self, index: usize) -> &Host {
        &self.hosts[index]
    }

    pub(super) fn host_mut(&mut self, index: usize) -> &mut Host {
        &mut self.hosts[index]
    }

    pub(super) fn all(&self) -> &[Host] {
        &self.hosts
    }

    pub(super) fn kubectl(&self) -> Kubectl {
        Kubectl::within(
            self.server_data().join("admin.kubeconfig"),
            self.at_server.path(),
        )
    }

    /// Runs a command line on the server's host; what it printed.
    pub(super) fn at_server(&self, line: &str) -> String {
        self.at_server.sh(line)
    }

    /// A command of the binary on the server's data directory.
    pub(super) fn command_at_server(&self, arguments: &[&str]) -> Command {
        let mut command = within(&self.at_server.path(), env!("CARGO_BIN_EXE_navarch"));
        command
            .args(arguments)
            .arg("--data-dir")
            .arg(self.server_data());
        command
    }

    /// The same: what it said and, where it failed, what it complained of.
    pub(super) fn navarch_at_server(&self, arguments: &[&str]) -> Result<String, (String, String)> {
        let output = self.command_at_server(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err((text(&output.stdout), text(&output.stderr))),
        }
    }

    pub(super) fn start_server(&mut self) {
        let mut command = within(&self.at_server.path(), env!("CARGO_BIN_EXE_navarch"));
        command
            .args(["server", "--bind-address", SERVER, "--tls-san", OTHER])
            .arg("--data-dir")
            .arg(self.server_data());
        command.args(&self.server_flags);
        let log = self.directory.path().join("server.log");
        self.server = Some(Program::spawn(command, "administrator's kubeconfig", &log));
    }

    pub(super) fn end_server(&mut self, signal: Signal) {
        if let Some(mut server) = self.server.take() {
            server.end(signal);
        }
    }

    /// Starts the agent of a host anew.
    pub(super) fn start_agent(&mut self, index: usize) {
        self.start_agent_until(index, "node ready");
    }

    /// The same, and waits until it has said this.
    pub(super) fn start_agent_until(&mut self, index: usize, said: &str) {
        let join = self.join.clone();
        self.hosts[index].start(&join, said);
    }

    fn add(&mut self, number: u8, segment: u8) {
        let name = format!("h{number}");
        let address = format!("192.168.{segment}.{number}");
        let second = self.both.then(|| format!("fd01:{segment}::{number}"));
        let data = self.directory.path().join(&name);
        let mut host = Host {
            netns: Namespace::new(),
            log: self.directory.path().join(format!("{name}.log")),
            name,
            address,
            second,
            data,
            agent: None,
        };
        self.plug(&host.netns, segment, &host.address, &host.name);
        if let Some(second) = &host.second {
            host.sh(&format!(
                "ip addr add {second}/64 dev eth0 nodad; ip -6 route add default via fd01:{segment}::fe"
            ));
        }
        // As a host that checks strictly where packets come from.
        host.sh(
            "for of in all default eth0; do echo 1 > /proc/sys/net/ipv4/conf/$of/rp_filter; done",
        );
        let start = Instant::now();
        host.start(&self.join, "node ready");
        println!(
            "{} joined and was ready after {:?}",
            host.name,
            start.elapsed()
        );
        let archive = archives(self.directory.path())[0].display().to_string();
        let import = host
            .navarch(&["image", "import", &archive])
            .output()
            .unwrap();
        assert!(import.status.success(), "{import:?}");
        self.hosts.push(host);
    }

    /// Gives a host an interface at a segment.
    fn plug(&self, netns: &Namespace, segment: u8, address: &str, end: &str) {
        self.router.sh(&format!(
            "ip link add name {end} type veth peer name eth0 netns {} && ip link set {end} master seg{segment} up",
            netns.path().display()
        ));
        netns.sh(&format!(
            "ip link set lo up; ip addr add {address}/24 dev eth0; ip link set eth0 up; ip route add default via 192.168.{segment}.254"
        ));
    }

    /// The words behind `navarch agent` of a new token's command.
    fn token(&self) -> Vec<String> {
        let mut command = within(&self.at_server.path(), env!("CARGO_BIN_EXE_navarch"));
        command.args(["token", "create", "--print-join-command", "--data-dir"]);
        let said = command.arg(self.server_data()).output().unwrap();
        assert!(said.status.success(), "{said:?}");
        let said = String::from_utf8(said.stdout).unwrap();
        let words = said.trim().strip_prefix("navarch agent ").unwrap();
        words.split(' ').map(str::to_owned).collect()
    }

    /// Where the certificate of the cluster's authority is.
    pub(super) fn authority(&self) -> PathBuf {
        self.server_data().join("pki/ca.crt")
    }

    fn server_data(&self) -> PathBuf {
        self.directory.path().join("server")
    }
}

/// What the environment says, or else a default: a measurement has more of something than a test.
pub(super) fn number((name, otherwise): (&str, u32)) -> u32 {
    let named = std::env::var(name).ok();
    named.map_or(otherwise, |text| text.parse().unwrap())
}

/// Waits until something is so.
pub(super) fn until(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(
            start.elapsed() < patience,
            "not so after {patience:?}: {what}"
        );
        #[allow(clippy::disallowed_methods, reason = "a test on a thread of its own")]
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        if failed {
            for log in ["server", "h1", "h2", "h3"] {
                let path = self.directory.path().join(format!("{log}.log"));
                let said = std::fs::read_to_string(path).unwrap_or_default();
                eprintln!("{log} said:\n{said}");
            }
        }
        for host in &mut self.hosts {
            host.end(Signal::SIGTERM);
        }
        self.end_server(Signal::SIGTERM);
        for host in &self.hosts {
            let left = take_down(host, &host.data);
            assert!(
                failed || left.is_empty(),
                "{} has left {left:#?}",
                host.name
            );
        }
    }
}

/// What `navarch down` has left.
fn take_down(host: &Host, data: &Path) -> Vec<String> {
    let settings = Settings::read(data);
    let mut down = host.navarch(&["down"]);
    let down = ended::output(
        down.stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut left = settings.left();
    if !down.status.success() {
        left.push(String::from_utf8_lossy(&down.stderr).into_owned());
    }
    let there =
        host.sh("ip -o link; nft list tables; ip route show proto 110; ip -6 route show proto 110");
    let own = ["lo:", "eth0@"];
    let ours = |line: &&str| !own.iter().any(|name| line.contains(name));
    left.extend(there.lines().filter(ours).map(str::to_owned));
    left
}
