//! What can go wrong in a store, apart from a comparison that did not hold, which is an outcome and not an error.

use crate::Revision;

/// The result of a store operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The revision asked for lies before the compaction floor; a client must list anew (HTTP 410).
    #[error("required revision has been compacted: asked for {asked}, oldest is {oldest}")]
    Compacted {
        /// The revision that was asked for.
        asked: Revision,
        /// The oldest revision that can still be served.
        oldest: Revision,
    },
    /// The revision asked for lies in the future and did not come in time.
    #[error("revision {asked} is in the future: current is {current}")]
    Future {
        /// The revision that was asked for.
        asked: Revision,
        /// The newest committed revision.
        current: Revision,
    },
    /// A key or a value is larger than the store takes, or a transaction holds too many operations.
    #[error("too large: {0}")]
    TooLarge(String),
    /// The disk or the remote store failed. Nothing of the transaction was acknowledged.
    #[error("storage failed: {0}")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

impl Error {
    /// What a backend failed with.
    pub(crate) fn backend(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Backend(source.into())
    }
}
