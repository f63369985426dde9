//! Pod sandboxes: the namespaces and the cgroup that a pod's containers share.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Whose namespace a pod uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum NamespaceMode {
    /// One of the pod's own, shared by its containers.
    #[default]
    Pod,
    /// One for each container.
    Container,
    /// The node's.
    Node,
}

/// What a pod's `/etc/resolv.conf` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DnsConfig {
    /// Addresses of name servers.
    pub servers: Vec<String>,
    /// Search domains.
    pub searches: Vec<String>,
    /// Options, as `ndots:5`.
    pub options: Vec<String>,
}

/// How to make a sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SandboxConfig {
    /// The pod's name.
    pub name: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's uid.
    pub uid: String,
    /// Counts the sandboxes of one pod.
    pub attempt: u32,
    /// The host name in the pod's UTS namespace; empty with the node's network.
    pub hostname: String,
    /// Where the logs of its containers go: `/var/log/pods/NAMESPACE_NAME_UID`.
    pub log_directory: PathBuf,
    /// The network namespace.
    pub network: NamespaceMode,
    /// The process namespace: `Container` by default in Kubernetes, `Pod` with `shareProcessNamespace`.
    pub pid: NamespaceMode,
    /// The IPC namespace.
    pub ipc: NamespaceMode,
    /// Name resolution; `None`: the runtime leaves `/etc/resolv.conf` to mounts in the container's config.
    pub dns: Option<DnsConfig>,
    /// `net.*` and other namespaced sysctls.
    pub sysctls: BTreeMap<String, String>,
    /// The pod's cgroup, relative to the runtime's root: `kubepods/burstable/pod<uid>`.
    pub cgroup_parent: String,
    /// Limits on the pod as a whole; zero fields: none.
    pub resources: super::Resources,
    /// Found again in the record.
    pub labels: BTreeMap<String, String>,
    /// Found again in the record.
    pub annotations: BTreeMap<String, String>,
}

/// Whether a sandbox can take containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SandboxState {
    /// Its namespaces and its shim live.
    Ready,
    /// It was stopped or its shim died.
    NotReady,
}

/// A sandbox as it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SandboxRecord {
    /// 64 hexadecimal digits.
    pub id: String,
    /// What it was made from.
    pub config: SandboxConfig,
    /// Its state.
    pub state: SandboxState,
    /// When it was made: nanoseconds since the epoch.
    pub created_at: i64,
    /// The path that holds its network namespace; `None` with the node's network.
    pub netns: Option<PathBuf>,
}
