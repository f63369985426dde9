//! Which images there are and what they are called: `images.json`.

use std::collections::{BTreeMap, BTreeSet};

use super::digest::Digest;
use super::reference::Reference;
use crate::cri::{Image, ImageConfig, Result};

/// One image, under its manifest's digest.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Record {
    /// The digest of its configuration: the image's id.
    pub(super) config_digest: Digest,
    /// Compressed layers.
    pub(super) blobs: Vec<Digest>,
    /// Unpacked layers, the lowest first.
    pub(super) chains: Vec<Digest>,
    /// Bytes of both.
    pub(super) size: u64,
    /// How to run it.
    pub(super) config: ImageConfig,
}

/// All images and their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Records {
    /// By manifest digest.
    pub(super) images: BTreeMap<Digest, Record>,
    /// `docker.io/library/nginx:1.27` to manifest digest.
    pub(super) tags: BTreeMap<String, Digest>,
    /// `docker.io/library/nginx@sha256:…` to manifest digest; the one in the name may be of the index it came from.
    pub(super) digests: BTreeMap<String, Digest>,
}

impl Records {
    /// The image with an id, whichever manifest describes it.
    pub(super) fn by_id(&self, id: &Digest) -> Option<&Record> {
        self.images
            .values()
            .find(|record| record.config_digest == *id)
    }

    /// The id that an image's name, digest or id means. Error: `InvalidImageName`.
    pub(super) fn resolve(&self, reference: &str) -> Result<Option<Digest>> {
        if let Ok(id) = reference.parse().or_else(|_| Digest::from_hex(reference)) {
            return Ok(self.by_id(&id).map(|record| record.config_digest.clone()));
        }
        let reference = Reference::parse(reference)?;
        let manifest = match reference.digest() {
            Some(digest) => self.digests.get(&reference.with_digest(&digest)),
            None => reference.tagged().and_then(|tag| self.tags.get(&tag)),
        };
        Ok(manifest
            .and_then(|manifest| self.images.get(manifest))
            .map(|record| record.config_digest.clone()))
    }

    fn manifests(&self, id: &Digest) -> BTreeSet<&Digest> {
        self.images
            .iter()
            .filter(|(_, record)| record.config_digest == *id)
            .map(|(manifest, _)| manifest)
            .collect()
    }

    /// An image as the node sees it.
    pub(super) fn image(&self, id: &Digest) -> Option<Image> {
        let record = self.by_id(id)?;
        let manifests = self.manifests(id);
        let of = |names: &BTreeMap<String, Digest>| {
            names
                .iter()
                .filter(|(_, manifest)| manifests.contains(manifest))
                .map(|(name, _)| name.clone())
                .collect()
        };
        Some(Image {
            id: id.to_string(),
            tags: of(&self.tags),
            digests: of(&self.digests),
            size: record.size,
            config: record.config.clone(),
        })
    }

    /// All images.
    pub(super) fn list(&self) -> Vec<Image> {
        let ids: BTreeSet<&Digest> = self
            .images
            .values()
            .map(|record| &record.config_digest)
            .collect();
        ids.into_iter().filter_map(|id| self.image(id)).collect()
    }

    /// Forgets a tag; and the image, if that was its last one or it was named by id or digest. Returns whether anything changed.
    pub(super) fn remove(&mut self, reference: &str) -> Result<bool> {
        let Some(id) = self.resolve(reference)? else {
            return Ok(false);
        };
        let tag = Reference::parse(reference)
            .ok()
            .filter(|r| r.digest().is_none())
            .and_then(|r| r.tagged());
        let manifests: BTreeSet<Digest> = self.manifests(&id).into_iter().cloned().collect();
        if let Some(tag) = tag.filter(|tag| self.tags.contains_key(tag)) {
            self.tags.remove(&tag);
            if self
                .tags
                .values()
                .any(|manifest| manifests.contains(manifest))
            {
                return Ok(true);
            }
        }
        self.images
            .retain(|manifest, _| !manifests.contains(manifest));
        self.tags
            .retain(|_, manifest| !manifests.contains(manifest));
        self.digests
            .retain(|_, manifest| !manifests.contains(manifest));
        Ok(true)
    }

    /// Content that images need.
    pub(super) fn needed_blobs(&self) -> BTreeSet<&Digest> {
        self.images
            .iter()
            .flat_map(|(manifest, record)| {
                record.blobs.iter().chain([manifest, &record.config_digest])
            })
            .collect()
    }

    /// Unpacked layers that images need.
    pub(super) fn needed_chains(&self) -> BTreeSet<Digest> {
        self.images
            .values()
            .flat_map(|record| record.chains.iter().cloned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> (Records, Digest) {
        let id = Digest::of(b"config");
        let record = Record {
            config_digest: id.clone(),
            blobs: vec![],
            chains: vec![],
            size: 0,
            config: ImageConfig::default(),
        };
        let manifest = Digest::of(b"manifest");
        let mut records = Records::default();
        records.images.insert(manifest.clone(), record);
        for tag in ["docker.io/library/app:1", "docker.io/library/app:2"] {
            records.tags.insert(tag.into(), manifest.clone());
        }
        records
            .digests
            .insert(format!("docker.io/library/app@{manifest}"), manifest);
        (records, id)
    }

    #[test]
    fn an_image_is_found_by_tag_digest_and_id() {
        let (records, id) = records();
        let manifest = Digest::of(b"manifest");
        for name in [
            "app:1",
            "library/app:2",
            &format!("app:9@{manifest}"),
            &id.to_string(),
            id.hex(),
        ] {
            assert_eq!(records.resolve(name).unwrap(), Some(id.clone()), "{name}");
        }
        assert_eq!(records.resolve("app").unwrap(), None);
        assert!(records.resolve("App").is_err());
    }

    #[test]
    fn an_image_goes_with_its_last_tag() {
        let (mut records, _) = records();
        assert!(records.remove("app:1").unwrap());
        assert_eq!(records.list()[0].tags, ["docker.io/library/app:2"]);
        assert!(records.remove("app:2").unwrap());
        assert_eq!(records, Records::default());
        assert!(!records.remove("app:2").unwrap());
    }

    #[test]
    fn an_image_removed_by_id_loses_all_names() {
        let (mut records, id) = records();
        assert!(records.remove(&id.to_string()).unwrap());
        assert_eq!(records, Records::default());
    }
}
