//! Keys, bytes and revisions: the Store trait, its conformance suite and its backends.
//!
//! The store knows nothing of Kubernetes. What makes it more than a map:
//!
//! * every committed transaction gets one revision, greater than all before it;
//! * it keeps its working set in memory, so reads are snapshots that never wait for a writer;
//! * a value may carry a *stamp*: a place where the store splices in the revision that wrote it, so that readers
//!   get bytes that are complete and need no encoding;
//! * history back to the compaction floor can be ranged over and watched.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod at_rest;
#[cfg(feature = "conformance")]
pub mod conformance;
mod double;
mod embedded;
mod entry;
mod error;
mod state;
mod store;

pub use at_rest::{AtRest, Opened, Plain};
pub use double::Memory;
pub use embedded::{Embedded, Options};
pub use entry::{Entry, Event, EventKind};
pub use error::{Error, Result};
pub use state::{MAX_KEY, MAX_OPS, MAX_TRANSACTION};
pub use store::{
    Committed, Compare, Op, Page, Range, Snapshot, Status, Store, Transaction, TxnOutcome, Watch,
};

/// A point in the history of the store. Revision 0 is before every write; the first write has revision 1.
pub type Revision = u64;
