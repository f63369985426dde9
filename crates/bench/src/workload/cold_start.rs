//! From nothing to an API that is ready, and to a node that is: with an empty data directory each time.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http::Method;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::api::Api;
use crate::figures::Latencies;
use crate::kubeconfig::Target;
use crate::objects;
use crate::options::Common;
use crate::scope::until_interrupted;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The program.
    #[arg(long, default_value = "navarch", value_name = "FILE")]
    binary: PathBuf,
    /// The port that its API is given.
    #[arg(long, default_value_t = 16443, value_name = "N")]
    https_port: u16,
    /// What it is started with, after `--`. With `server` no node is waited for.
    #[arg(last = true, default_value = "up", value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

const STARTS: usize = 5;
/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Programs do not tell others that they are ready: they are asked this often.
const ASK: Duration = Duration::from_millis(1);

pub(super) async fn run(args: &Args, common: &Common) -> Result<()> {
    let (mut api, mut node) = (Latencies::default(), Latencies::default());
    for _ in 0..common.count.unwrap_or(STARTS) {
        let directory = std::env::temp_dir().join(format!("bench-{}", objects::run_id()));
        let result = until_interrupted(once(args, &directory, &mut api, &mut node)).await;
        let cleaned = clean(args, &directory).await;
        result.and(cleaned)?;
    }
    api.print("cold_start_api");
    node.print("cold_start_node");
    Ok(())
}

async fn once(
    args: &Args,
    directory: &Path,
    api: &mut Latencies,
    node: &mut Latencies,
) -> Result<()> {
    let begin = Instant::now();
    let mut child = Command::new(&args.binary)
        .args(&args.arguments)
        .arg("--data-dir")
        .arg(directory)
        .args(["--https-port", &args.https_port.to_string()])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| args.binary.display().to_string())?;
    let times = tokio::select! {
        times = timeout(PATIENCE, ready(directory, begin, with_node(args))) => times.context("it did not become ready")?,
        status = child.wait() => bail!("it ended: {}", status?),
    };
    stop(&mut child).await?;
    let (api_time, node_time) = times?;
    api.add(api_time);
    if let Some(time) = node_time {
        node.add(time);
    }
    Ok(())
}

fn with_node(args: &Args) -> bool {
    args.arguments
        .first()
        .is_some_and(|command| command == "up")
}

/// When the API was ready, and when the node was.
async fn ready(
    directory: &Path,
    begin: Instant,
    with_node: bool,
) -> Result<(Duration, Option<Duration>)> {
    let kubeconfig = directory.join("admin.kubeconfig");
    let api = loop {
        if let Ok(target) = Target::read(&kubeconfig)
            && let Ok(api) = Api::connect(target, 1).await
            && api.call(Method::GET, "/readyz", None).await.is_ok()
        {
            break api;
        }
        sleep(ASK).await;
    };
    let api_time = begin.elapsed();
    if !with_node {
        return Ok((api_time, None));
    }
    let mut events = api.watch("/api/v1/nodes", None).await?;
    loop {
        let (_, node) = events.event().await?;
        if objects::is_ready(&node) {
            return Ok((api_time, Some(begin.elapsed())));
        }
    }
}

async fn stop(child: &mut Child) -> Result<()> {
    if let Some(pid) = child.id() {
        kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGTERM)?;
    }
    timeout(PATIENCE, child.wait())
        .await
        .context("it did not stop")??;
    Ok(())
}

/// Takes off the host what a node made on it.
async fn clean(args: &Args, directory: &Path) -> Result<()> {
    if with_node(args) {
        let down = Command::new(&args.binary)
            .arg("down")
            .arg("--data-dir")
            .arg(directory)
            .stdout(Stdio::null())
            .status()
            .await?;
        if !down.success() {
            bail!("`down` ended: {down}");
        }
    }
    std::fs::remove_dir_all(directory).with_context(|| directory.display().to_string())
}
