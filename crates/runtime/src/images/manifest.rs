//! The documents of an image: index, manifest, configuration. OCI's, and Docker's, which differ in media types only.
//!
//! Read leniently where Docker writes `null`, strictly where a digest names content.

use std::collections::BTreeMap;

use super::digest::{Digest, Hasher};
use crate::cri::{Error, ImageConfig, Result};

pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(super) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The most layers an image may have. OverlayFS takes 500 lower directories.
const MAX_LAYERS: usize = 400;

/// Content by name, as documents refer to it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) annotations: Option<BTreeMap<String, String>>,
}

/// What an image runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Platform {
    #[serde(default)]
    pub(super) architecture: String,
    #[serde(default)]
    pub(super) os: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) variant: Option<String>,
}

impl Platform {
    /// This machine's.
    pub(super) fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" => "ppc64le",
            other => other,
        };
        Self {
            architecture: architecture.to_owned(),
            os: "linux".to_owned(),
            variant: None,
        }
    }

    pub(super) fn fits_host(&self) -> bool {
        let host = Self::host();
        self.os == host.os && self.architecture == host.architecture
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

/// An index or a manifest, whichever the bytes are.
#[derive(Debug, Clone)]
pub(super) enum Document {
    Index(Vec<Descriptor>),
    Manifest(Manifest),
}

/// One image for one platform.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) schema_version: u32,
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyDocument {
    schema_version: u32,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

impl Document {
    /// Parses a manifest or an index. Error: `Invalid`.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let invalid = |why: String| Error::Invalid(format!("image manifest: {why}"));
        let any: AnyDocument = serde_json::from_slice(bytes).map_err(|e| invalid(e.to_string()))?;
        if any.schema_version != 2 {
            return Err(invalid(format!(
                "unsupported schema version {}",
                any.schema_version
            )));
        }
        match (any.config, any.layers, any.manifests) {
            (Some(config), Some(layers), None) if layers.len() <= MAX_LAYERS => {
                Ok(Self::Manifest(Manifest {
                    schema_version: 2,
                    media_type: String::new(),
                    config,
                    layers,
                }))
            }
            (Some(_), Some(layers), None) => Err(invalid(format!(
                "{} layers are more than {MAX_LAYERS}",
                layers.len()
            ))),
            (None, None, Some(manifests)) => Ok(Self::Index(manifests)),
            _ => Err(invalid("it is neither an image nor an index".to_owned())),
        }
    }
}

/// The entry of an index for this machine; entries that do not say what they run on come last. Error: `Invalid`, with what there is.
pub(super) fn for_host(manifests: &[Descriptor]) -> Result<&Descriptor> {
    let said = manifests
        .iter()
        .find(|d| d.platform.as_ref().is_some_and(Platform::fits_host));
    said.or_else(|| manifests.iter().find(|d| d.platform.is_none()))
        .ok_or_else(|| {
            let all: Vec<String> = manifests
                .iter()
                .filter_map(|d| d.platform.as_ref())
                .map(Platform::to_string)
                .collect();
            Error::Invalid(format!(
                "no image for platform {} (there are: {})",
                Platform::host(),
                all.join(", ")
            ))
        })
}

/// What Docker and OCI call the image configuration: the part that concerns us.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Configuration {
    #[serde(default)]
    pub(super) architecture: String,
    #[serde(default)]
    pub(super) os: String,
    #[serde(default)]
    pub(super) config: Option<RunConfig>,
    pub(super) rootfs: RootFs,
}

/// The layers, as digests of their plain tar streams.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct RootFs {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) diff_ids: Option<Vec<Digest>>,
}

/// How to run it.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RunConfig {
    #[serde(default)]
    pub(super) env: Option<Vec<String>>,
    #[serde(default)]
    pub(super) entrypoint: Option<Vec<String>>,
    #[serde(default)]
    pub(super) cmd: Option<Vec<String>>,
    #[serde(default)]
    pub(super) working_dir: Option<String>,
    #[serde(default)]
    pub(super) user: Option<String>,
    #[serde(default)]
    pub(super) labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) stop_signal: Option<String>,
}

