//! Making an image of content: unpacking its layers, and giving it its names.

use std::collections::BTreeSet;

use super::compression::decompress;
use super::digest::Digest;
use super::manifest::{Configuration, Document, Manifest, chain_ids};
use super::records::Record;
use super::unpack::Limits;
use super::{Images, Ingesting};
use crate::cri::{Error, Image, Result};

/// An image whose content is complete, and what it is to be called.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) manifest: Digest,
    pub(super) record: Record,
    pub(super) tags: BTreeSet<String>,
    pub(super) digests: BTreeSet<String>,
}

impl Images {
    /// Unpacks what a manifest in the content store names. Error: `Invalid` where the image is at fault.
    pub(super) fn unpack(&self, manifest: &Digest, _while: &Ingesting) -> Result<Record> {
        let Document::Manifest(document) =
            Document::parse(&self.store.content.document(manifest)?)?
        else {
            return Err(Error::Invalid(format!(
                "{manifest} is an index, not an image"
            )));
        };
        let configuration =
            Configuration::parse(&self.store.content.document(&document.config.digest)?)?;
        let diff_ids = configuration.diff_ids().to_vec();
        if diff_ids.len() != document.layers.len() {
            let (layers, ids) = (document.layers.len(), diff_ids.len());
            return Err(Error::Invalid(format!(
                "image {manifest} has {layers} layers but its configuration names {ids}"
            )));
        }
        let chains = chain_ids(&diff_ids);
        let mut size = self.content_size(manifest, &document);
        for (n, layer) in document.layers.iter().enumerate() {
            let stream = || {
                let blob = self.store.content.blob(&layer.digest)?;
                decompress(blob).map_err(|e| Error::Invalid(format!("layer {}: {e}", layer.digest)))
            };
            let done = self.store.snapshots.unpack(
                &chains[n],
                &chains[..n],
                &diff_ids[n],
                stream,
                Limits::default(),
            )?;
            size += done.bytes;
        }
        Ok(Record {
            config_digest: document.config.digest,
            blobs: document
                .layers
                .into_iter()
                .map(|layer| layer.digest)
                .collect(),
            chains,
            size,
            config: configuration.into_image_config(),
        })
    }

    fn content_size(&self, manifest: &Digest, document: &Manifest) -> u64 {
        let all = document
            .layers
            .iter()
            .map(|layer| &layer.digest)
            .chain([manifest, &document.config.digest]);
        all.filter_map(|digest| self.store.content.size(digest))
            .sum()
    }

    /// Makes images visible, all of them at once. A tag that meant another image moves to the new one.
    pub(super) fn register(
        &self,
        arrivals: Vec<Arrival>,
        _while: &Ingesting,
    ) -> Result<Vec<Image>> {
        self.store.content.sync()?;
        let ids: Vec<Digest> = arrivals
            .iter()
            .map(|arrival| arrival.record.config_digest.clone())
            .collect();
        let mut state = self.store.state.lock();
        let mut records = state.records.clone();
        for arrival in arrivals {
            records.tags.extend(
                arrival
                    .tags
                    .into_iter()
                    .map(|tag| (tag, arrival.manifest.clone())),
            );
            records.digests.extend(
                arrival
                    .digests
                    .into_iter()
                    .map(|name| (name, arrival.manifest.clone())),
            );
            records.images.insert(arrival.manifest, arrival.record);
        }
        if records != state.records {
            self.store.persist(&mut state, records)?;
        }
        Ok(ids
            .iter()
            .filter_map(|id| state.records.image(id))
            .collect())
    }
}
