//! Pulling from registries.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference as OciReference, RegistryOperation};
use tokio::sync::mpsc;

use super::content::MAX_DOCUMENT;
use super::manifest::{
    DOCKER_LIST, DOCKER_MANIFEST, Descriptor, Document, Manifest, OCI_INDEX, OCI_MANIFEST, for_host,
};
use super::register::Arrival;
use super::{Digest, Images, Reference};
use crate::cri::{Credentials, Error, PullProgress, Result};

/// Layers of one image that come in at once: as many as containerd and Docker take.
const PARALLEL_LAYERS: usize = 3;
/// Pieces of a layer that wait for the disk.
const WAITING_PIECES: usize = 16;
/// Compressed bytes of one image: more than any that is of use.
const MAX_IMAGE: u64 = 128 << 30;
/// A registry that says nothing for so long is gone.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How far a pull is.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes that came in.
    pub done: AtomicU64,
    /// Bytes to come in all; 0 until the manifest is here.
    pub total: AtomicU64,
}

/// One registry, spoken to for one image.
struct Registry<'a> {
    client: Client,
    auth: RegistryAuth,
    reference: &'a Reference,
}

impl Images {
    /// Pulls an image, whether it is here or not; content that is here does not come again. `progress` is kept current meanwhile. What
    /// [`Images::offer`] offers is made instead.
    /// Error: `InvalidImageName`; `Pull`, with the registry's words; `Invalid` where the image is at fault.
    pub async fn pull(
        &self,
        name: &str,
        credentials: Option<Credentials>,
        progress: &Progress,
    ) -> Result<PullProgress> {
        let reference = Reference::parse(name)?;
        if let Some(image) = self.offered(&reference).await? {
            return Ok(PullProgress { image, bytes: 0 });
        }
        let pulled = self
            .pull_reference(&reference, credentials.unwrap_or_default(), progress)
            .await;
        pulled.map_err(|e| match e {
            Error::Pull { reason, .. } => Error::Pull {
                reference: reference.to_string(),
                reason,
            },
            Error::Invalid(reason) => Error::Pull {
                reference: reference.to_string(),
                reason,
            },
            other => other,
        })
    }

    async fn pull_reference(
        &self,
        reference: &Reference,
        credentials: Credentials,
        progress: &Progress,
    ) -> Result<PullProgress> {
        let ingesting = self.ingest();
        let registry = Registry::connect(reference, credentials).await?;
        let (bytes, named) = registry.manifest(reference.oci()).await?;
        let (digest, manifest) = self.choose(&registry, bytes, &named).await?;

        let mut wanted: Vec<&Descriptor> =
            manifest.layers.iter().chain([&manifest.config]).collect();
        let mut seen = BTreeSet::new();
        wanted.retain(|d| self.store.content.size(&d.digest).is_none() && seen.insert(&d.digest));
        progress.total.store(total(&wanted)?, Ordering::Relaxed);
        let layers = wanted
            .into_iter()
            .map(|layer| self.fetch(&registry, layer, progress));
        stream::iter(layers)
            .buffer_unordered(PARALLEL_LAYERS)
            .try_collect::<Vec<()>>()
            .await?;

        let images = self.clone();
        let tags = reference.tagged().into_iter().collect();
        let digests = BTreeSet::from([reference.with_digest(&named)]);
        let registered = blocking(move || {
            let record = images.unpack(&digest, &ingesting)?;
            images.register(
                vec![Arrival {
                    manifest: digest,
                    record,
                    tags,
                    digests,
                }],
                &ingesting,
            )
        });
        let image = registered
            .await?
            .pop()
            .ok_or_else(|| Error::NotFound(reference.to_string()))?;
        Ok(PullProgress {
            image,
            bytes: progress.done.load(Ordering::Relaxed),
        })
    }

    /// The manifest for this machine, stored; through an index where the name stands for one.
    async fn choose(
        &self,
        registry: &Registry<'_>,
        bytes: Bytes,
        named: &Digest,
    ) -> Result<(Digest, Manifest)> {
        let (digest, bytes) = match Document::parse(&bytes)? {
            Document::Manifest(_) => (named.clone(), bytes),
            Document::Index(manifests) => {
                let chosen = for_host(&manifests)?.digest.clone();
                let (bytes, _) = registry
                    .manifest(
                        &registry
                            .reference
                            .oci()
                            .clone_with_digest(chosen.to_string()),
                    )
                    .await?;
                (chosen, bytes)
            }
        };
        let Document::Manifest(manifest) = Document::parse(&bytes)? else {
            return Err(Error::Invalid(
                "an index names another index for this machine".to_owned(),
            ));
        };
        let images = self.clone();
        let stored = blocking(move || images.store.content.put(&bytes)).await?;
        if stored != digest {
            return Err(Error::Invalid(format!(
                "manifest does not match its digest: expected {digest}, got {stored}"
            )));
        }
        Ok((digest, manifest))
    }

