//! Containers: what they are made from and what became of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// How changes of mounts travel between host and container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum MountPropagation {
    /// None (`rprivate`).
    #[default]
    None,
    /// From the host into the container (`rslave`).
    HostToContainer,
    /// Both ways (`rshared`).
    Bidirectional,
}

/// A host path seen in the container.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mount {
    /// On the host.
    pub host_path: PathBuf,
    /// In the container.
    pub container_path: PathBuf,
    /// Not writable in the container.
    pub readonly: bool,
    /// Propagation.
    pub propagation: MountPropagation,
}

/// A host device given to the container.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeviceMapping {
    /// On the host.
    pub host_path: PathBuf,
    /// In the container.
    pub container_path: PathBuf,
    /// Any of `r`, `w`, `m`.
    pub permissions: String,
}

/// Limits, in the kernel's units. 0 means: not set.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Resources {
    /// Relative weight, 2 to 262144, as cgroup v1 counts it; translated for v2.
    pub cpu_shares: u64,
    /// Microseconds of CPU time a period; 0 or less: no limit.
    pub cpu_quota: i64,
    /// Microseconds; 0: 100,000.
    pub cpu_period: u64,
    /// Bytes.
    pub memory_limit: i64,
    /// Processes and threads.
    pub pids_limit: i64,
    /// -1000 to 1000.
    pub oom_score_adj: i32,
}

impl Resources {
    /// The same with no limit told as none (-1) where 0 would leave what is there, whatever that is.
    pub fn explicit(&self) -> Self {
        let told = |limit: i64| if limit == 0 { -1 } else { limit };
        Self {
            cpu_quota: told(self.cpu_quota),
            memory_limit: told(self.memory_limit),
            pids_limit: told(self.pids_limit),
            ..self.clone()
        }
    }

    /// The wider of both, limit by limit: what holds while one takes the other's place.
    pub fn widest(&self, other: &Self) -> Self {
        let wider = |a: i64, b: i64| if a <= 0 || b <= 0 { 0 } else { a.max(b) };
        Self {
            cpu_shares: self.cpu_shares.max(other.cpu_shares),
            cpu_quota: wider(self.cpu_quota, other.cpu_quota),
            cpu_period: self.cpu_period.max(other.cpu_period),
            memory_limit: wider(self.memory_limit, other.memory_limit),
            pids_limit: wider(self.pids_limit, other.pids_limit),
            oom_score_adj: other.oom_score_adj,
        }
    }
}

/// As whom a container runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum UserSpec {
    /// As the image says.
    #[default]
    Image,
    /// As this user, and this group if given.
    Ids {
        /// User id; `None`: the image's user with another group.
        uid: Option<u32>,
        /// Group id.
        gid: Option<u32>,
    },
}

/// What a container may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SecurityContext {
    /// Everything allowed, all devices, no masks.
    pub privileged: bool,
    /// Capabilities beside the default ones, without `CAP_`; `ALL` for all.
    pub add_capabilities: Vec<String>,
    /// Capabilities taken away; `ALL` for all.
    pub drop_capabilities: Vec<String>,
    /// As whom.
    pub user: UserSpec,
    /// Refuse to start as uid 0 (`runAsNonRoot`).
    pub run_as_non_root: bool,
    /// Groups beside the main one (`supplementalGroups`, `fsGroup`).
    pub supplemental_groups: Vec<u32>,
    /// The image's `/etc/group` gives no more groups (`supplementalGroupsPolicy: Strict`).
    #[serde(default)]
    pub strict_groups: bool,
    /// The root file system is not writable.
    pub readonly_rootfs: bool,
    /// `allowPrivilegeEscalation: false`.
    pub no_new_privs: bool,
    /// Seccomp: `RuntimeDefault`, `Unconfined`, or the path of a profile (`Localhost`).
    pub seccomp_profile: String,
    /// `procMount: Unmasked`.
    pub unmasked_proc: bool,
}

/// How to make a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ContainerConfig {
    /// Its name in the pod.
    pub name: String,
    /// The id of the container whose processes it sees and joins, where the pod's containers do not see each other's anyway.
    #[serde(default)]
    pub target: Option<String>,
    /// Counts the containers of one name in one pod.
    pub attempt: u32,
    /// The image's id, as [`super::Image::id`].
    pub image: String,
    /// Instead of the image's entrypoint; empty: the image's. Variables are expanded already.
    pub command: Vec<String>,
    /// Instead of the image's cmd.
    pub args: Vec<String>,
    /// Instead of the image's; empty: the image's.
    pub working_dir: String,
    /// Variables in order; later ones win; they go over the image's.
    pub env: Vec<(String, String)>,
    /// Mounts in order.
    pub mounts: Vec<Mount>,
    /// Devices.
    pub devices: Vec<DeviceMapping>,
    /// The log file, under the sandbox's log directory: `NAME/ATTEMPT.log`.
    pub log_path: PathBuf,
    /// Whether it has an open standard input.
    pub stdin: bool,
    /// Whether standard input closes after the first attach.
    pub stdin_once: bool,
    /// Whether it has a terminal.
    pub tty: bool,
    /// Limits.
    pub resources: Resources,
    /// Security.
    pub security: SecurityContext,
    /// A file on the host whose content is the termination message when the container is gone, if it was mounted; the node reads it.
    pub termination_message_host_path: Option<PathBuf>,
    /// Found again in the record.
    pub labels: BTreeMap<String, String>,
    /// Found again in the record.
    pub annotations: BTreeMap<String, String>,
}

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ContainerState {
    /// Made, not started.
    Created,
    /// Its main process lives.
    Running,
    /// Its main process is gone.
    Exited,
    /// Its shim is gone without having told how it ended.
    Unknown,
}

/// How a container ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExitStatus {
    /// The exit code; 128 + signal where a signal ended it.
    pub code: i32,
    /// The signal, or 0.
    pub signal: i32,
    /// The kernel killed a process of it for want of memory.
    pub oom_killed: bool,
    /// `Completed`, `Error`, `OOMKilled`, `ContainerCannotRun`, `StartError`.
    pub reason: String,
    /// More about it, if it could not be started.
    pub message: String,
}

/// A container as it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ContainerRecord {
    /// 64 hexadecimal digits.
    pub id: String,
    /// The sandbox it lives in.
    pub sandbox_id: String,
    /// What it was made from.
    pub config: ContainerConfig,
    /// The image's id.
    pub image_id: String,
    /// Its state.
    pub state: ContainerState,
    /// The main process on the host, while it runs.
    pub pid: Option<i32>,
    /// Nanoseconds since the epoch.
    pub created_at: i64,
    /// Nanoseconds since the epoch; 0: not started.
    pub started_at: i64,
    /// Nanoseconds since the epoch; 0: not finished.
    pub finished_at: i64,
    /// How it ended, when it has.
    pub exit: Option<ExitStatus>,
}
