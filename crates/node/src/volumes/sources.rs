//! ConfigMaps, Secrets, the downward API and tokens as files.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, KeyToPath, Pod, ServiceAccountTokenProjection, Volume, VolumeProjection,
};

use super::payload::{File, Payload};
use super::{HostVolumes, fs_group, is_below};
use crate::env::Downward;
use crate::spec;

/// The mode of files where none is given.
const MODE: u32 = 0o644;
/// How long a token holds where nothing is said, in seconds.
const TOKEN_SECONDS: i64 = 3600;

/// Which keys become which files.
struct Selection<'a> {
    items: &'a [KeyToPath],
    mode: u32,
    optional: bool,
    /// As `config`, for the error.
    noun: &'static str,
}

impl HostVolumes {
    /// The files of a volume. Error: what `FailedMount` tells.
    pub(super) async fn payload(&self, pod: &Pod, volume: &Volume) -> Result<Payload, String> {
        if let Some(source) = &volume.config_map {
            let mode = mode(source.default_mode, MODE);
            let items = source.items.as_deref().unwrap_or_default();
            let selection = Selection {
                items,
                mode,
                optional: source.optional == Some(true),
                noun: "config",
            };
            return self.config_map(pod, &source.name, &selection).await;
        }
        if let Some(source) = &volume.secret {
            let mode = mode(source.default_mode, MODE);
            let items = source.items.as_deref().unwrap_or_default();
            let selection = Selection {
                items,
                mode,
                optional: source.optional == Some(true),
                noun: "secret",
            };
            return self
                .secret(pod, source.secret_name.as_deref().unwrap_or(""), &selection)
                .await;
        }
        if let Some(source) = &volume.downward_api {
            return self.downward(
                pod,
                source.items.as_deref().unwrap_or_default(),
                mode(source.default_mode, MODE),
            );
        }
        let Some(projected) = &volume.projected else {
            return Ok(Payload::new());
        };
        let mode = mode(projected.default_mode, MODE);
        let mut all = Payload::new();
        for source in projected.sources.iter().flatten() {
            all.append(&mut self.projection(pod, &volume.name, source, mode).await?);
        }
        Ok(all)
    }

    async fn projection(
        &self,
        pod: &Pod,
        volume: &str,
        source: &VolumeProjection,
        mode: u32,
    ) -> Result<Payload, String> {
        if let Some(source) = &source.config_map {
            let items = source.items.as_deref().unwrap_or_default();
            let selection = Selection {
                items,
                mode,
                optional: source.optional == Some(true),
                noun: "config",
            };
            return self.config_map(pod, &source.name, &selection).await;
        }
        if let Some(source) = &source.secret {
            let items = source.items.as_deref().unwrap_or_default();
            let selection = Selection {
                items,
                mode,
                optional: source.optional == Some(true),
                noun: "secret",
            };
            return self.secret(pod, &source.name, &selection).await;
        }
        if let Some(source) = &source.downward_api {
            return self.downward(pod, source.items.as_deref().unwrap_or_default(), mode);
        }
        if let Some(source) = &source.service_account_token {
            return self.token(pod, volume, source, mode).await;
        }
        Err("this kind of projection is not supported on this node".to_owned())
    }

    async fn config_map(
        &self,
        pod: &Pod,
        name: &str,
        selection: &Selection<'_>,
    ) -> Result<Payload, String> {
        let found = self
            .objects
            .config_map(spec::namespace(pod), name)
            .await
            .map_err(|e| e.to_string())?;
        let Some(map) = found else {
            return if selection.optional {
                Ok(Payload::new())
            } else {
                Err(format!("configmap {name:?} not found"))
            };
        };
        let text = map
            .data
            .iter()
            .flatten()
            .map(|(k, v)| (k.as_str(), v.as_bytes()));
        let binary = map
            .binary_data
            .iter()
            .flatten()
            .map(|(k, v)| (k.as_str(), v.0.as_slice()));
        select(&text.chain(binary).collect(), selection)
    }