    /// One blob into the content store. The network fills a short queue that a blocking thread empties onto the disk.
    async fn fetch(
        &self,
        registry: &Registry<'_>,
        wanted: &Descriptor,
        progress: &Progress,
    ) -> Result<()> {
        let (pieces, mut queue) = mpsc::channel::<Bytes>(WAITING_PIECES);
        let images = self.clone();
        let (digest, size) = (wanted.digest.clone(), wanted.size);
        let written = tokio::task::spawn_blocking(move || {
            let mut ingest = images.store.content.ingest()?;
            while let Some(piece) = queue.blocking_recv() {
                ingest
                    .write_all(&piece)
                    .map_err(|e| Error::host(format!("storing {digest}"), e))?;
            }
            // A stream that broke off ends here, too: it has not the size.
            if ingest.size() != size {
                return Err(Error::Invalid(format!(
                    "{digest}: expected {size} bytes, got {}",
                    ingest.size()
                )));
            }
            ingest.commit(Some(&digest)).map(drop)
        });
        let received = registry.stream(wanted, &pieces, progress).await;
        drop(pieces);
        let written = written
            .await
            .map_err(|e| Error::host("storing content", e))?;
        received.and(written)
    }
}

impl<'a> Registry<'a> {
    async fn connect(reference: &'a Reference, credentials: Credentials) -> Result<Self> {
        let protocol = match reference.is_loopback() {
            true => ClientProtocol::HttpsExcept(vec![reference.registry().to_owned()]),
            false => ClientProtocol::Https,
        };
        let config = ClientConfig {
            protocol,
            read_timeout: Some(READ_TIMEOUT),
            connect_timeout: Some(CONNECT_TIMEOUT),
            user_agent: concat!("navarch/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        // It reads the host's certificates; and without any it panics, which a thread of its own turns into an error.
        let client = tokio::task::spawn_blocking(move || {
            // Another part of the process may have been first.
            let _ = rustls::crypto::ring::default_provider().install_default();
            Client::try_from(config)
        });
        let client = client
            .await
            .map_err(|_| refused("cannot set up TLS: are CA certificates installed?"))?;
        let auth = match credentials {
            Credentials { username, .. } if username.is_empty() => RegistryAuth::Anonymous,
            Credentials { username, password } => RegistryAuth::Basic(username, password),
        };
        let this = Self {
            client: client.map_err(|e| failed(&e))?,
            auth,
            reference,
        };
        this.client
            .auth(reference.oci(), &this.auth, RegistryOperation::Pull)
            .await
            .map_err(|e| failed(&e))?;
        Ok(this)
    }

    async fn manifest(&self, reference: &OciReference) -> Result<(Bytes, Digest)> {
        let accepted = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST];
        let pulled = self
            .client
            .pull_manifest_raw(reference, &self.auth, &accepted)
            .await;
        let (bytes, _) = pulled.map_err(|e| failed(&e))?;
        if bytes.len() as u64 > MAX_DOCUMENT {
            return Err(refused(format!(
                "the manifest is larger than {MAX_DOCUMENT} bytes"
            )));
        }
        let digest = Digest::of(&bytes);
        match reference.digest() {
            Some(expected) if expected != digest.to_string() => Err(refused(format!(
                "manifest does not match its digest: expected {expected}, got {digest}"
            ))),
            _ => Ok((bytes, digest)),
        }
    }

    async fn stream(
        &self,
        wanted: &Descriptor,
        pieces: &mpsc::Sender<Bytes>,
        progress: &Progress,
    ) -> Result<()> {
        let digest = wanted.digest.to_string();
        let mut stream = self
            .client
            .pull_blob_stream(self.reference.oci(), digest.as_str())
            .await
            .map_err(|e| failed(&e))?
            .stream;
        let mut left = wanted.size;
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|e| refused(chain(&e)))?;
            left = left
                .checked_sub(piece.len() as u64)
                .ok_or_else(|| refused(format!("{digest}: more bytes than announced")))?;
            progress
                .done
                .fetch_add(piece.len() as u64, Ordering::Relaxed);
            if pieces.send(piece).await.is_err() {
                // The disk failed; the writer says how.
                break;
            }
        }
        Ok(())
    }
}

/// The bytes of all. Refused where an image says to be larger than any is: a registry could fill the disk with it.
fn total(wanted: &[&Descriptor]) -> Result<u64> {
    wanted
        .iter()
        .try_fold(0u64, |sum, d| sum.checked_add(d.size))
        .filter(|sum| *sum <= MAX_IMAGE)
        .ok_or_else(|| refused(format!("the image is larger than {MAX_IMAGE} bytes")))
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| Error::host("storing an image", e))?
}

/// The caller fills in what was to be pulled.
fn refused(reason: impl Into<String>) -> Error {
    Error::Pull {
        reference: String::new(),
        reason: reason.into(),
    }
}

fn failed(error: &OciDistributionError) -> Error {
    refused(match error {
        OciDistributionError::RegistryError { envelope, .. } => {
            let said = |e: &oci_client::errors::OciError| {
                let code = serde_json::to_value(&e.code)
                    .ok()
                    .and_then(|c| c.as_str().map(str::to_owned))
                    .unwrap_or_default();
                format!("{}: {}", code.to_lowercase().replace('_', " "), e.message)
            };
            envelope
                .errors
                .iter()
                .map(said)
                .collect::<Vec<_>>()
                .join("; ")
        }
        OciDistributionError::ImageManifestNotFoundError(_) => "not found".to_owned(),
        other => chain(other),
    })
}

/// An error with its causes: the outermost alone rarely says what happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
