//! A plugin is a program: what it is to do is in its environment, on what in its input, and what it did in its output.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use super::configuration::{Configuration, Plugin};
use super::error::CniError;
use super::program::run;
use super::record::Record;
use super::result::complaint;

/// The longest that one may take. Those that ask a server wait for it.
const PATIENCE: Duration = Duration::from_secs(90);
/// The longest that one may take to say whether it could do anything: the node's status waits for it.
const STATUS_PATIENCE: Duration = Duration::from_secs(5);
/// The pod's interface.
pub(super) const INTERFACE: &str = "eth0";
/// By what a process is known that works on a sandbox, or begins to.
pub(super) const SANDBOX: &str = "CNI_CONTAINERID";
/// By what one is known that is to forget what is gone, which is told of no sandbox: where this network's own records are.
pub(super) const GARBAGE_OF: &str = "NAVARCH_CNI_STATE";
/// What plugins see of this program's own environment: where programs are, and how the world is reached. What else is there may be secret.
const PASSED_ON: [&str; 9] = [
    "PATH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
];

/// What one is to do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order<'a> {
    Add(&'a Record),
    Delete(&'a Record),
    /// Nothing; whether it could connect a pod.
    Status,
    /// To forget all pods but those that it is told of; within so long, for the network whose records are there.
    Garbage(Duration, &'a Path),
}

impl Order<'_> {
    fn word(self) -> &'static str {
        match self {
            Self::Add(_) => "ADD",
            Self::Delete(_) => "DEL",
            Self::Status => "STATUS",
            Self::Garbage(..) => "GC",
        }
    }

    fn told(self) -> &'static str {
        match self {
            Self::Add(_) => "add",
            Self::Delete(_) => "delete",
            Self::Status => "status",
            Self::Garbage(..) => "gc",
        }
    }

    fn patience(self) -> Duration {
        match self {
            Self::Add(_) | Self::Delete(_) => PATIENCE,
            Self::Status => STATUS_PATIENCE,
            Self::Garbage(patience, _) => patience,
        }
    }
}

/// Has one plugin do it, with this input; what it said.
pub(super) async fn invoke(
    directories: &[PathBuf],
    order: Order<'_>,
    plugin: &Plugin,
    input: &Value,
) -> Result<Value, CniError> {
    let kind = Configuration::kind(plugin);
    let failed = |message: String| CniError::Failed {
        kind: kind.to_owned(),
        command: order.told(),
        message,
    };
    let mut command = Command::new(program(directories, kind)?);
    command.env_clear();
    command.envs(
        PASSED_ON
            .iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?))),
    );
    command.envs(environment(directories, order));
    let ended = run(command, input.to_string().into_bytes(), order.patience()).await;
    let ended = ended.map_err(|error| failed(error.to_string()))?;
    if !ended.status.success() {
        return Err(failed(complaint(&ended.said, &ended.complained)));
    }
    match (serde_json::from_slice(&ended.said), order) {
        (Ok(said), _) => Ok(said),
        (Err(error), Order::Add(_)) => Err(failed(format!("its answer cannot be read: {error}"))),
        // The others need no answer.
        (Err(_), _) => Ok(Value::Null),
    }
}

fn program(directories: &[PathBuf], kind: &str) -> Result<PathBuf, CniError> {
    let mut all = directories.iter().map(|directory| directory.join(kind));
    let found = all.find(|path| is_program(path));
    found.ok_or_else(|| CniError::NoPlugin {
        kind: kind.to_owned(),
        directories: joined(directories).to_string_lossy().into_owned(),
    })
}

fn is_program(path: &Path) -> bool {
    let found = path.metadata();
    found.is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
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

fn environment(directories: &[PathBuf], order: Order<'_>) -> Vec<(&'static str, OsString)> {
    let mut all = vec![
        ("CNI_COMMAND", order.word().into()),
        ("CNI_PATH", joined(directories)),
    ];
    if let Order::Garbage(_, records) = order {
        all.push((GARBAGE_OF, records.into()));
    }
    if let Order::Add(record) | Order::Delete(record) = order {
        let (pod, id) = (&record.request.name, &record.sandbox_id);
        let arguments = format!(
            "IgnoreUnknown=1;K8S_POD_NAMESPACE={};K8S_POD_NAME={};K8S_POD_INFRA_CONTAINER_ID={id};K8S_POD_UID={}",
            pod.namespace, pod.name, pod.uid
        );
        all.extend([
            (SANDBOX, id.into()),
            ("CNI_NETNS", namespace(order, &record.netns)),
            ("CNI_IFNAME", INTERFACE.into()),
            ("CNI_ARGS", arguments.into()),
        ]);
    }
    all
}

/// Whether a namespace is still there: where one was pinned there may be the file that it was pinned to.
fn is_namespace(path: &Path) -> bool {
    let found = nix::sys::statfs::statfs(path);
    found.is_ok_and(|it| it.filesystem_type() == nix::sys::statfs::NSFS_MAGIC)
}

/// A namespace that is gone is none when the pod is disconnected.
fn namespace(order: Order<'_>, path: &Path) -> OsString {
    match order {
        Order::Delete(_) if !is_namespace(path) => OsString::new(),
        _ => path.into(),
    }
}