impl Configuration {
    /// Parses a configuration. Error: `Invalid`, also where the image is for another machine.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let this: Self = serde_json::from_slice(bytes)
            .map_err(|e| Error::Invalid(format!("image configuration: {e}")))?;
        let platform = Platform {
            architecture: this.architecture.clone(),
            os: this.os.clone(),
            variant: None,
        };
        if !platform.architecture.is_empty() && !platform.fits_host() {
            return Err(Error::Invalid(format!(
                "the image is for {platform}, this machine is {}",
                Platform::host()
            )));
        }
        Ok(this)
    }

    pub(super) fn diff_ids(&self) -> &[Digest] {
        self.rootfs.diff_ids.as_deref().unwrap_or_default()
    }

    pub(super) fn into_image_config(self) -> ImageConfig {
        let run = self.config.unwrap_or_default();
        ImageConfig {
            env: run.env.unwrap_or_default(),
            entrypoint: run.entrypoint.unwrap_or_default(),
            cmd: run.cmd.unwrap_or_default(),
            working_dir: run.working_dir.unwrap_or_default(),
            user: run.user.unwrap_or_default(),
            labels: run.labels.unwrap_or_default(),
            stop_signal: run.stop_signal.unwrap_or_default(),
        }
    }
}

impl From<&ImageConfig> for RunConfig {
    fn from(config: &ImageConfig) -> Self {
        let text = |text: &String| (!text.is_empty()).then(|| text.clone());
        Self {
            env: Some(config.env.clone()),
            entrypoint: Some(config.entrypoint.clone()),
            cmd: Some(config.cmd.clone()),
            working_dir: text(&config.working_dir),
            user: text(&config.user),
            labels: Some(config.labels.clone()),
            stop_signal: text(&config.stop_signal),
        }
    }
}

/// The names of layers together with all below them, as OCI defines chain ids.
pub(super) fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut chains: Vec<Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        chains.push(match chains.last() {
            None => diff_id.clone(),
            Some(below) => {
                let mut hasher = Hasher::default();
                hasher.update(format!("{below} {diff_id}").as_bytes());
                hasher.finish()
            }
        });
    }
    chains
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_configurations_with_nulls_are_read() {
        let text = br#"{"architecture":"ARCH","os":"linux","config":{"Env":null,"Cmd":["sh"],"Entrypoint":null,"Labels":null,
            "WorkingDir":"","Volumes":null},"rootfs":{"type":"layers","diff_ids":null},"history":null}"#;
        let text = String::from_utf8_lossy(text).replace("ARCH", &Platform::host().architecture);
        let config = Configuration::parse(text.as_bytes())
            .unwrap()
            .into_image_config();
        assert_eq!(
            config,
            ImageConfig {
                cmd: vec!["sh".into()],
                ..Default::default()
            }
        );
    }

    #[test]
    fn an_image_for_another_machine_is_refused() {
        let text = br#"{"architecture":"s390","os":"plan9","rootfs":{}}"#;
        assert!(
            Configuration::parse(text)
                .unwrap_err()
                .to_string()
                .contains("plan9/s390")
        );
    }

    #[test]
    fn an_index_gives_this_machines_image_and_never_an_attestation() {
        let entry = |os: &str, architecture: &str| Descriptor {
            media_type: OCI_MANIFEST.into(),
            digest: Digest::of(format!("{os}{architecture}").as_bytes()),
            size: 1,
            platform: Some(Platform {
                os: os.into(),
                architecture: architecture.into(),
                variant: None,
            }),
            annotations: None,
        };
        let ours = entry("linux", &Platform::host().architecture);
        let all = [
            entry("unknown", "unknown"),
            entry("windows", "amd64"),
            ours.clone(),
        ];
        assert_eq!(for_host(&all).unwrap(), &ours);
        let error = for_host(&all[..2]).unwrap_err().to_string();
        assert!(
            error.contains("there are: unknown/unknown, windows/amd64"),
            "{error}"
        );
    }

    #[test]
    fn chains_follow_the_specification() {
        let [a, b] = [Digest::of(b"a"), Digest::of(b"b")];
        let chains = chain_ids(&[a.clone(), b.clone()]);
        assert_eq!(
            chains,
            [a.clone(), Digest::of(format!("{a} {b}").as_bytes())]
        );
    }
}
