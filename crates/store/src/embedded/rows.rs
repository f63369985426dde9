//! The database: one keyspace of rows, written in synced batches.
//!
//! A row's key is a tag and, for an entry, the entry's key; its value is the entry's [`row`]. One more row holds the newest
//! revision and the digest of all entries.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use fjall::compaction::Leveled;
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::digest::Digest;
use super::failure::Failure;
use super::journal::{self, Journal};
use crate::state::{Batch, Map, View, row};
use crate::{AtRest, Entry, EventKind, Revision};

/// The key of the revision's row.
pub(super) const REVISION: [u8; 1] = [b'r'];
const ENTRY: u8 = b'e';
/// The first byte of the revision's row: the layout of all rows.
const FORMAT: u8 = 2;
/// The layout before there were digests.
const WITHOUT_DIGEST: u8 = 1;
/// Values come from the working set, so blocks are only read when the store is opened and when the database compacts.
const CACHE_BYTES: u64 = 1 << 20;
/// How much is collected in the database's memory before it is sorted and written: a compromise between what an idle
/// process holds and how often that happens.
const MEMTABLE_BYTES: u64 = 16 << 20;
/// How large a file of rows becomes. While one is written by a compaction, all of its blocks are in memory.
const TABLE_BYTES: u64 = 16 << 20;
/// The most that the database's journal takes on disk.
const JOURNAL_BYTES: u64 = 128 << 20;
/// How many rows a new database is given at a time.
const FILLED: usize = 256;
/// The file that fjall writes last when it makes a database.
const FINISHED: &str = "version";
/// One flushes while the other compacts, so that writers need not wait for a compaction.
const WORKERS: usize = 2;

/// An open database.
pub(super) struct Rows {
    database: Database,
    entries: Keyspace,
    at_rest: Arc<dyn AtRest>,
}

/// What the revision's row says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Newest {
    pub(super) revision: Revision,
    /// `None`: it was written before there were digests.
    pub(super) digest: Option<Digest>,
}

/// All that there is.
pub(super) struct Loaded {
    pub(super) view: View,
    /// Of the rows.
    pub(super) digest: Digest,
    /// That was written with the newest revision.
    pub(super) written: Option<Digest>,
    /// Whether some of it lies there in another way than it would be written today.
    pub(super) stale: bool,
}

impl Rows {
    /// Opens the database in `dir`, or makes one.
    pub(super) fn open(dir: &Path, at_rest: Arc<dyn AtRest>) -> Result<Self, Failure> {
        let database = Database::builder(dir)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            .worker_threads(WORKERS)
            // A changed byte in what is compressed would end the journal there without a word, instead of a checksum that fails.
            .journal_compression(CompressionType::None)
            .open()?;
        let options = || {
            let tables = Leveled::default().with_table_target_size(TABLE_BYTES);
            KeyspaceCreateOptions::default()
                .max_memtable_size(MEMTABLE_BYTES)
                .compaction_strategy(Arc::new(tables))
        };
        let entries = database.keyspace("entries", options)?;
        Ok(Self {
            database,
            entries,
            at_rest,
        })
    }

    /// The newest revision; 0 in a new database.
    pub(super) fn newest(&self) -> Result<Newest, Failure> {
        match self.entries.get(REVISION)? {
            Some(row) => newest(&row),
            None => Ok(Newest {
                revision: 0,
                digest: Some(Digest::default()),
            }),
        }
    }

    /// Reads everything.
    pub(super) fn load(&self) -> Result<Loaded, Failure> {
        let newest = self.newest()?;
        let revision = newest.revision;
        let mut map = Map::new();
        let mut digest = Digest::default();
        let mut stale = false;
        for row in self.entries.prefix([ENTRY]) {
            let (key, value) = row.into_inner()?;
            let (entry, is_stale) = self.decode(&key, &value)?;
            if entry.modified > revision {
                return Err(Failure::Damaged(format!(
                    "{entry:?} is newer than revision {revision}"
                )));
            }
            digest = digest.with(&entry);
            stale |= is_stale;
            map.insert(entry.key.clone(), Arc::new(entry));
        }
        Ok(Loaded {
            view: View { map, revision },
            digest,
            written: newest.digest,
            stale,
        })
    }

    /// Writes a batch and syncs it. `digest`: that of all entries then.
    pub(super) fn write(&self, batch: &Batch, digest: Digest) -> Result<(), Failure> {
        let mut rows = self
            .database
            .batch()
            .durability(Some(PersistMode::SyncData));
        let mut puts = batch.rows.iter();
        for event in &batch.events {
            let entry = &event.entry;
            let key = key_of(entry);
            match event.kind {
                EventKind::Put => {
                    // Not a copy, unless it is sealed: the database keeps the bytes that readers read.
                    let row = puts.next().cloned().unwrap_or_default();
                    let row = self.sealed(entry)?.unwrap_or(row);
                    rows.insert(&self.entries, key, row);
                }
                EventKind::Delete => rows.remove(&self.entries, key),
            }
        }
        rows.insert(&self.entries, REVISION, newest_row(batch.revision, digest));
        Ok(rows.commit()?)
    }