    async fn secret(
        &self,
        pod: &Pod,
        name: &str,
        selection: &Selection<'_>,
    ) -> Result<Payload, String> {
        let found = self
            .objects
            .secret(spec::namespace(pod), name)
            .await
            .map_err(|e| e.to_string())?;
        let Some(secret) = found else {
            return if selection.optional {
                Ok(Payload::new())
            } else {
                Err(format!("secret {name:?} not found"))
            };
        };
        select(
            &secret
                .data
                .iter()
                .flatten()
                .map(|(k, v)| (k.as_str(), v.0.as_slice()))
                .collect(),
            selection,
        )
    }

    fn downward(
        &self,
        pod: &Pod,
        items: &[DownwardAPIVolumeFile],
        default: u32,
    ) -> Result<Payload, String> {
        let downward = Downward {
            pod,
            node_name: &self.options.name,
            host_ips: self.host_ips(),
            pod_ips: Self::pod_ips(pod),
            allocatable: &self.allocatable,
        };
        let mut files = Payload::new();
        for item in items {
            let content = match (&item.field_ref, &item.resource_field_ref) {
                (Some(field), _) => downward.field(&field.field_path)?,
                (None, Some(resource)) => downward.resource(resource, None)?,
                (None, None) => continue,
            };
            put(
                &mut files,
                &item.path,
                File {
                    content: content.into_bytes(),
                    mode: mode(item.mode, default),
                    owner: None,
                },
            )?;
        }
        Ok(files)
    }

    async fn token(
        &self,
        pod: &Pod,
        volume: &str,
        source: &ServiceAccountTokenProjection,
        default: u32,
    ) -> Result<Payload, String> {
        let seconds = source.expiration_seconds.unwrap_or(TOKEN_SECONDS);
        let place = format!("{volume}/{}", source.path);
        let token = self
            .tokens
            .get(
                &self.objects,
                pod,
                &place,
                source.audience.as_deref(),
                seconds,
            )
            .await;
        let token = token.map_err(|error| format!("failed to fetch token: {error}"))?;
        // Only who is to use it may read it.
        let (owner, mode) = match (fs_group(pod), common_user(pod)) {
            (None, None) => (None, default),
            (_, user) => (user, 0o600),
        };
        let mut files = Payload::new();
        put(
            &mut files,
            &source.path,
            File {
                content: token.into_bytes(),
                mode,
                owner,
            },
        )?;
        Ok(files)
    }
}

/// The user that all containers run as, if they say so and it is one.
fn common_user(pod: &Pod) -> Option<u32> {
    let shared = spec::spec(pod)
        .security_context
        .as_ref()
        .and_then(|c| c.run_as_user);
    let mut users = spec::all_containers(pod).map(|c| {
        c.security_context
            .as_ref()
            .and_then(|s| s.run_as_user)
            .or(shared)
    });
    let first = users.next()??;
    users
        .all(|user| user == Some(first))
        .then_some(first)
        .and_then(|user| u32::try_from(user).ok())
}

fn mode(given: Option<i32>, default: u32) -> u32 {
    given
        .and_then(|m| u32::try_from(m).ok())
        .map_or(default, |m| m & 0o777)
}

fn put(files: &mut Payload, path: &str, file: File) -> Result<(), String> {
    if !is_below(path) || path.starts_with("..") {
        return Err(format!("invalid path {path:?}"));
    }
    files.insert(path.to_owned(), file);
    Ok(())
}

fn select(data: &BTreeMap<&str, &[u8]>, selection: &Selection<'_>) -> Result<Payload, String> {
    let mut files = Payload::new();
    if selection.items.is_empty() {
        for (key, content) in data {
            put(
                &mut files,
                key,
                File {
                    content: content.to_vec(),
                    mode: selection.mode,
                    owner: None,
                },
            )?;
        }
        return Ok(files);
    }
    for item in selection.items {
        match data.get(item.key.as_str()) {
            Some(content) => {
                put(
                    &mut files,
                    &item.path,
                    File {
                        content: content.to_vec(),
                        mode: mode(item.mode, selection.mode),
                        owner: None,
                    },
                )?;
            }
            None if selection.optional => {}
            None => {
                return Err(format!(
                    "references non-existent {} key: {}",
                    selection.noun, item.key
                ));
            }
        }
    }
    Ok(files)
}
