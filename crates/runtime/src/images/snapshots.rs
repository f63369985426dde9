//! Unpacked layers, and the root file systems of containers on top of them.
//!
//! A layer is unpacked once for its chain (itself and all below it) and shared by every image and container. Directories:
//! `layers/CHAIN/{fs,layer.json}`, `containers/ID/{rootfs,upper,work,snapshot.json}`, `base`, and `staging` and `trash`, which
//! hold nothing of worth after a crash. What is on disk is the truth: nothing else remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rustix::fs::{Mode, OFlags};

use super::digest::{Digest, Hasher};
use super::overlay::{self, Overlay};
use super::unpack::{self, Limits, Target};
use super::{base, file, tree};
use crate::cri::{Error, Result};

/// What is known of an unpacked layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LayerUsage {
    /// Bytes of its files.
    pub bytes: u64,
    /// Files and directories.
    pub inodes: u64,
}

/// What a container's root file system is made of.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Snapshot {
    /// The image's id.
    image: Digest,
    /// Chains, the lowest first.
    layers: Vec<Digest>,
}

/// Layers and root file systems under one directory.
#[derive(Debug)]
pub struct Snapshots {
    layers: PathBuf,
    containers: PathBuf,
    staging: PathBuf,
    /// Containers' trees, each removed by whoever moved it there.
    trash: PathBuf,
    /// Layers, which [`Snapshots::empty_trash`] removes.
    unused: PathBuf,
    emptying: Mutex<()>,
    /// The lowest layer of all containers.
    base: PathBuf,
    counter: AtomicU64,
    /// What the containers that have a directory are made of.
    known: Mutex<BTreeMap<String, Snapshot>>,
}

impl Snapshots {
    /// Opens the directory, making it if it is not there; throws away what a crash left half made.
    pub fn open(root: &Path) -> Result<Self> {
        let failed = |e| Error::host(format!("opening the snapshots in {}", root.display()), e);
        let at = |name| root.join(name);
        for name in ["staging", "trash", "unused"] {
            tree::remove_path(&at(name)).map_err(failed)?;
        }
        for name in ["layers", "containers", "staging", "trash", "unused"] {
            fs::create_dir_all(at(name)).map_err(failed)?;
        }
        // Layers and upper directories hold set-id programs that no user of the host is to reach.
        fs::set_permissions(root, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        base::make(&at("base")).map_err(failed)?;
        let mut known = BTreeMap::new();
        for entry in fs::read_dir(at("containers")).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(id) = entry.file_name().into_string() else {
                continue;
            };
            match file::load(&entry.path().join("snapshot.json")) {
                Ok(Some(snapshot)) => drop(known.insert(id, snapshot)),
                // A crash of ours before it was prepared, or of the host before it was on disk: no container runs on it.
                Ok(None) | Err(_) => {
                    overlay::unmount(&entry.path().join("rootfs")).map_err(failed)?;
                    tree::remove_path(&entry.path()).map_err(failed)?;
                }
            }
        }
        Ok(Self {
            layers: at("layers"),
            containers: at("containers"),
            staging: at("staging"),
            trash: at("trash"),
            unused: at("unused"),
            emptying: Mutex::new(()),
            base: at("base"),
            counter: AtomicU64::new(0),
            known: Mutex::new(known),
        })
    }

    fn fresh(&self, directory: &Path) -> PathBuf {
        directory.join(self.counter.fetch_add(1, Ordering::Relaxed).to_string())
    }

    fn layer(&self, chain: &Digest) -> PathBuf {
        self.layers.join(chain.hex())
    }

    /// What an unpacked layer uses; `None` where it is not unpacked.
    pub fn layer_usage(&self, chain: &Digest) -> Result<Option<LayerUsage>> {
        file::load(&self.layer(chain).join("layer.json"))
    }

    /// Unpacks a layer onto its parents (chains, the lowest first), unless it is there. `stream` is the layer as tar, which must
    /// have the digest `diff_id`. Error: `Invalid` where the layer is at fault.
    pub(super) fn unpack(
        &self,
        chain: &Digest,
        parents: &[Digest],
        diff_id: &Digest,
        stream: impl FnOnce() -> Result<Box<dyn Read>>,
        limits: Limits,
    ) -> Result<LayerUsage> {
        if let Some(usage) = self.layer_usage(chain)? {
            return Ok(usage);
        }
        let staging = self.fresh(&self.staging);
        let done = self.unpack_in(&staging, parents, diff_id, stream()?, limits);
        let done = done.and_then(|usage| {
            let target = self.layer(chain);
            let keep = file::store(&staging.join("layer.json"), &usage)
                .and_then(|()| sync_file_system(&staging));
            keep.map_err(|e| Error::host("syncing a layer", e))?;
            match fs::rename(&staging, &target) {
                // Another import of the same layer was faster.
                Err(_) if target.join("layer.json").exists() => Ok(usage),
                Err(e) => Err(Error::host("storing a layer", e)),
                Ok(()) => Ok(usage),
            }
        });
        if let Err(e) = tree::remove_path(&staging) {
            tracing::warn!(error = %e, "cannot remove a staging directory");
        }
        done
    }

