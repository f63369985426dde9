//! A plugin is a program: what it is to do is in its environment, on what in its input, and what it did in its output.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::configuration::Configuration;
use super::error::CniError;
use super::record::Record;
use super::result::complaint;

/// The longest that one may take. Those that ask a server wait for it.
const PATIENCE: Duration = Duration::from_secs(90);
/// The pod's interface.
const INTERFACE: &str = "eth0";

/// What one is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Add,
    Delete,
}

impl Order {
    fn word(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Delete => "DEL",
        }
    }

    fn told(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Delete => "delete",
        }
    }
}

/// Has one plugin do it; what it said.
pub(super) async fn invoke(
    directories: &[PathBuf],
    order: Order,
    plugin: &Map<String, Value>,
    previous: Option<&Value>,
    record: &Record,
) -> Result<Value, CniError> {
    let kind = Configuration::kind(plugin);
    let failed = |message: String| CniError::Failed {
        kind: kind.to_owned(),
        command: order.told(),
        message,
    };
    let input = record.configuration.told(plugin, previous, &record.ports);
    let mut child = Command::new(program(directories, kind)?)
        .envs(environment(directories, order, record))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let mut stdin = child.stdin.take();
    let exchange = async {
        if let Some(stdin) = &mut stdin {
            // One that does not read its input says soon enough what is wrong with it.
            let _ = stdin.write_all(input.to_string().as_bytes()).await;
        }
        drop(stdin);
        child.wait_with_output().await
    };
    let ended = tokio::time::timeout(PATIENCE, exchange).await;
    let ended = ended.map_err(|_| failed(format!("no answer after {PATIENCE:?}")))?;
    let output = ended.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(complaint(&output.stdout, &output.stderr)));
    }
    match serde_json::from_slice(&output.stdout) {
        Ok(said) => Ok(said),
        // What is taken away needs no answer.
        Err(_) if order == Order::Delete => Ok(Value::Null),
        Err(error) => Err(failed(format!("its answer cannot be read: {error}"))),
    }
}

fn program(directories: &[PathBuf], kind: &str) -> Result<PathBuf, CniError> {
    let mut all = directories.iter().map(|directory| directory.join(kind));
    let found = all.find(|path| path.is_file());
    found.ok_or_else(|| CniError::NoPlugin {
        kind: kind.to_owned(),
        directories: joined(directories).to_string_lossy().into_owned(),
    })
}

fn joined(directories: &[PathBuf]) -> OsString {
    let mut all = OsString::new();
    for (at, directory) in directories.iter().enumerate() {
        if at > 0 {
            all.push(":");
        }
        all.push(directory);
    }
    all
}

fn environment(
    directories: &[PathBuf],
    order: Order,
    record: &Record,
) -> Vec<(&'static str, OsString)> {
    let pod = &record.pod;
    let arguments = format!(
        "IgnoreUnknown=1;K8S_POD_NAMESPACE={};K8S_POD_NAME={};K8S_POD_INFRA_CONTAINER_ID={};K8S_POD_UID={}",
        pod.namespace, pod.name, record.sandbox_id, pod.uid
    );
    vec![
        ("CNI_COMMAND", order.word().into()),
        ("CNI_CONTAINERID", record.sandbox_id.clone().into()),
        ("CNI_NETNS", namespace(order, &record.netns)),
        ("CNI_IFNAME", INTERFACE.into()),
        ("CNI_ARGS", arguments.into()),
        ("CNI_PATH", joined(directories)),
    ]
}

/// Whether a namespace is still there: where one was pinned there may be the file that it was pinned to.
fn is_namespace(path: &Path) -> bool {
    let found = nix::sys::statfs::statfs(path);
    found.is_ok_and(|it| it.filesystem_type() == nix::sys::statfs::NSFS_MAGIC)
}

/// A namespace that is gone is none when the pod is disconnected.
fn namespace(order: Order, path: &Path) -> OsString {
    match order {
        Order::Delete if !is_namespace(path) => OsString::new(),
        _ => path.into(),
    }
}
