//! Import of archives: OCI image layouts, and what `docker save` writes, in its old form and its new one (which is both).
//!
//! The archive is read once, front to back: whatever may be content goes into the store, under the digest it has, and only
//! then the documents tell what it was. Names are given at the very end, so nothing half imported is ever seen.

mod archive;
mod docker;
mod layout;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::register::Arrival;
use super::{Digest, Images, Ingesting};
use crate::cri::{Error, Image, Result};

/// Images found in an archive, by manifest.
type Found = BTreeMap<Digest, Names>;

/// What an archive calls an image.
#[derive(Debug, Default)]
struct Names {
    tags: std::collections::BTreeSet<String>,
    digests: std::collections::BTreeSet<String>,
}

impl Images {
    /// Imports image archives: tar, plain or compressed by gzip or zstd. All images of all files become visible together, or
    /// none. Error: `Invalid` with what is wrong with which file; `InvalidImageName`.
    pub fn import(&self, files: &[PathBuf]) -> Result<Vec<Image>> {
        let ingesting = self.ingest();
        let mut arrivals = Vec::new();
        for file in files {
            let imported = self.import_file(file, &ingesting);
            arrivals.extend(imported.map_err(|e| match e {
                Error::Invalid(why) => Error::Invalid(format!("{}: {why}", file.display())),
                Error::NotFound(what) => Error::Invalid(format!(
                    "{}: {what} is missing from the archive",
                    file.display()
                )),
                other => other,
            })?);
        }
        let mut images = self.register(arrivals, &ingesting)?;
        images.dedup_by(|a, b| a.id == b.id);
        Ok(images)
    }

    fn import_file(&self, path: &Path, ingesting: &Ingesting) -> Result<Vec<Arrival>> {
        let file =
            File::open(path).map_err(|e| Error::host(format!("opening {}", path.display()), e))?;
        let archive = archive::read(file, &self.store.content)?;
        let mut found = Found::new();
        if let Some(index) = &archive.index {
            layout::find(index, &self.store.content, &mut found)?;
        }
        if let Some(manifest) = &archive.docker {
            docker::find(manifest, &archive, &self.store.content, &mut found)?;
        }
        if found.is_empty() {
            return Err(Error::Invalid("this is no image archive: it holds neither images in index.json nor a manifest.json".to_owned()));
        }
        let arrive = |(manifest, names): (Digest, Names)| {
            let record = self.unpack(&manifest, ingesting)?;
            Ok(Arrival {
                manifest,
                record,
                tags: names.tags,
                digests: names.digests,
            })
        };
        found.into_iter().map(arrive).collect()
    }
}

#[cfg(test)]
mod tests;
