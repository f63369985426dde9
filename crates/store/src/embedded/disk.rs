//! What lies on disk: one keyspace of rows, written in synced batches.
//!
//! A row's key is a tag and, for an entry, the entry's key; its value is the created and the modified revision (8
//! bytes each, big endian) and the entry's value as readers see it. One more row holds the newest revision.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::state::{Batch, Map, View};
use crate::{Entry, EventKind, Revision};

const ENTRY: u8 = b'e';
const REVISION: [u8; 1] = [b'r'];
/// The first byte of the revision's row: the layout of all rows.
const FORMAT: u8 = 1;
/// Values come from the working set, so blocks are only read when the store is opened and when the database compacts.
const CACHE_BYTES: u64 = 1 << 20;
/// How much is collected in the database's memory before it is sorted and written: a compromise between what an idle
/// process holds and how often that happens.
const MEMTABLE_BYTES: u64 = 16 << 20;
/// The most that the database's journal takes on disk.
const JOURNAL_BYTES: u64 = 128 << 20;

/// One flushes while the other compacts, so that writers need not wait for a compaction.
const WORKERS: usize = 2;

/// Why the disk did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("another process has {} open; stop it, or use another directory", .0.display())]
    Locked(PathBuf),
    #[error("cannot use {}", .0.display())]
    Directory(PathBuf, #[source] io::Error),
    #[error("the database failed: {0}")]
    Database(#[from] fjall::Error),
    #[error("the store is damaged: {0}")]
    Damaged(String),
    #[error("the store was written by another version (layout {0})")]
    Format(u8),
    #[error(
        "after a failure the disk is at revision {disk}, memory at {memory}: restart to recover"
    )]
    Diverged { disk: Revision, memory: Revision },
}

/// An open database.
struct Rows {
    database: Database,
    entries: Keyspace,
}

/// The directory, locked for as long as this lives.
pub(super) struct Disk {
    dir: PathBuf,
    /// `None` after a failure, until it can be opened again.
    rows: Option<Rows>,
    _lock: File,
}

impl Disk {
    /// Opens and reads everything.
    pub(super) fn open(dir: &Path) -> Result<(Self, View), Failure> {
        let lock = lock(dir)?;
        let rows = Rows::open(dir)?;
        let view = rows.load()?;
        Ok((
            Self {
                dir: dir.to_owned(),
                rows: Some(rows),
                _lock: lock,
            },
            view,
        ))
    }

    /// Makes a batch durable. After an error nothing of it is, or the disk refuses to go on.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), Failure> {
        let base = batch
            .events
            .first()
            .map_or(batch.revision, |event| event.revision - 1);
        // Taken out, so that a failure leaves none: the database's own state is not known then.
        let rows = match self.rows.take() {
            Some(rows) => rows,
            None => self.reopen(base)?,
        };
        rows.write(batch)?;
        self.rows = Some(rows);
        Ok(())
    }

    /// Opens the database anew after a failure. What was read from it before must be what is there now.
    fn reopen(&self, memory: Revision) -> Result<Rows, Failure> {
        let rows = Rows::open(&self.dir)?;
        let disk = rows.revision()?;
        if disk == memory {
            Ok(rows)
        } else {
            Err(Failure::Diverged { disk, memory })
        }
    }
}

#[cfg(test)]
impl Disk {
    /// As after a failed commit.
    pub(super) fn fail(&mut self) {
        self.rows = None;
    }

    /// Writes a row as it is.
    pub(super) fn put_raw(&mut self, key: &[u8], value: &[u8]) {
        let rows = self.rows.as_ref().unwrap();
        rows.entries.insert(key, value).unwrap();
        rows.database.persist(PersistMode::SyncAll).unwrap();
    }
}

impl Rows {
    fn open(dir: &Path) -> Result<Self, Failure> {
        let database = Database::builder(dir.join("rows"))
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            .worker_threads(WORKERS)
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let entries = database.keyspace("entries", options)?;
        Ok(Self { database, entries })
    }

    fn revision(&self) -> Result<Revision, Failure> {
        let Some(row) = self.entries.get(REVISION)? else {
            return Ok(0);
        };
        match row.split_first() {
            Some((&FORMAT, rest)) => number(rest),
            Some((&other, _)) => Err(Failure::Format(other)),
            None => Err(Failure::Damaged("the revision's row is empty".into())),
        }
    }

    fn load(&self) -> Result<View, Failure> {
        let revision = self.revision()?;
        let mut map = Map::new();
        for row in self.entries.prefix([ENTRY]) {
            let (key, value) = row.into_inner()?;
            let entry = decode(&key, &value)?;
            if entry.modified > revision {
                return Err(Failure::Damaged(format!(
                    "{entry:?} is newer than revision {revision}"
                )));
            }
            map.insert(entry.key.clone(), Arc::new(entry));
        }
        Ok(View { map, revision })
    }

    fn write(&self, batch: &Batch) -> Result<(), Failure> {
        let mut rows = self
            .database
            .batch()
            .durability(Some(PersistMode::SyncData));
        for event in &batch.events {
            let entry = &event.entry;
            let mut key = Vec::with_capacity(1 + entry.key.len());
            key.push(ENTRY);
            key.extend_from_slice(entry.key.as_bytes());
            match event.kind {
                EventKind::Put => rows.insert(&self.entries, key, encode(entry)),
                EventKind::Delete => rows.remove(&self.entries, key),
            }
        }
        let mut newest = vec![FORMAT];
        newest.extend_from_slice(&batch.revision.to_be_bytes());
        rows.insert(&self.entries, REVISION, newest);
        Ok(rows.commit()?)
    }
}

/// Makes the directory and takes its lock, which the kernel gives back when the process ends however it ends.
fn lock(dir: &Path) -> Result<File, Failure> {
    let failed = |error| Failure::Directory(dir.to_owned(), error);
    std::fs::create_dir_all(dir).map_err(failed)?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join("LOCK"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::Locked(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Bytes that the files below `dir` take on disk, as far as they can be looked at.
pub(super) fn bytes(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(files) = std::fs::read_dir(dir) else {
        return 0;
    };
    files
        .flatten()
        .filter_map(|file| {
            let meta = file.metadata().ok()?;
            Some(if meta.is_dir() {
                bytes(&file.path())
            } else {
                meta.blocks() * 512
            })
        })
        .sum()
}

fn encode(entry: &Entry) -> Vec<u8> {
    let mut row = Vec::with_capacity(16 + entry.value.len());
    row.extend_from_slice(&entry.created.to_be_bytes());
    row.extend_from_slice(&entry.modified.to_be_bytes());
    row.extend_from_slice(&entry.value);
    row
}

fn decode(key: &[u8], row: &[u8]) -> Result<Entry, Failure> {
    let key = key.get(1..).unwrap_or_default();
    let key = std::str::from_utf8(key)
        .map_err(|error| Failure::Damaged(format!("a key is not text: {error}")))?;
    let Some((created, rest)) = row.split_at_checked(8) else {
        return Err(Failure::Damaged(format!("the row of {key} is too short")));
    };
    let Some((modified, value)) = rest.split_at_checked(8) else {
        return Err(Failure::Damaged(format!("the row of {key} is too short")));
    };
    Ok(Entry::new(
        key.into(),
        Bytes::copy_from_slice(value),
        number(created)?,
        number(modified)?,
    ))
}

fn number(bytes: &[u8]) -> Result<Revision, Failure> {
    let bytes = bytes
        .try_into()
        .map_err(|_| Failure::Damaged("a revision is not 8 bytes".into()))?;
    Ok(Revision::from_be_bytes(bytes))
}
