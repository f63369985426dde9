//! Images: where they come from, where their content lies, and the root file systems made of them.
//!
//! [`Images`] is all that the rest of the runtime needs. Everything here is synchronous but [`Images::pull`]: call it from
//! a blocking thread.

mod base;
mod build;
mod built_in;
mod compression;
mod content;
mod digest;
mod file;
mod import;
mod manifest;
mod overlay;
mod pull;
mod records;
mod reference;
mod register;
mod snapshots;
mod tarball;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tree;
mod unpack;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use rustix::fs::FlockOperation;

pub use build::build_archive;
pub use built_in::BuiltIn;
pub use content::Content;
pub use digest::{Digest, DigestError};
pub use pull::Progress;
pub use reference::Reference;
pub use snapshots::{LayerUsage, Snapshots};

use crate::cri::{Error, Image, Result};
use records::Records;
use tokio::sync::watch;

/// What images use of the disk they are on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of content and unpacked layers, each counted once.
    pub used: u64,
    /// Files and directories of unpacked layers.
    pub inodes: u64,
    /// Bytes the file system has in all.
    pub capacity: u64,
}

/// The images of this node. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Images {
    store: Arc<Store>,
}

#[derive(Debug)]
struct Store {
    root: PathBuf,
    content: Content,
    snapshots: Snapshots,
    state: Mutex<State>,
    /// What is made instead of being pulled.
    offer: OnceLock<built_in::Offer>,
    /// Held by whoever makes an image.
    making: Mutex<()>,
    /// Rings whenever it is known of other images.
    changed: watch::Sender<()>,
    /// Held as long as we live: the directory is ours alone.
    _lock: File,
}

#[derive(Debug, Default)]
struct State {
    records: Records,
    /// Imports and pulls under way: their content has no name yet, so nothing is collected meanwhile.
    ingesting: usize,
}