    fn unpack_in(
        &self,
        staging: &Path,
        parents: &[Digest],
        diff_id: &Digest,
        stream: Box<dyn Read>,
        limits: Limits,
    ) -> Result<LayerUsage> {
        let target = self
            .target(staging, parents)
            .map_err(|e| Error::host("preparing a layer", e))?;
        let mut stream = Digesting {
            stream,
            hasher: Hasher::default(),
        };
        let unpacked =
            unpack::unpack(&mut stream, target, limits).map_err(|e| match e.raw_os_error() {
                Some(_) => Error::host(format!("unpacking layer {diff_id}"), e),
                None => Error::Invalid(format!("layer {diff_id}: {e}")),
            })?;
        let found = stream.hasher.finish();
        if found != *diff_id {
            return Err(Error::Invalid(format!(
                "layer {diff_id}: its content has the digest {found}"
            )));
        }
        tree::remove_path(&staging.join("work"))
            .map_err(|e| Error::host("unpacking a layer", e))?;
        Ok(LayerUsage {
            bytes: unpacked.bytes,
            inodes: unpacked.entries,
        })
    }

    fn target(&self, staging: &Path, parents: &[Digest]) -> io::Result<Target> {
        let own = staging.join("fs");
        fs::create_dir_all(&own)?;
        fs::set_permissions(&own, fs::Permissions::from_mode(0o755))?;
        let open = |path: &Path| {
            rustix::fs::open(
                path,
                OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            )
        };
        let lower = self.lower(parents);
        let Some(top) = lower.first() else {
            return Ok(Target {
                view: open(&own)?,
                own: None,
            });
        };
        like(top, &own)?;
        let work = staging.join("work");
        fs::create_dir(&work)?;
        let overlay = Overlay {
            lower,
            upper: own.clone(),
            work,
        };
        let view = overlay.detached(&staging.join("scratch"))?;
        Ok(Target {
            view,
            own: Some(open(&own)?),
        })
    }

    /// Directories of chains, the topmost first, as overlays want them.
    fn lower(&self, layers: &[Digest]) -> Vec<PathBuf> {
        layers
            .iter()
            .rev()
            .map(|chain| self.layer(chain).join("fs"))
            .collect()
    }

