//! API server, controllers and a node that joins by a token: each a process, with certificates that live for seconds.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::cluster::archives;
use crate::program::Program;
use crate::starts::refused::navarch;

/// The node.
pub(super) const NODE: &str = "joined";
/// How long everything lives.
const LIVES: [&str; 3] = [
    "--certificate-validity-period=10s",
    "--cluster-signing-duration=12s",
    "--service-account-max-token-expiration=10s",
];
/// What an agent says when it is heard.
const READY: &str = "node ready";

pub(super) struct Apart {
    agent: Option<Program>,
    controllers: Program,
    api: Program,
    /// How the node joins: server, token and digest.
    pub(super) join: Vec<String>,
    bridge: String,
    range: String,
    services: String,
    directory: TempDir,
}

/// What is renewed on disk.
pub(super) struct Files {
    pub(super) token: PathBuf,
    certificates: Vec<PathBuf>,
}

impl Files {
    pub(super) fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.certificates.iter().chain([&self.token])
    }
}

impl Apart {
    pub(super) fn start() -> Self {
        let mut apart = Self::without_agent();
        apart.join();
        for archive in archives(apart.directory.path()) {
            let (archive, data) = (archive.display().to_string(), apart.node());
            let data = data.display().to_string();
            navarch(&["image", "import", &archive, "--data-dir", &data], &[]).fine();
        }
        apart
    }

    pub(super) fn without_agent() -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test makes containers and needs root"
        );
        let directory = tempfile::tempdir().unwrap();
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        // Beside the ranges of the other clusters of these tests.
        let range = format!("10.{}.0.0/16", 130 + (process + 50 + number) % 100);
        let services = format!("10.96.{}.0/24", (process + 125 + number) % 250);
        let data = directory.path().join("server").display().to_string();
        let run = |components: &str| {
            let mut arguments = vec!["server", "--components", components, "--data-dir", &data];
            arguments.extend(["--https-port", "0", "--cluster-cidr", &range]);
            arguments.extend(["--service-cidr", &services]);
            arguments.extend(LIVES);
            let log = directory.path().join(format!("{components}.log"));
            Program::start(&arguments, "ready", &log)
        };
        let api = run("api");
        let controllers = run("scheduler,controllers");
        let mut apart = Self {
            agent: None,
            controllers,
            api,
            join: Vec::new(),
            bridge: format!("nvj{}x{number}", process % 100_000),
            range,
            services,
            directory,
        };
        apart.join = apart.join_command();
        apart
    }

    /// The words behind `navarch agent` of a new token's command.
    fn join_command(&self) -> Vec<String> {
        let data = self.server().display().to_string();
        let flags = ["--print-join-command", "--data-dir", &data];
        let said = navarch(&[&["token", "create"][..], &flags].concat(), &[]).fine();
        let words = said.trim().strip_prefix("navarch agent ").unwrap();
        words.split(' ').map(str::to_owned).collect()
    }

    /// Starts the agent by these words.
    pub(super) fn join(&mut self) {
        let join = self.join.clone();
        self.agent_by(&join);
    }

    pub(super) fn agent_by(&mut self, words: &[String]) {
        let own = self.agent_flags();
        let words = words.iter().chain(&own).map(String::as_str);
        let arguments: Vec<&str> = std::iter::once("agent").chain(words).collect();
        let log = self.directory.path().join("agent.log");
        self.agent = Some(Program::start(&arguments, READY, &log));
    }

    pub(super) fn agent_flags(&self) -> Vec<String> {
        let node = self.node().display().to_string();
        let address = own_address();
        let flags = [
            ["--data-dir", &node],
            ["--node-ip", &address],
            ["--node-name", NODE],
            ["--node-port", "0"],
            ["--bridge", &self.bridge],
            ["--cluster-cidr", &self.range],
            ["--service-cidr", &self.services],
        ];
        flags.concat().into_iter().map(str::to_owned).collect()
    }

    pub(super) fn end_agent(&mut self) {
        let status = self.agent.take().unwrap().end(Signal::SIGTERM);
        assert!(status.success(), "{status}");
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.server().join("admin.kubeconfig")
    }

    /// The server's data directory.
    pub(super) fn server(&self) -> PathBuf {
        self.directory.path().join("server")
    }

    /// The node's.
    pub(super) fn node(&self) -> PathBuf {
        self.directory.path().join("node")
    }

    /// What is renewed, with the token of the pod of this uid.
    pub(super) fn files(&self, uid: &str) -> Files {
        let volumes = self.node().join("node/pods").join(uid).join("volumes");
        let of_server = |name: &str| self.server().join("pki").join(name);
        let of_node = |name: &str| self.node().join("pki").join(name);
        Files {
            token: token(&volumes).unwrap(),
            certificates: vec![
                of_server("apiserver.crt"),
                of_server("apiserver-kubelet-client.crt"),
                of_server("admin.crt"),
                self.kubeconfig(),
                of_node("kubelet-client-current.pem"),
                of_node("kubelet-server-current.pem"),
            ],
        }
    }

    /// What the processes complained of.
    pub(super) fn errors(&self) -> String {
        let agent = self.agent.as_ref().map(Program::errors);
        [
            self.api.errors(),
            self.controllers.errors(),
            agent.unwrap_or_default(),
        ]
        .join("\n--\n")
    }
}

/// The address of this host's way out: for a loopback address, as the server's, no node gets a certificate.
fn own_address() -> String {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // It sends nothing; the address is one for documentation.
    let routed = socket.connect("192.0.2.1:9");
    routed.expect("this test needs an address that is not loopback");
    socket.local_addr().unwrap().ip().to_string()
}

/// The file `token` of the projected volume below a pod's.
fn token(volumes: &Path) -> Option<PathBuf> {
    let projected = std::fs::read_dir(volumes.join("kubernetes.io~projected")).ok()?;
    let mut files = projected.flatten().map(|it| it.path().join("token"));
    files.find(|file| file.exists())
}

impl Drop for Apart {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("navarch said:\n{}", self.errors());
        }
        self.agent = None;
        let node = self.node();
        if node.exists() {
            let node = node.display().to_string();
            navarch(&["down", "--data-dir", &node], &[]).fine();
        }
    }
}
