//! Images of an OCI image layout.

use super::super::content::Content;
use super::super::digest::Digest;
use super::super::manifest::{Descriptor, Document, Platform, for_host};
use super::super::reference::Reference;
use super::{Found, Names};
use crate::cri::{Error, Result};

/// Indexes within indexes that are followed.
const MAX_DEPTH: usize = 4;
/// The full name, as containerd, BuildKit and Docker write it.
const IMAGE_NAME: &str = "io.containerd.image.name";
/// A name to Podman and Skopeo, only a tag to others.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Says that a manifest is no image but tells of one (provenance, as BuildKit adds it).
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

/// Finds the images that `index.json` names.
pub(super) fn find(index: &[u8], content: &Content, found: &mut Found) -> Result<()> {
    let descriptors = match Document::parse(index) {
        Ok(Document::Index(descriptors)) => descriptors,
        Ok(Document::Manifest(_)) => {
            return Err(Error::Invalid("index.json: it is not an index".to_owned()));
        }
        Err(e) => return Err(Error::Invalid(format!("index.json: {e}"))),
    };
    let images: Vec<&Descriptor> = descriptors.iter().filter(|d| !is_attestation(d)).collect();
    // One image for several platforms, listed here side by side: ours is taken. Several images: each of them.
    let runs_here = |d: &&&Descriptor| d.platform.as_ref().is_none_or(Platform::fits_host);
    let ours: Vec<&Descriptor> = images.iter().filter(runs_here).copied().collect();
    if ours.is_empty() && !images.is_empty() {
        for_host(&descriptors)?;
    }
    for descriptor in ours {
        let manifest = resolve(descriptor, content, 0)?;
        let names = found.entry(manifest).or_default();
        if let Some(reference) = name(descriptor)? {
            add(names, &reference, Some(&descriptor.digest));
        }
    }
    Ok(())
}

/// Gives an image a name. `digest`: that of what the name stands for, where a registry would know it by that.
pub(super) fn add(names: &mut Names, reference: &Reference, digest: Option<&Digest>) {
    names.tags.extend(reference.tagged());
    names
        .digests
        .extend(digest.map(|digest| reference.with_digest(digest)));
}

fn is_attestation(descriptor: &Descriptor) -> bool {
    descriptor
        .annotations
        .as_ref()
        .is_some_and(|a| a.contains_key(REFERENCE_TYPE))
        || descriptor
            .platform
            .as_ref()
            .is_some_and(|p| p.os == "unknown")
}

/// The manifest of the image for this machine, through indexes.
fn resolve(descriptor: &Descriptor, content: &Content, depth: usize) -> Result<Digest> {
    if depth == MAX_DEPTH {
        return Err(Error::Invalid(format!(
            "indexes are nested deeper than {MAX_DEPTH}"
        )));
    }
    match Document::parse(&content.document(&descriptor.digest)?)? {
        Document::Manifest(_) => Ok(descriptor.digest.clone()),
        Document::Index(manifests) => {
            let images: Vec<Descriptor> = manifests
                .into_iter()
                .filter(|d| !is_attestation(d))
                .collect();
            resolve(for_host(&images)?, content, depth + 1)
        }
    }
}

fn name(descriptor: &Descriptor) -> Result<Option<Reference>> {
    let annotation = |key| descriptor.annotations.as_ref().and_then(|a| a.get(key));
    let full = annotation(IMAGE_NAME)
        .or_else(|| annotation(REF_NAME).filter(|name| name.contains([':', '/'])));
    full.map(|name| Reference::parse(name)).transpose()
}
