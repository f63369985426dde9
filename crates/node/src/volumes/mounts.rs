//! A container's `volumeMounts`.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::{Container, Pod, VolumeMount};
use navarch_runtime::cri::{Mount, MountPropagation};

use super::{HostVolumes, Kind, blocking, is_below, kind, subpath};
use crate::env::expand;
use crate::ports::VolumeError;
use crate::spec;

impl HostVolumes {
    pub(super) async fn container_mounts(
        &self,
        pod: &Pod,
        container: &Container,
        env: &[(String, String)],
    ) -> Result<Vec<Mount>, VolumeError> {
        let mut mounts = Vec::new();
        for (index, wanted) in container.volume_mounts.iter().flatten().enumerate() {
            mounts.push(self.mount(pod, container, index, wanted, env).await?);
        }
        Ok(mounts)
    }

    async fn mount(
        &self,
        pod: &Pod,
        container: &Container,
        index: usize,
        wanted: &VolumeMount,
        env: &[(String, String)],
    ) -> Result<Mount, VolumeError> {
        let fail = |error: String| VolumeError::new(&wanted.name, error);
        let volume = spec::spec(pod)
            .volumes
            .iter()
            .flatten()
            .find(|v| v.name == wanted.name);
        let found = volume.and_then(|v| Some((v, kind(v)?)));
        let (volume, kind) =
            found.ok_or_else(|| fail("cannot find volume to mount into container".into()))?;
        let base = match &volume.host_path {
            Some(host) => PathBuf::from(&host.path),
            None => self.directory(pod, volume, kind),
        };
        let host_path = match sub_path(wanted, env).map_err(fail)? {
            None => base,
            Some(path) => {
                let place = self
                    .options
                    .pod_dir(spec::uid(pod))
                    .join("volume-subpaths")
                    .join(&volume.name);
                let target = place.join(&container.name).join(index.to_string());
                let bound = blocking(move || subpath::bind(&base, &path, &target).map(|()| target));
                bound.await.map_err(|error| {
                    fail(format!(
                        "failed to prepare subPath for volumeMount {:?}: {error}",
                        wanted.name
                    ))
                })?
            }
        };
        // What shows objects is never written by containers.
        let shown = matches!(
            kind,
            Kind::ConfigMap | Kind::Secret | Kind::DownwardApi | Kind::Projected
        );
        Ok(Mount {
            host_path,
            container_path: PathBuf::from(&wanted.mount_path),
            readonly: shown || wanted.read_only == Some(true),
            propagation: match wanted.mount_propagation.as_deref() {
                Some("HostToContainer") => MountPropagation::HostToContainer,
                Some("Bidirectional") => MountPropagation::Bidirectional,
                _ => MountPropagation::None,
            },
        })
    }
}

fn sub_path(wanted: &VolumeMount, env: &[(String, String)]) -> Result<Option<String>, String> {
    let known = |name: &str| {
        env.iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.clone())
    };
    let path = match (wanted.sub_path.as_deref(), wanted.sub_path_expr.as_deref()) {
        (Some(path), _) if !path.is_empty() => path.to_owned(),
        (_, Some(expression)) if !expression.is_empty() => {
            let path = expand(expression, known);
            if path.contains("$(") {
                return Err(format!("missing value for {path:?}"));
            }
            path
        }
        _ => return Ok(None),
    };
    if is_below(&path) {
        Ok(Some(path))
    } else {
        Err(format!("subPath {path:?} must not lead out of its volume"))
    }
}
