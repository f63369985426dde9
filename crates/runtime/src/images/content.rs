//! The content store: blobs, each in a file named by its digest.
//!
//! A blob is written to a temporary file while it is digested, synced, and only then renamed to its name: what has a
//! name is whole. Directories: `blobs/sha256/HEX`, `ingest/`.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::digest::{Digest, Hasher};
use crate::cri::{Error, Result};

/// The largest manifest, index or configuration that is read into memory.
pub(super) const MAX_DOCUMENT: u64 = 4 << 20;

/// Blobs by digest.
#[derive(Debug)]
pub struct Content {
    blobs: PathBuf,
    ingest: PathBuf,
    counter: AtomicU64,
}

impl Content {
    /// Opens the store under `root`, making it if it is not there; drops what an interrupted ingest left.
    pub fn open(root: &Path) -> Result<Self> {
        let (blobs, ingest) = (root.join("blobs/sha256"), root.join("ingest"));
        let prepare = || -> io::Result<()> {
            if ingest.exists() {
                fs::remove_dir_all(&ingest)?;
            }
            fs::create_dir_all(&ingest)?;
            fs::create_dir_all(&blobs)
        };
        prepare()
            .map_err(|e| Error::host(format!("opening the content store {}", root.display()), e))?;
        Ok(Self {
            blobs,
            ingest,
            counter: AtomicU64::new(0),
        })
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(digest.hex())
    }

    /// Bytes of a blob; `None` where it is not here.
    pub fn size(&self, digest: &Digest) -> Option<u64> {
        fs::metadata(self.path(digest)).ok().map(|m| m.len())
    }

    /// A blob to read. Error: `NotFound`.
    pub fn blob(&self, digest: &Digest) -> Result<File> {
        File::open(self.path(digest)).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Error::NotFound(format!("content {digest}")),
            _ => Error::host(format!("opening content {digest}"), e),
        })
    }

    /// A small blob whole, at most 4 MiB. Error: `NotFound`, `Invalid` where it is larger.
    pub fn document(&self, digest: &Digest) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self
            .blob(digest)?
            .take(MAX_DOCUMENT + 1)
            .read_to_end(&mut bytes);
        read.map_err(|e| Error::host(format!("reading content {digest}"), e))?;
        if bytes.len() as u64 > MAX_DOCUMENT {
            return Err(Error::Invalid(format!(
                "content {digest} is larger than {MAX_DOCUMENT} bytes"
            )));
        }
        Ok(bytes)
    }

    /// Begins a blob. Dropping it without [`Ingest::commit`] forgets it.
    pub fn ingest(&self) -> Result<Ingest> {
        let path = self
            .ingest
            .join(self.counter.fetch_add(1, Ordering::Relaxed).to_string());
        let file = File::create(&path).map_err(|e| Error::host("creating content", e))?;
        Ok(Ingest {
            file,
            path,
            hasher: Hasher::default(),
            size: 0,
            blobs: self.blobs.clone(),
        })
    }

    /// Stores bytes at hand.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest> {
        let mut ingest = self.ingest()?;
        ingest
            .write_all(bytes)
            .map_err(|e| Error::host("writing content", e))?;
        Ok(ingest.commit(None)?.0)
    }

    /// Makes the names of all blobs committed so far survive a power failure.
    pub fn sync(&self) -> Result<()> {
        let sync = File::open(&self.blobs).and_then(|dir| dir.sync_all());
        sync.map_err(|e| Error::host("syncing the content store", e))
    }

    /// Removes every blob that `keep` does not want.
    pub fn retain(&self, keep: impl Fn(&Digest) -> bool) -> Result<()> {
        let failed = |e| Error::host("collecting unused content", e);
        for entry in fs::read_dir(&self.blobs).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let digest = entry
                .file_name()
                .to_str()
                .and_then(|name| Digest::from_hex(name).ok());
            if !digest.is_some_and(|d| keep(&d)) {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// A blob being written.
#[derive(Debug)]
pub struct Ingest {
    file: File,
    path: PathBuf,
    hasher: Hasher,
    size: u64,
    blobs: PathBuf,
}

impl Ingest {
    /// Bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Gives the blob its name, once it is synced. Error: `Invalid` if it is not what was expected.
    pub fn commit(mut self, expected: Option<&Digest>) -> Result<(Digest, u64)> {
        let digest = std::mem::take(&mut self.hasher).finish();
        if let Some(expected) = expected.filter(|e| **e != digest) {
            return Err(Error::Invalid(format!(
                "content does not match its digest: expected {expected}, got {digest}"
            )));
        }
        let target = self.blobs.join(digest.hex());
        if !target.exists() {
            let store = self
                .file
                .sync_all()
                .and_then(|()| fs::rename(&self.path, &target));
            store.map_err(|e| Error::host(format!("storing content {digest}"), e))?;
        }
        Ok((digest, self.size))
    }
}

impl Write for Ingest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        // After a commit the name is gone already.
        let _ = fs::remove_file(&self.path);
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_that_does_not_match_its_digest_gets_no_name() {
        let dir = tempfile::tempdir().unwrap();
        let content = Content::open(dir.path()).unwrap();
        let wanted = Digest::of(b"good");
        let mut ingest = content.ingest().unwrap();
        ingest.write_all(b"evil").unwrap();
        assert!(matches!(
            ingest.commit(Some(&wanted)),
            Err(Error::Invalid(_))
        ));
        assert_eq!(content.size(&wanted), None);
        assert_eq!(content.size(&Digest::of(b"evil")), None);
        assert_eq!(fs::read_dir(dir.path().join("ingest")).unwrap().count(), 0);
    }

    #[test]
    fn an_interrupted_ingest_is_forgotten_at_open() {
        let dir = tempfile::tempdir().unwrap();
        let content = Content::open(dir.path()).unwrap();
        let digest = content.put(b"kept").unwrap();
        std::mem::forget(content.ingest().unwrap());
        assert_eq!(fs::read_dir(dir.path().join("ingest")).unwrap().count(), 1);
        let content = Content::open(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("ingest")).unwrap().count(), 0);
        assert_eq!(content.document(&digest).unwrap(), b"kept");
    }

    #[test]
    fn a_document_too_large_for_memory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let content = Content::open(dir.path()).unwrap();
        let digest = content.put(&vec![b' '; MAX_DOCUMENT as usize + 1]).unwrap();
        assert!(matches!(content.document(&digest), Err(Error::Invalid(_))));
    }

    #[test]
    fn retain_removes_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let content = Content::open(dir.path()).unwrap();
        let (a, b) = (content.put(b"a").unwrap(), content.put(b"b").unwrap());
        content.retain(|d| *d == a).unwrap();
        assert_eq!(content.size(&a), Some(1));
        assert_eq!(content.size(&b), None);
    }
}
