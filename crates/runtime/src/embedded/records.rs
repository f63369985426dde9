//! What is known of sandboxes and containers, in memory and on disk.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::client::ShimClient;
use crate::cri::{ContainerRecord, ContainerState, ExitStatus, SandboxRecord};
use crate::shim::ExitRecord;

/// A sandbox and the way to its shim.
pub(super) struct Sandbox {
    pub(super) id: String,
    pub(super) record: Mutex<SandboxRecord>,
    pub(super) shim: Mutex<Option<Arc<ShimClient>>>,
    /// Held while it is made or given up.
    pub(super) gate: tokio::sync::Mutex<()>,
    /// Nothing runs in it any more, nor ever will.
    pub(super) ended: AtomicBool,
}

/// A container.
pub(super) struct Container {
    pub(super) id: String,
    pub(super) sandbox_id: String,
    pub(super) stored: Mutex<Stored>,
    /// Becomes true when it has ended.
    pub(super) ended: watch::Sender<bool>,
    /// Held while it is started or removed.
    pub(super) gate: tokio::sync::Mutex<()>,
}

/// What is written of a container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) record: ContainerRecord,
    /// As the image has it, or SIGTERM.
    pub(super) stop_signal: i32,
    pub(super) plan: StartPlan,
}

/// What creation has found out for the start.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct StartPlan {
    pub(super) process: crate::spec::Process,
    pub(super) seccomp: Option<PathBuf>,
    /// Lines for the devices cgroup; `None`: no limit.
    pub(super) devices: Option<Vec<String>>,
}

impl Sandbox {
    pub(super) fn new(record: SandboxRecord, shim: Option<Arc<ShimClient>>) -> Arc<Self> {
        Arc::new(Self {
            id: record.id.clone(),
            record: Mutex::new(record),
            shim: Mutex::new(shim),
            gate: tokio::sync::Mutex::default(),
            ended: AtomicBool::new(false),
        })
    }
}

impl Container {
    pub(super) fn new(stored: Stored) -> Arc<Self> {
        let over = matches!(
            stored.record.state,
            ContainerState::Exited | ContainerState::Unknown
        );
        Arc::new(Self {
            id: stored.record.id.clone(),
            sandbox_id: stored.record.sandbox_id.clone(),
            stored: Mutex::new(stored),
            ended: watch::channel(over).0,
            gate: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn record(&self) -> ContainerRecord {
        self.stored.lock().record.clone()
    }

    pub(super) fn state(&self) -> ContainerState {
        self.stored.lock().record.state
    }

    /// Takes up how it ended. `false` if that was known.
    pub(super) fn set_exit(&self, exit: &ExitRecord) -> bool {
        let mut stored = self.stored.lock();
        let record = &mut stored.record;
        if record.state == ContainerState::Exited {
            return false;
        }
        record.state = ContainerState::Exited;
        record.pid = None;
        (record.started_at, record.finished_at) = (exit.started_at, exit.finished_at);
        record.exit = Some(status(exit));
        drop(stored);
        self.ended.send_replace(true);
        true
    }

    /// Its shim is gone and it left no word. `false` if it does not run as far as we know.
    pub(super) fn set_unknown(&self, now: i64) -> bool {
        let mut stored = self.stored.lock();
        let record = &mut stored.record;
        if record.state != ContainerState::Running {
            return false;
        }
        record.state = ContainerState::Unknown;
        record.pid = None;
        record.finished_at = now;
        let message = "the container's shim ended without telling how the container did".to_owned();
        record.exit = Some(ExitStatus {
            code: 137,
            signal: 9,
            oom_killed: false,
            reason: "ContainerStatusUnknown".to_owned(),
            message,
        });
        drop(stored);
        self.ended.send_replace(true);
        true
    }
}

/// With the reason that Kubernetes shows.
fn status(exit: &ExitRecord) -> ExitStatus {
    let reason = match (exit.code, exit.oom_killed) {
        (0, _) => "Completed",
        (_, true) => "OOMKilled",
        _ => "Error",
    };
    ExitStatus {
        code: exit.code,
        signal: exit.signal,
        oom_killed: exit.oom_killed,
        reason: reason.to_owned(),
        message: String::new(),
    }
}

/// Writes a record so that a reader finds the old or the new one. Not synced: what a power failure loses here does not run after it.
pub(super) fn write<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    std::fs::write(&temporary, serde_json::to_vec(value)?)?;
    std::fs::rename(&temporary, path)
}

/// Reads a record; `None` where it is not there or not whole.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// 64 hexadecimal digits nobody has had.
pub(super) fn new_id() -> io::Result<String> {
    use std::fmt::Write;
    let mut bytes = [0u8; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut id = String::with_capacity(64);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    Ok(id)
}

/// Nanoseconds since the epoch.
pub(super) fn now() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}