    /// Notes that a container is about to be made from an image, so that its layers stay. Error: `Invalid` for a bad id.
    pub(super) fn reserve(&self, container: &str, image: &Digest, layers: &[Digest]) -> Result<()> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if container.is_empty() || container.len() > 128 || !container.bytes().all(fits) {
            return Err(Error::Invalid(format!(
                "invalid container id {container:?}"
            )));
        }
        let snapshot = Snapshot {
            image: image.clone(),
            layers: layers.to_vec(),
        };
        self.known
            .lock()
            .entry(container.to_owned())
            .or_insert(snapshot);
        Ok(())
    }

    /// Mounts a reserved container's root file system, if it is not mounted; after a reboot too. Returns where.
    pub fn mount(&self, container: &str) -> Result<PathBuf> {
        let snapshot = self.known.lock().get(container).cloned();
        let snapshot = snapshot
            .ok_or_else(|| Error::NotFound(format!("root file system of container {container}")))?;
        let rootfs = self.rootfs(container);
        if overlay::is_mounted(&rootfs) {
            return Ok(rootfs);
        }
        let mounted = self.mount_at(&rootfs, container, &snapshot);
        mounted.map_err(|e| {
            Error::host(
                format!("preparing the root file system of container {container}"),
                e,
            )
        })?;
        Ok(rootfs)
    }

    fn mount_at(&self, rootfs: &Path, container: &str, snapshot: &Snapshot) -> io::Result<()> {
        let directory = self.containers.join(container);
        let (upper, work) = (directory.join("upper"), directory.join("work"));
        let lower = self.lower(&snapshot.layers);
        fs::create_dir_all(rootfs)?;
        if !upper.exists() {
            let top = lower.first().unwrap_or(&self.base);
            let making = directory.join("making");
            fs::create_dir_all(&making)?;
            like(top, &making)?;
            fs::rename(&making, &upper)?;
        }
        // What the kernel left in it forbids to mount a volatile overlay again.
        tree::remove_path(&work)?;
        fs::create_dir(&work)?;
        file::store(&directory.join("snapshot.json"), snapshot)?;
        // Below all: where every container has mounts is something to mount on, and none is made for each.
        let lower = lower.into_iter().chain([self.base.clone()]).collect();
        Overlay { lower, upper, work }.mount_at(rootfs)
    }

    /// Where a container's root file system is mounted, whether it is or not.
    pub fn rootfs(&self, container: &str) -> PathBuf {
        self.containers.join(container).join("rootfs")
    }

    /// Containers whose root file systems are mounted.
    pub fn mounted(&self) -> Vec<String> {
        let known: Vec<String> = self.known.lock().keys().cloned().collect();
        known
            .into_iter()
            .filter(|id| overlay::is_mounted(&self.rootfs(id)))
            .collect()
    }

    /// Containers that have a root file system, mounted or not.
    pub fn containers(&self) -> Vec<String> {
        self.known.lock().keys().cloned().collect()
    }

    /// Containers that are made from an image.
    pub(super) fn made_from(&self, image: &Digest) -> Vec<String> {
        let known = self.known.lock();
        let made = known
            .iter()
            .filter(|(_, snapshot)| snapshot.image == *image);
        made.map(|(id, _)| id.clone()).collect()
    }

    /// Whether a container has a root file system, or one is being made.
    pub(super) fn is_known(&self, container: &str) -> bool {
        self.known.lock().contains_key(container)
    }

    /// Unmounts and removes a container's root file system. Idempotent. Returns the layers it no longer needs.
    pub(super) fn remove(&self, container: &str) -> Result<Vec<Digest>> {
        if !self.is_known(container) {
            return Ok(Vec::new());
        }
        let failed = |e| {
            Error::host(
                format!("removing the root file system of container {container}"),
                e,
            )
        };
        overlay::unmount(&self.rootfs(container)).map_err(failed)?;
        self.discard(&self.containers.join(container))
            .map_err(failed)?;
        Ok(self
            .known
            .lock()
            .remove(container)
            .map(|snapshot| snapshot.layers)
            .unwrap_or_default())
    }

    /// Bytes and inodes that a container has written to its root file system.
    pub fn usage(&self, container: &str) -> Result<LayerUsage> {
        let upper = self.containers.join(container).join("upper");
        match measure(&upper) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                Err(Error::NotFound(format!("container {container}")))
            }
            other => other.map_err(|e| Error::host(format!("measuring container {container}"), e)),
        }
    }

    /// Layers that containers need.
    pub(super) fn needed_layers(&self) -> BTreeSet<Digest> {
        self.known
            .lock()
            .values()
            .flat_map(|snapshot| snapshot.layers.iter().cloned())
            .collect()
    }

    /// Moves away every layer that `keep` does not want; [`Snapshots::empty_trash`] then removes them.
    pub(super) fn retain_layers(&self, keep: impl Fn(&Digest) -> bool) -> Result<()> {
        let failed = |e| Error::host("collecting unused layers", e);
        for entry in fs::read_dir(&self.layers).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let chain = entry
                .file_name()
                .to_str()
                .and_then(|name| Digest::from_hex(name).ok());
            if !chain.is_some_and(|chain| keep(&chain)) {
                fs::rename(entry.path(), self.fresh(&self.unused)).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Removes what was moved away.
    pub(super) fn empty_trash(&self) -> Result<()> {
        let failed = |e| Error::host("removing unused layers", e);
        // Two at work on one tree would each miss what the other has removed.
        let _one_at_a_time = self.emptying.lock();
        for entry in fs::read_dir(&self.unused).map_err(failed)? {
            tree::remove_path(&entry.map_err(failed)?.path()).map_err(failed)?;
        }
        Ok(())
    }

    /// A tree is gone at once, though removing it takes its time.
    fn discard(&self, path: &Path) -> io::Result<()> {
        let away = self.fresh(&self.trash);
        match fs::rename(path, &away) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        tree::remove_path(&away)
    }
}

/// Gives a directory the owner and mode of another.
fn like(model: &Path, directory: &Path) -> io::Result<()> {
    let model = fs::metadata(model)?;
    std::os::unix::fs::chown(directory, Some(model.uid()), Some(model.gid()))?;
    fs::set_permissions(directory, fs::Permissions::from_mode(model.mode() & 0o7777))
}

fn sync_file_system(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(path)?)?)
}

/// Sums up a tree without following links; depth costs memory for names only.
fn measure(root: &Path) -> io::Result<LayerUsage> {
    let mut usage = LayerUsage::default();
    fs::symlink_metadata(root)?;
    let mut todo = vec![root.to_owned()];
    while let Some(directory) = todo.pop() {
        // What goes away while we look, or lies deeper than a path can say, is not counted.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            usage.bytes += metadata.blocks() * 512;
            usage.inodes += 1;
            if metadata.is_dir() {
                todo.push(entry.path());
            }
        }
    }
    Ok(usage)
}

/// Digests what is read from it.
struct Digesting<R> {
    stream: R,
    hasher: Hasher,
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests;
