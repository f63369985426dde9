//! What agent and shim say to each other.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ExitRecord;
use crate::cgroup::Hierarchy;
use crate::spec::Process;

/// How a shim sets up its sandbox; the content of [`super::SETUP_FILE`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SandboxSetup {
    /// Host name, where the pod has a UTS namespace.
    pub(crate) hostname: String,
    /// Whether the pod has its own network and UTS namespaces.
    pub(crate) network: bool,
    /// Whether the pod has its own IPC namespace.
    pub(crate) ipc: bool,
    /// Whether the pod's containers share a process namespace of their own.
    pub(crate) shared_pid: bool,
    /// Set in the pod's namespaces.
    pub(crate) sysctls: BTreeMap<String, String>,
    /// The host's control groups.
    pub(crate) hierarchy: Hierarchy,
    /// The cgroup for shims.
    pub(crate) shim_cgroup: PathBuf,
}

/// A request with the number that its answer will carry.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) id: u64,
    /// How many file descriptors came with it.
    pub(crate) descriptors: usize,
    pub(crate) request: Request,
}

/// What the agent asks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Make and start a container. Answer: `Started`.
    Start(Box<StartRequest>),
    /// Send a signal to the main process. A container that has ended is no error.
    Signal { container_id: String, signal: i32 },
    /// Kill all of a container's processes.
    KillAll { container_id: String },
    /// Run a further process. Descriptors: its standard streams as far as wanted, none with a terminal. Answer: `Started`, with a terminal's
    /// master as descriptor.
    Exec(Box<ExecRequest>),
    /// Kill a process that exec made, and its descendants.
    KillExec { exec_id: String },
    /// Copy the main process' streams. Descriptors: pipes for the wanted ones, in order.
    Attach {
        container_id: String,
        stdin: bool,
        stdout: bool,
        stderr: bool,
    },
    /// Change the size of the main process' terminal.
    Resize {
        container_id: String,
        width: u16,
        height: u16,
    },
    /// Go on in a new log file.
    ReopenLog { container_id: String },
    /// All containers. Answer: `Containers`.
    List,
    /// Give up what is kept of a container that has ended.
    Forget { container_id: String },
    /// Kill everything and end.
    Shutdown,
}

/// A container to make.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct StartRequest {
    pub(crate) container_id: String,
    /// Holds `config.json`.
    pub(crate) bundle: PathBuf,
    /// Where libcontainer keeps its state.
    pub(crate) state_root: PathBuf,
    pub(crate) process: Process,
    pub(crate) stdin: bool,
    pub(crate) stdin_once: bool,
    pub(crate) log_path: PathBuf,
    /// The file that gets the [`ExitRecord`].
    pub(crate) exit_path: PathBuf,
    pub(crate) cgroup: PathBuf,
    pub(crate) oom_score_adj: i32,
    /// A compiled filter.
    pub(crate) seccomp: Option<PathBuf>,
}

/// A further process in a container.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ExecRequest {
    pub(crate) exec_id: String,
    pub(crate) container_id: String,
    pub(crate) command: Vec<String>,
    pub(crate) terminal: bool,
    pub(crate) stdin: bool,
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
}

/// What the shim says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    Answer {
        id: u64,
        descriptors: usize,
        outcome: Result<Outcome, Failure>,
    },
    Event(Event),
}

/// A request's success.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Done,
    /// Nanoseconds since the epoch.
    Started {
        pid: i32,
        started_at: i64,
    },
    Containers(Vec<ContainerStatus>),
}

/// A request's failure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// The exit code that stands for it: 127 not found, 126 may not run, 128 otherwise.
    pub(crate) code: i32,
    pub(crate) message: String,
}

/// A container as the shim knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ContainerStatus {
    pub(crate) container_id: String,
    pub(crate) pid: i32,
    pub(crate) started_at: i64,
    pub(crate) exit: Option<ExitRecord>,
}

/// What happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Event {
    Exited {
        container_id: String,
        exit: ExitRecord,
    },
    ExecExited {
        exec_id: String,
        code: i32,
    },
}

impl Failure {
    /// With the code for failures that are neither of the two special ones.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            code: 128,
            message: message.into(),
        }
    }
}
