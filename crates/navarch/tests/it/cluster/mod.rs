//! A whole cluster with a node of real containers, in directories, networks and control groups of its own.

mod image;
mod kubectl;
pub(crate) mod leftovers;
mod terminal;
mod until;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use kube::config::{KubeConfigOptions, Kubeconfig};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::ended;
use crate::program::Program;
pub(crate) use image::{IMAGE, OTHER, archives};
pub(crate) use kubectl::{Kubectl, within};
pub(crate) use terminal::Terminal;
pub(crate) use until::until;

/// What `navarch up` says when the node is ready.
const READY: &str = "The cluster runs until";

/// A running `navarch up`. When it is dropped, `navarch down` must leave nothing of it on the host.
pub(crate) struct Cluster {
    program: Option<Program>,
    port: u16,
    bridge: String,
    range: String,
    services: String,
    /// What `up` is told besides.
    more: Vec<String>,
    directory: TempDir,
}

impl Cluster {
    /// Starts a cluster whose node has the test's image.
    ///
    /// # Panics
    /// Without root: a suite that passes over its containers proves too little.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with more flags.
    pub(crate) fn start_with(more: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), more)
    }

    /// Starts one that keeps everything in this directory.
    pub(crate) fn start_in(directory: TempDir, more: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test makes containers and needs root"
        );
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let mut cluster = Self {
            program: None,
            port: 0,
            bridge: format!("nvt{}x{number}", process % 100_000),
            // Clusters that run beside each other share the host's routes.
            range: format!("10.{}.0.0/16", 130 + (process + number) % 100),
            services: format!("10.96.{}.0/24", (process + number) % 250),
            more: more.iter().map(|&flag| flag.to_owned()).collect(),
            directory,
        };
        cluster.up();
        for archive in image::archives(cluster.directory.path()) {
            cluster.navarch(&["image", "import", archive.to_str().unwrap()]);
        }
        cluster
    }

    /// Starts the program on what is there.
    pub(crate) fn up(&mut self) {
        let (data, port) = (self.data(), self.port.to_string());
        let mut arguments = vec![
            "up",
            "--data-dir",
            data.to_str().unwrap(),
            "--https-port",
            &port,
            "--node-port=0",
            "--bridge",
            &self.bridge,
            "--cluster-cidr",
            &self.range,
            "--service-cidr",
            &self.services,
        ];
        arguments.extend(self.more.iter().map(String::as_str));
        self.program = Some(Program::start(&arguments, READY, &self.log()));
        if self.port == 0 {
            // The next start must be found where this one was.
            self.port = self.url().rsplit(':').next().unwrap().parse().unwrap();
        }
    }

    /// What it said since it was started last.
    pub(crate) fn said(&self) -> Vec<String> {
        self.program.as_ref().map(Program::said).unwrap_or_default()
    }

    /// Kills the program as a power cut would. The containers go on.
    pub(crate) fn kill(&mut self) {
        if let Some(mut program) = self.program.take() {
            program.end(Signal::SIGKILL);
        }
    }

    /// Ends the program with a signal that it heeds; it must say that all is well. The containers go on.
    pub(crate) fn stop(&mut self, signal: Signal) {
        let status = self.program.take().unwrap().end(signal);
        assert!(status.success(), "{signal}: {status}");
    }

    /// A client of an administrator's.
    pub(crate) async fn client(&self) -> kube::Client {
        client(&self.kubeconfig()).await
    }

    /// kubectl for this cluster.
    pub(crate) fn kubectl(&self) -> Kubectl {
        Kubectl::new(self.kubeconfig())
    }

    /// Where the kubeconfig is.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.data().join("admin.kubeconfig")
    }

    /// The archives of [`IMAGE`] and [`OTHER`], which the node has.
    pub(crate) fn archives(&self) -> [PathBuf; 2] {
        image::ARCHIVES.map(|name| self.directory.path().join(name))
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Where what it writes on standard error is.
    pub(crate) fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Where the API is, by the kubeconfig.
    fn url(&self) -> String {
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig()).unwrap();
        let cluster = kubeconfig.clusters[0].cluster.as_ref().unwrap();
        cluster.server.clone().unwrap()
    }

    /// Runs another command of the binary on the data directory.
    pub(crate) fn navarch(&self, arguments: &[&str]) {
        let child = Command::new(env!("CARGO_BIN_EXE_navarch"))
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = ended::output(child);
        assert!(
            output.status.success(),
            "navarch {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// A client by a kubeconfig.
pub(crate) async fn client(kubeconfig: &Path) -> kube::Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
    kube::Client::try_from(config.unwrap()).unwrap()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        if failed && let Some(program) = &self.program {
            eprintln!("navarch said:\n{}", program.errors());
        }
        self.program = None;
        let settings = leftovers::Settings::read(&self.data());
        let down = Command::new(env!("CARGO_BIN_EXE_navarch"))
            .args(["down", "--data-dir"])
            .arg(self.data())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let down = ended::output(down);
        let errors = String::from_utf8_lossy(&down.stderr).into_owned();
        if failed {
            eprintln!("navarch down: {} {errors}", down.status);
            return;
        }
        assert!(down.status.success(), "navarch down: {errors}");
        let left = settings.left();
        assert!(left.is_empty(), "navarch down left {left:#?}");
    }
}