impl Images {
    /// Opens the images under a directory, making it if need be. Error: `State` while another process has it open.
    pub fn open(root: &Path) -> Result<Self> {
        let failed = |e| Error::host(format!("opening the images in {}", root.display()), e);
        std::fs::create_dir_all(root).map_err(failed)?;
        let lock = File::create(root.join("lock")).map_err(failed)?;
        // A record lock: unlike flock, a child that inherits the file does not hold it on after we are gone.
        match rustix::fs::fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => {
                return Err(Error::State(format!(
                    "the images in {} are in use by another process",
                    root.display()
                )));
            }
            other => other.map_err(|e| failed(e.into()))?,
        }
        let store = Store {
            content: Content::open(&root.join("content"))?,
            snapshots: Snapshots::open(&root.join("snapshots"))?,
            state: Mutex::new(State {
                records: file::load(&root.join("images.json"))?.unwrap_or_default(),
                ..State::default()
            }),
            offer: OnceLock::new(),
            making: Mutex::new(()),
            changed: watch::channel(()).0,
            root: root.to_owned(),
            _lock: lock,
        };
        let images = Self {
            store: Arc::new(store),
        };
        images.collect()?;
        Ok(images)
    }

    /// Rings whenever images came, went, or got other names.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.store.changed.subscribe()
    }

    /// An image by name, digest or id; `None` where it is not here. Error: `InvalidImageName`.
    pub fn get(&self, reference: &str) -> Result<Option<Image>> {
        let state = self.store.state.lock();
        Ok(state
            .records
            .resolve(reference)?
            .and_then(|id| state.records.image(&id)))
    }

    /// All images.
    pub fn list(&self) -> Vec<Image> {
        self.store.state.lock().records.list()
    }

    /// Forgets an image: a tag, and the image with its last one; or all of it by id or digest. Idempotent. Containers made from it live on.
    pub fn remove(&self, reference: &str) -> Result<()> {
        let mut state = self.store.state.lock();
        let mut records = state.records.clone();
        if records.remove(reference)? {
            self.store.persist(&mut state, records)?;
        }
        drop(state);
        self.collect()
    }

    /// The containers whose image [`Images::remove`] would forget.
    pub fn held_by(&self, reference: &str) -> Result<Vec<String>> {
        let mut records = self.store.state.lock().records.clone();
        let Some(id) = records.resolve(reference)? else {
            return Ok(Vec::new());
        };
        records.remove(reference)?;
        // Another tag may keep it.
        if records.by_id(&id).is_some() {
            return Ok(Vec::new());
        }
        Ok(self.store.snapshots.made_from(&id))
    }

    /// What images use of the disk.
    pub fn usage(&self) -> Result<Usage> {
        let state = self.store.state.lock();
        let mut usage = Usage::default();
        for blob in state.records.needed_blobs() {
            usage.used += self.store.content.size(blob).unwrap_or(0);
        }
        for chain in state.records.needed_chains() {
            let layer = self
                .store
                .snapshots
                .layer_usage(&chain)?
                .unwrap_or_default();
            usage.used += layer.bytes;
            usage.inodes += layer.inodes;
        }
        let stat = rustix::fs::statvfs(&self.store.root)
            .map_err(|e| Error::host("measuring the image file system", e))?;
        usage.capacity = stat.f_blocks.saturating_mul(stat.f_frsize);
        Ok(usage)
    }

    /// Makes and mounts the root file system of a container (its id is the caller's; letters, digits, `-` and `_`) from an image, by id.
    /// Mounts it again where it was made but is not mounted. Error: `NotFound` without such an image.
    pub fn prepare(&self, container: &str, image: &str) -> Result<PathBuf> {
        let known = self.store.snapshots.is_known(container);
        if !known {
            // Under one lock, so that the layers are not collected between finding and reserving them.
            let state = self.store.state.lock();
            let id = state
                .records
                .resolve(image)?
                .ok_or_else(|| Error::NotFound(format!("image {image}")))?;
            let record = state
                .records
                .by_id(&id)
                .ok_or_else(|| Error::NotFound(format!("image {image}")))?;
            self.store
                .snapshots
                .reserve(container, &id, &record.chains)?;
        }
        let mounted = self.store.snapshots.mount(container);
        if mounted.is_err() && !known {
            self.release(container)?;
        }
        mounted
    }

    /// Mounts the root file system of a container made before, if it is not mounted: what a reboot lost.
    pub fn remount(&self, container: &str) -> Result<PathBuf> {
        self.store.snapshots.mount(container)
    }

    /// Unmounts and removes a container's root file system, and layers that nothing needs any more. Idempotent.
    pub fn release(&self, container: &str) -> Result<()> {
        let freed = self.store.snapshots.remove(container)?;
        let needed = self.store.state.lock().records.needed_chains();
        if freed.iter().all(|chain| needed.contains(chain)) {
            Ok(())
        } else {
            self.collect()
        }
    }

    /// Containers whose root file systems are mounted.
    pub fn mounted(&self) -> Vec<String> {
        self.store.snapshots.mounted()
    }

    /// Containers that have a root file system, mounted or not.
    pub fn prepared(&self) -> Vec<String> {
        self.store.snapshots.containers()
    }

    /// Bytes and inodes that a container has written to its root file system.
    pub fn container_usage(&self, container: &str) -> Result<LayerUsage> {
        self.store.snapshots.usage(container)
    }

    /// Removes content that no image, and layers that neither an image nor a container, needs. While images come in nothing is
    /// removed: the last of them collects when it is done.
    fn collect(&self) -> Result<()> {
        let state = self.store.state.lock();
        if state.ingesting > 0 {
            return Ok(());
        }
        let blobs = state.records.needed_blobs();
        self.store.content.retain(|digest| blobs.contains(digest))?;
        let chains = state.records.needed_chains();
        let held = self.store.snapshots.needed_layers();
        self.store
            .snapshots
            .retain_layers(|chain| chains.contains(chain) || held.contains(chain))?;
        drop(state);
        self.store.snapshots.empty_trash()
    }

    fn ingest(&self) -> Ingesting {
        self.store.state.lock().ingesting += 1;
        Ingesting {
            images: self.clone(),
        }
    }
}

impl Store {
    /// Makes a change of the records last before it is seen.
    fn persist(&self, state: &mut State, records: Records) -> Result<()> {
        file::store_synced(&self.root.join("images.json"), &records)
            .map_err(|e| Error::host("storing the list of images", e))?;
        state.records = records;
        self.changed.send_replace(());
        Ok(())
    }
}

/// While this lives nothing is collected.
#[derive(Debug)]
struct Ingesting {
    images: Images,
}

impl Drop for Ingesting {
    fn drop(&mut self) {
        let mut state = self.images.store.state.lock();
        state.ingesting -= 1;
        let last = state.ingesting == 0;
        drop(state);
        // Whether it failed or not: an archive may hold more than its images need.
        if last && let Err(e) = self.images.collect() {
            tracing::warn!(error = %e, "collecting unused image content failed");
        }
    }
}