    /// Writes all that there is into a database that is new.
    pub(super) fn fill(&self, view: &View, digest: Digest) -> Result<(), Failure> {
        let entries: Vec<_> = view.map.values().collect();
        for some in entries.chunks(FILLED) {
            let mut rows = self.database.batch();
            for entry in some {
                let row = match self.sealed(entry)? {
                    Some(row) => row,
                    None => row::encode(&entry.value, None, entry.created, entry.modified),
                };
                rows.insert(&self.entries, key_of(entry), row);
            }
            rows.commit()?;
        }
        let newest = newest_row(view.revision, digest);
        self.entries.insert(REVISION, newest)?;
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    /// The row of an entry whose value lies on disk in another way than readers see it.
    fn sealed(&self, entry: &Entry) -> Result<Option<Bytes>, Failure> {
        let sealed = self.at_rest.seal(&entry.key, &entry.value);
        let sealed = sealed.map_err(|reason| Failure::Sealing {
            key: entry.key.as_ref().to_owned(),
            reason,
        })?;
        Ok(sealed.map(|value| row::encode(&value.into(), None, entry.created, entry.modified)))
    }

    /// An entry, and whether it would be written in another way today.
    fn decode(&self, key: &[u8], row: &[u8]) -> Result<(Entry, bool), Failure> {
        let key = key.get(1..).unwrap_or_default();
        let key = std::str::from_utf8(key)
            .map_err(|error| Failure::Damaged(format!("a key is not text: {error}")))?;
        let Some((created, modified, written)) = row::decode(row) else {
            return Err(Failure::Damaged(format!("the row of {key} is too short")));
        };
        let opened = self.at_rest.open(key, written);
        let opened = opened.map_err(|reason| Failure::Sealed {
            key: key.to_owned(),
            reason,
        })?;
        let value = match opened.value {
            Some(value) => value.into(),
            None => Bytes::copy_from_slice(written),
        };
        Ok((
            Entry::new(key.into(), value, created, modified),
            opened.stale,
        ))
    }

    #[cfg(test)]
    pub(super) fn put_raw(&self, key: &[u8], value: &[u8]) {
        self.entries.insert(key, value).unwrap();
        self.database.persist(PersistMode::SyncAll).unwrap();
    }
}

/// Removes a database whose making was interrupted: the database itself neither opens one nor makes it anew. Only for where nothing
/// was ever acknowledged, and only if nothing is in it.
pub(super) fn clear_unfinished(dir: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::Directory(dir.to_owned(), error);
    let finished = std::fs::metadata(dir.join(FINISHED)).is_ok_and(|file| file.len() > 0);
    if finished || !dir.exists() {
        return Ok(());
    }
    let journals = journal::all(dir).map_err(failed)?;
    if journals.iter().all(Journal::is_blank) {
        std::fs::remove_dir_all(dir).map_err(failed)?;
    }
    Ok(())
}

/// Reads the revision's row.
pub(super) fn newest(row: &[u8]) -> Result<Newest, Failure> {
    match row.split_first() {
        Some((&WITHOUT_DIGEST, rest)) => Ok(Newest {
            revision: number(rest)?,
            digest: None,
        }),
        Some((&FORMAT, rest)) => {
            let (revision, digest) = rest.split_at_checked(8).unwrap_or_default();
            Ok(Newest {
                revision: number(revision)?,
                digest: Some(Digest(number(digest)?)),
            })
        }
        Some((&other, _)) => Err(Failure::Format(other)),
        None => Err(Failure::Damaged("the revision's row is empty".into())),
    }
}

fn key_of(entry: &Entry) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + entry.key.len());
    key.push(ENTRY);
    key.extend_from_slice(entry.key.as_bytes());
    key
}

fn newest_row(revision: Revision, digest: Digest) -> Vec<u8> {
    let mut row = vec![FORMAT];
    row.extend_from_slice(&revision.to_be_bytes());
    row.extend_from_slice(&digest.0.to_be_bytes());
    row
}

fn number(bytes: &[u8]) -> Result<u64, Failure> {
    let bytes = bytes
        .try_into()
        .map_err(|_| Failure::Damaged("a revision is not 8 bytes".into()))?;
    Ok(u64::from_be_bytes(bytes))
}
