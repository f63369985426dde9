//! Pods' volumes on the host: directories, memory, and files made from API objects.

mod atomic_writer;
mod empty_dir;
mod host_path;
mod mounts;
mod payload;
mod sources;
mod subpath;
mod tear_down;
mod tokens;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, EmptyDirVolumeSource, Pod, Volume};
use navarch_client::Clock;
use navarch_runtime::cri::Mount;

use crate::objects::Objects;
use crate::options::NodeOptions;
use crate::ports::{VolumeError, Volumes};
use crate::quantity::ResourceList;
use crate::spec;
pub use tear_down::remove_everything;
use tokens::Tokens;

/// A pod's volumes under its directory in the node's data directory.
pub struct HostVolumes {
    options: Arc<NodeOptions>,
    objects: Objects,
    tokens: Tokens,
    allocatable: ResourceList,
}

/// What a volume is, as far as its place on the host goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    EmptyDir,
    HostPath,
    ConfigMap,
    Secret,
    DownwardApi,
    Projected,
}

impl HostVolumes {
    /// Volumes under the data directory of `options`, from objects read through `objects`.
    pub fn new(options: NodeOptions, objects: Objects, clock: Arc<dyn Clock>) -> Self {
        let allocatable = crate::node_object::Machine::read(&options, String::new())
            .map(|m| m.allocatable(&options))
            .unwrap_or_default();
        Self {
            options: Arc::new(options),
            objects,
            tokens: Tokens::new(clock),
            allocatable,
        }
    }

    fn directory(&self, pod: &Pod, volume: &Volume, kind: Kind) -> PathBuf {
        let plugin = match kind {
            Kind::EmptyDir => "kubernetes.io~empty-dir",
            Kind::HostPath => "kubernetes.io~host-path",
            Kind::ConfigMap => "kubernetes.io~configmap",
            Kind::Secret => "kubernetes.io~secret",
            Kind::DownwardApi => "kubernetes.io~downward-api",
            Kind::Projected => "kubernetes.io~projected",
        };
        self.options
            .pod_dir(spec::uid(pod))
            .join("volumes")
            .join(plugin)
            .join(&volume.name)
    }

    async fn make(&self, pod: &Pod, volume: &Volume) -> Result<(), VolumeError> {
        let fail = |error: String| VolumeError::new(&volume.name, error);
        let kind = kind(volume).ok_or_else(|| {
            fail(format!(
                "{} is not supported on this node",
                described(volume)
            ))
        })?;
        let directory = self.directory(pod, volume, kind);
        match kind {
            Kind::HostPath => {
                let source = volume.host_path.clone().unwrap_or_default();
                blocking(move || host_path::check(&source))
                    .await
                    .map_err(fail)
            }
            Kind::EmptyDir => {
                let source = volume.empty_dir.clone().unwrap_or_default();
                let group = fs_group(pod);
                blocking(move || empty_dir::make(&directory, &source, group))
                    .await
                    .map_err(fail)
            }
            Kind::ConfigMap | Kind::Secret | Kind::DownwardApi | Kind::Projected => {
                self.write(pod, volume, kind).await
            }
        }
    }

    /// Writes the files of a volume that shows objects.
    async fn write(&self, pod: &Pod, volume: &Volume, kind: Kind) -> Result<(), VolumeError> {
        let fail = |error: String| VolumeError::new(&volume.name, error);
        let directory = self.directory(pod, volume, kind);
        let payload = self.payload(pod, volume).await.map_err(fail)?;
        let group = fs_group(pod);
        let in_memory = matches!(kind, Kind::Secret | Kind::Projected);
        let written = blocking(move || {
            std::fs::create_dir_all(&directory).map_err(|e| e.to_string())?;
            let size = Some(payload::MAX_VOLUME);
            if in_memory && !empty_dir::mount_memory(&directory, size, 0o755) {
                // Never on the disk instead.
                return Err("memory could not be mounted for what is secret".to_owned());
            }
            std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755))
                .map_err(|e| e.to_string())?;
            atomic_writer::write(&directory, &payload, group).map_err(|e| e.to_string())
        });
        written.await.map_err(fail)
    }

    /// Bytes on disk of an emptyDir.
    async fn used(&self, pod: &Pod, volume: &Volume) -> u64 {
        let directory = self.directory(pod, volume, Kind::EmptyDir);
        blocking(move || Ok(empty_dir::usage(&directory)))
            .await
            .unwrap_or(0)
    }

    /// The pod's addresses, as its files say: the object may not have them yet.
    fn pod_ips(pod: &Pod) -> Vec<String> {
        let told = spec::status(pod).pod_ips.as_deref().unwrap_or_default();
        told.iter().map(|ip| ip.ip.clone()).collect()
    }

    fn host_ips(&self) -> Vec<String> {
        self.options
            .addresses
            .now()
            .iter()
            .map(IpAddr::to_string)
            .collect()
    }
}

