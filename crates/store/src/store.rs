//! The trait that every backend implements, and the words it is spoken to in.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Entry, Event, Result, Revision};

/// A condition of a transaction.
#[derive(Debug, Clone)]
pub enum Compare {
    /// The key does not exist.
    Absent(Arc<str>),
    /// The key exists and was last written at this revision.
    Modified(Arc<str>, Revision),
}

/// A change that a transaction makes.
#[derive(Debug, Clone)]
pub enum Op {
    /// Writes a key.
    Put {
        /// The key.
        key: Arc<str>,
        /// The value, without the revision.
        value: Bytes,
        /// The byte offset in `value` at which the decimal revision is spliced in, if any.
        stamp: Option<u32>,
    },
    /// Deletes a key. Deleting what does not exist changes nothing.
    Delete {
        /// The key.
        key: Arc<str>,
        /// The final value that watchers see with the delete event, and its stamp; `None`: the last value as it was.
        last: Option<(Bytes, Option<u32>)>,
    },
}

/// Conditions and changes that happen together or not at all. All of its changes share one revision.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// All must hold.
    pub compare: Vec<Compare>,
    /// Made in order if they hold.
    pub ops: Vec<Op>,
}

/// What a committed transaction did. It is durable.
#[derive(Debug)]
pub struct Committed {
    /// Its revision.
    pub revision: Revision,
    /// For each op the entry it wrote; for a delete, the final version watchers saw, or `None` if there was nothing.
    pub entries: Vec<Option<Arc<Entry>>>,
}

/// How a transaction ended.
#[derive(Debug)]
pub enum TxnOutcome {
    /// All conditions held; the changes are durable.
    Committed(Committed),
    /// A condition did not hold; nothing changed. Holds the current version of the key of the first that failed.
    Failed(Option<Arc<Entry>>),
}

/// Which keys to read.
#[derive(Debug, Clone, Default)]
pub struct Range {
    /// Keys that begin with this.
    pub prefix: String,
    /// Only keys strictly greater than this one: where the last page ended.
    pub after: Option<String>,
    /// At most so many entries; 0: all.
    pub limit: usize,
}

/// A part of a range, in the order of the keys.
#[derive(Debug, Clone)]
pub struct Page {
    /// The revision of the snapshot it was read from.
    pub revision: Revision,
    /// The entries.
    pub entries: Vec<Arc<Entry>>,
    /// Whether entries follow the last one.
    pub more: bool,
    /// How many entries follow the last one of this page.
    pub remaining: usize,
}

/// The keys of one moment. Costs nothing to hold for a short time; reading it blocks nobody.
pub trait Snapshot: Send + Sync {
    /// The revision of the moment.
    fn revision(&self) -> Revision;
    /// One key.
    fn get(&self, key: &str) -> Option<Arc<Entry>>;
    /// Many keys.
    fn range(&self, range: &Range) -> Page;
    /// Calls `visit` with each entry under `prefix` after `after`, in order, until it answers `false`. For filters.
    fn scan(&self, prefix: &str, after: Option<&str>, visit: &mut dyn FnMut(&Arc<Entry>) -> bool);
    /// How many keys begin with `prefix`.
    fn count(&self, prefix: &str) -> usize;
}

/// A stream of changes under a prefix, in the order of their revisions, none left out.
///
/// It is a cursor into shared history, so it has no queue of its own: a reader that falls behind the compaction floor
/// gets [`Error::Compacted`](crate::Error::Compacted) and must list anew.
pub trait Watch: Send {
    /// Waits for changes and appends them to `events`, at most `max`. Cancel-safe. Answers the revision up to
    /// which this watch has now seen everything (which moves on even where nothing under the prefix changed).
    fn next<'a>(
        &'a mut self,
        events: &'a mut Vec<Arc<Event>>,
        max: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Revision>> + Send + 'a>>;

    /// The revision up to which everything has been seen, without waiting.
    fn seen(&self) -> Revision;

    /// Moves `seen` up to the store's present revision if nothing under the prefix is outstanding, and answers it.
    /// For bookmarks.
    fn progress(&mut self) -> Revision;
}

/// How the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The newest committed revision.
    pub revision: Revision,
    /// The compaction floor: the oldest revision that can be read or watched from.
    pub compacted: Revision,
    /// How many keys there are.
    pub keys: usize,
    /// Bytes on disk, as far as known.
    pub disk_bytes: u64,
}

/// A durable, versioned map of keys to bytes.
#[async_trait::async_trait]
pub trait Store: Send + Sync {
    /// The newest committed state. Never waits for a writer.
    fn snapshot(&self) -> Arc<dyn Snapshot>;

    /// The state at `revision`. Errors: `Compacted`, `Future`.
    fn snapshot_at(&self, revision: Revision) -> Result<Arc<dyn Snapshot>>;

    /// The state at `revision` of the bucket that `prefix` lies in; what it says of other buckets means nothing.
    /// Cheaper than [`Store::snapshot_at`], and not `Compacted` because another bucket's history has been flooded.
    /// For the later pages of a list.
    fn snapshot_within(&self, prefix: &str, revision: Revision) -> Result<Arc<dyn Snapshot>> {
        let _ = prefix;
        self.snapshot_at(revision)
    }

    /// Checks and applies a transaction; answers once it is durable. Many callers' transactions share a sync.
    async fn commit(&self, transaction: Transaction) -> Result<TxnOutcome>;

    /// Changes under `prefix` after revision `after`. Errors: `Compacted`, `Future`. The prefix holds at least the
    /// bucket and its `/`.
    fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>>;

    /// Forgets history up to `revision`: reads and watches from before it get `Compacted`.
    async fn compact(&self, revision: Revision) -> Result<()>;

    /// How the store is.
    fn status(&self) -> Status;

    /// Waits until `revision` is committed. For reads that must not be older.
    async fn reached(&self, revision: Revision) -> Result<()>;
}
