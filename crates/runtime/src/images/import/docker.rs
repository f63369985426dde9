//! Images of `docker save`: `manifest.json` names a configuration and plain layers. A manifest is made for them.

use super::super::content::Content;
use super::super::manifest::{Descriptor, Document, Manifest, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use super::super::reference::Reference;
use super::super::{Digest, manifest};
use super::archive::Archive;
use super::{Found, layout};
use crate::cri::{Error, Result};

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Vec<String>,
}

/// Finds the images that `manifest.json` names; those that an OCI index named already only get their tags.
pub(super) fn find(
    document: &[u8],
    archive: &Archive,
    content: &Content,
    found: &mut Found,
) -> Result<()> {
    let saved: Vec<Saved> = serde_json::from_slice(document)
        .map_err(|e| Error::Invalid(format!("manifest.json: {e}")))?;
    for image in saved {
        let (config, size) = archive.content(&image.config)?;
        let manifest = match known(&config, content, found)? {
            Some(manifest) => manifest,
            None => content.put(&make(
                descriptor(OCI_CONFIG, config, size),
                &image.layers,
                archive,
            )?)?,
        };
        let names = found.entry(manifest).or_default();
        for tag in image.repo_tags.unwrap_or_default() {
            // The digest is of our own making: no registry knows it.
            layout::add(names, &Reference::parse(&tag)?, None);
        }
    }
    Ok(())
}

fn known(config: &Digest, content: &Content, found: &Found) -> Result<Option<Digest>> {
    for manifest in found.keys() {
        if let Document::Manifest(document) = Document::parse(&content.document(manifest)?)?
            && document.config.digest == *config
        {
            return Ok(Some(manifest.clone()));
        }
    }
    Ok(None)
}

fn make(config: Descriptor, layers: &[String], archive: &Archive) -> Result<Vec<u8>> {
    let layer = |name: &String| {
        archive
            .content(name)
            .map(|(digest, size)| descriptor(OCI_LAYER, digest, size))
    };
    let layers = layers.iter().map(layer).collect::<Result<Vec<_>>>()?;
    let made = Manifest {
        schema_version: 2,
        media_type: OCI_MANIFEST.to_owned(),
        config,
        layers,
    };
    serde_json::to_vec(&made).map_err(|e| Error::host("writing a manifest", e))
}

fn descriptor(media_type: &str, digest: Digest, size: u64) -> Descriptor {
    manifest::Descriptor {
        media_type: media_type.to_owned(),
        digest,
        size,
        platform: None,
        annotations: None,
    }
}