#[async_trait]
impl Volumes for HostVolumes {
    async fn set_up(&self, pod: &Pod) -> Result<(), VolumeError> {
        let directory = self.options.pod_dir(spec::uid(pod));
        let made = blocking(move || {
            crate::files::make_private(&directory)
                .map_err(|error| format!("error making pod data directories: {error}"))
        });
        made.await.map_err(|error| VolumeError::new("", error))?;
        for volume in spec::spec(pod).volumes.iter().flatten() {
            self.make(pod, volume).await?;
        }
        Ok(())
    }

    async fn refresh(&self, pod: &Pod) -> Result<(), VolumeError> {
        for volume in spec::spec(pod).volumes.iter().flatten() {
            if let Some(
                kind @ (Kind::ConfigMap | Kind::Secret | Kind::DownwardApi | Kind::Projected),
            ) = kind(volume)
            {
                self.write(pod, volume, kind).await?;
            }
        }
        Ok(())
    }

    fn due(&self, end: Timestamp) -> Option<Timestamp> {
        self.tokens.due(end)
    }

    async fn mounts(
        &self,
        pod: &Pod,
        container: &Container,
        env: &[(String, String)],
    ) -> Result<Vec<Mount>, VolumeError> {
        self.container_mounts(pod, container, env).await
    }

    async fn tear_down(&self, uid: &str) -> Result<(), VolumeError> {
        let directory = self.options.pod_dir(uid);
        self.tokens.forget(uid);
        blocking(move || tear_down::tear_down(&directory))
            .await
            .map_err(|error| VolumeError::new("", error))
    }

    async fn over_limit(&self, pod: &Pod) -> Option<String> {
        for (volume, source) in on_disk(pod) {
            let Some(limit) = &source.size_limit else {
                continue;
            };
            let Some(most) = crate::quantity::units(limit).filter(|most| *most > 0) else {
                continue;
            };
            if self.used(pod, volume).await > most.unsigned_abs() {
                return Some(format!(
                    "Usage of EmptyDir volume {:?} exceeds the limit {:?}. ",
                    volume.name, limit.0
                ));
            }
        }
        None
    }

    async fn disk_usage(&self, pod: &Pod) -> u64 {
        let mut used = 0u64;
        for (volume, _) in on_disk(pod) {
            used = used.saturating_add(self.used(pod, volume).await);
        }
        used
    }
}

/// The emptyDir volumes that are not in memory.
fn on_disk(pod: &Pod) -> impl Iterator<Item = (&Volume, &EmptyDirVolumeSource)> {
    let volumes = spec::spec(pod).volumes.iter().flatten();
    volumes
        .filter_map(|volume| Some((volume, volume.empty_dir.as_ref()?)))
        .filter(|(_, source)| source.medium.as_deref() != Some("Memory"))
}

fn kind(volume: &Volume) -> Option<Kind> {
    Some(if volume.empty_dir.is_some() {
        Kind::EmptyDir
    } else if volume.host_path.is_some() {
        Kind::HostPath
    } else if volume.config_map.is_some() {
        Kind::ConfigMap
    } else if volume.secret.is_some() {
        Kind::Secret
    } else if volume.downward_api.is_some() {
        Kind::DownwardApi
    } else if volume.projected.is_some() {
        Kind::Projected
    } else {
        return None;
    })
}

/// What a volume is made from, in the API's word for it: `persistentVolumeClaim "data"`.
fn described(volume: &Volume) -> String {
    if let Some(claim) = &volume.persistent_volume_claim {
        return format!("persistentVolumeClaim {:?}", claim.claim_name);
    }
    let fields = serde_json::to_value(volume).unwrap_or_default();
    let source = fields
        .as_object()
        .and_then(|all| all.keys().find(|key| *key != "name").cloned());
    source.map_or_else(
        || "a volume without a source".to_owned(),
        |source| format!("a volume of type {source}"),
    )
}

fn fs_group(pod: &Pod) -> Option<u32> {
    spec::spec(pod)
        .security_context
        .as_ref()?
        .fs_group
        .and_then(|g| u32::try_from(g).ok())
}

/// Runs what the file system may hold up on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    crate::blocking::blocking(work)
        .await
        .unwrap_or_else(|error| Err(error.to_string()))
}

/// A path of the API that must stay below where it is used.
fn is_below(path: &str) -> bool {
    let plain = |c| matches!(c, std::path::Component::Normal(_));
    !path.is_empty() && Path::new(path).components().all(plain)
}
