//! What the lifecycle is carried out on, beside [`Runtime`](navarch_runtime::cri::Runtime) and [`Clock`](navarch_client::Clock).

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::Path;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};
use navarch_network::{CniError, CniNetwork, PodNetwork, PodRequest};
use navarch_runtime::cri::Mount;

/// Connects sandboxes. Everything is idempotent.
#[async_trait]
pub trait Network: Send + Sync {
    /// Gives a pod's sandbox its interface; the addresses, the first one the pod's. What network policies say of the pod holds when this
    /// returns.
    async fn attach(
        &self,
        sandbox_id: &str,
        netns: &Path,
        pod: PodRequest,
    ) -> Result<Vec<IpAddr>, NetworkError>;
    /// Takes it away.
    async fn detach(&self, sandbox_id: &str) -> Result<(), NetworkError>;
    /// The addresses of all attached sandboxes, by id.
    async fn attached(&self) -> Result<HashMap<String, Vec<IpAddr>>, NetworkError>;
    /// Detaches all sandboxes but these.
    async fn reconcile(&self, live: HashSet<String>) -> Result<(), NetworkError>;
    /// Whether sandboxes can be attached; if not, why.
    async fn ready(&self) -> Result<(), NetworkError> {
        self.attached().await.map(drop)
    }
}

/// Why a sandbox was not connected; for people.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NetworkError(pub String);

impl From<navarch_network::Error> for NetworkError {
    fn from(error: navarch_network::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<CniError> for NetworkError {
    fn from(error: CniError) -> Self {
        Self(error.to_string())
    }
}

#[async_trait]
impl Network for CniNetwork {
    async fn attach(
        &self,
        sandbox_id: &str,
        netns: &Path,
        pod: PodRequest,
    ) -> Result<Vec<IpAddr>, NetworkError> {
        Ok(CniNetwork::attach(self, sandbox_id, netns, pod).await?)
    }

    async fn detach(&self, sandbox_id: &str) -> Result<(), NetworkError> {
        Ok(CniNetwork::detach(self, sandbox_id).await?)
    }

    async fn attached(&self) -> Result<HashMap<String, Vec<IpAddr>>, NetworkError> {
        Ok(CniNetwork::attached(self).await?)
    }

    async fn reconcile(&self, live: HashSet<String>) -> Result<(), NetworkError> {
        Ok(CniNetwork::reconcile(self, live).await?)
    }

    async fn ready(&self) -> Result<(), NetworkError> {
        Ok(CniNetwork::ready(self).await?)
    }
}

#[async_trait]
impl Network for PodNetwork {
    async fn attach(
        &self,
        sandbox_id: &str,
        netns: &Path,
        pod: PodRequest,
    ) -> Result<Vec<IpAddr>, NetworkError> {
        Ok(PodNetwork::attach(self, sandbox_id, netns, pod).await?.ips)
    }

    async fn detach(&self, sandbox_id: &str) -> Result<(), NetworkError> {
        Ok(PodNetwork::detach(self, sandbox_id).await?)
    }

    async fn attached(&self) -> Result<HashMap<String, Vec<IpAddr>>, NetworkError> {
        let all = self.attachments().await?;
        Ok(all.into_iter().map(|a| (a.sandbox_id, a.ips)).collect())
    }

    async fn reconcile(&self, live: HashSet<String>) -> Result<(), NetworkError> {
        Ok(PodNetwork::reconcile(self, live).await.map(drop)?)
    }
}

/// Makes the directories, files and mounts that containers see. Everything is idempotent.
#[async_trait]
pub trait Volumes: Send + Sync {
    /// Makes all volumes of a pod, and its directory.
    async fn set_up(&self, pod: &Pod) -> Result<(), VolumeError>;
    /// Writes what changed in the objects that the pod's volumes show, and tokens that grow old.
    async fn refresh(&self, pod: &Pod) -> Result<(), VolumeError>;
    /// When the volumes are to be refreshed at the latest so that no token in them ends by `end`; `None`: none would.
    fn due(&self, end: Timestamp) -> Option<Timestamp>;
    /// The mounts of a container's `volumeMounts`. `env` is for `subPathExpr`.
    async fn mounts(
        &self,
        pod: &Pod,
        container: &Container,
        env: &[(String, String)],
    ) -> Result<Vec<Mount>, VolumeError>;
    /// Takes everything away that was made for a pod, from whatever run of the node.
    async fn tear_down(&self, uid: &str) -> Result<(), VolumeError>;
    /// If the pod's volumes have grown over their limits, what to tell of its eviction.
    async fn over_limit(&self, pod: &Pod) -> Option<String>;
    /// Bytes of the node's disk in the pod's emptyDir volumes.
    async fn disk_usage(&self, pod: &Pod) -> u64;
}

/// Why a volume could not be made or removed; for people.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct VolumeError {
    /// The volume's name; empty where it is about the pod's directory.
    pub volume: String,
    /// What is wrong.
    pub message: String,
}

impl VolumeError {
    pub(crate) fn new(volume: &str, message: impl Into<String>) -> Self {
        Self {
            volume: volume.to_owned(),
            message: message.into(),
        }
    }

    /// As the kubelet's `FailedMount` event says it.
    pub(crate) fn told(&self) -> String {
        if self.volume.is_empty() {
            return self.message.clone();
        }
        format!(
            "MountVolume.SetUp failed for volume {:?} : {}",
            self.volume, self.message
        )
    }
}
