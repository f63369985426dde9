//! An API server without a node, and mostly without anything else, with a token for its administrator.

use std::path::PathBuf;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::cluster::client;
use crate::program::Program;
use crate::raw::Server;

const TOKEN: &str = "administrator";

/// A running `navarch server`; gone with this.
pub(crate) struct ApiOnly {
    pub(crate) server: Server,
    program: Program,
    components: &'static str,
    more: Vec<String>,
    directory: TempDir,
    /// The name of the data directory in it.
    data: &'static str,
}

impl ApiOnly {
    pub(crate) async fn start() -> Self {
        Self::with("api", &[]).await
    }

    /// The same with more flags.
    pub(crate) async fn start_with(more: &[&str]) -> Self {
        Self::with("api", more).await
    }

    /// The same with scheduler and controllers.
    pub(crate) async fn with_everything() -> Self {
        Self::with("api,scheduler,controllers", &[]).await
    }

    async fn with(components: &'static str, more: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let tokens = format!("{TOKEN},admin,1,\"system:masters\"\n");
        std::fs::write(directory.path().join("tokens"), tokens).unwrap();
        let more: Vec<String> = more.iter().map(|&flag| flag.to_owned()).collect();
        let data = "data";
        let program = run((&directory, data), components, "0", &more);
        let kubeconfig = directory.path().join("data/admin.kubeconfig");
        Self {
            server: Server::of(kubeconfig.to_str().unwrap(), TOKEN).await,
            program,
            components,
            more,
            directory,
            data,
        }
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join(self.data)
    }

    /// All that it has written on standard error.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// A client of an administrator's, by the kubeconfig.
    pub(crate) async fn client(&self) -> kube::Client {
        client(&self.data().join("admin.kubeconfig")).await
    }

    /// The same with other flags than before.
    pub(crate) fn restart_with(&mut self, more: &[&str]) {
        self.more = more.iter().map(|&flag| flag.to_owned()).collect();
        self.kill_and_restart();
    }

    /// Kills the server as a power cut would, and starts it where it was.
    pub(crate) fn kill_and_restart(&mut self) {
        self.program.end(Signal::SIGKILL);
        self.restart();
    }

    /// Stops it in good order, moves its data, and starts it there: to leases it is another than before, as on another host.
    pub(crate) fn stop_and_restart_elsewhere(&mut self) {
        assert!(
            self.program.end(Signal::SIGTERM).success(),
            "{}",
            self.log()
        );
        let before = self.data();
        self.data = "moved";
        std::fs::rename(before, self.data()).unwrap();
        self.restart();
    }

    fn restart(&mut self) {
        let port = self.server.url.rsplit(':').next().unwrap();
        let place = (&self.directory, self.data);
        self.program = run(place, self.components, port, &self.more);
    }
}

fn run(
    (directory, data): (&TempDir, &str),
    components: &str,
    port: &str,
    more: &[String],
) -> Program {
    let at = |name: &str| directory.path().join(name).display().to_string();
    let (data, tokens) = (at(data), at("tokens"));
    let mut arguments = vec![
        "server",
        "--components",
        components,
        "--https-port",
        port,
        "--data-dir",
        &data,
        "--token-file",
        &tokens,
    ];
    arguments.extend(more.iter().map(String::as_str));
    Program::start(&arguments, "ready", &directory.path().join("log"))
}
