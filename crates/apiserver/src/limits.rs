//! The bounds of the API server, in one place.

use std::time::Duration;

/// How long a read waits for a revision that has not come yet.
pub(crate) const FRESHNESS_WAIT: Duration = Duration::from_secs(3);
/// How long a client may take to send a request's body.
pub(crate) const BODY_WAIT: Duration = Duration::from_secs(30);
/// How long a client may take to send a request's head.
pub(crate) const HEAD_WAIT: Duration = Duration::from_secs(30);
/// How long a client may take for the TLS handshake.
pub(crate) const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);
/// How long requests under way may take after the server has been told to stop.
pub(crate) const DRAIN_WAIT: Duration = Duration::from_secs(10);
/// Connections at a time.
pub(crate) const CONNECTIONS: usize = 10_000;
/// HTTP/2 streams of a connection at a time.
pub(crate) const STREAMS: u32 = 1_000;
/// Streams that a client of HTTP/2 may reset before it is cut off (rapid reset).
pub(crate) const RESETS: usize = 200;
/// The flow-control window of an HTTP/2 stream and of a connection, in bytes.
pub(crate) const STREAM_WINDOW: u32 = 1 << 20;
pub(crate) const CONNECTION_WINDOW: u32 = 4 << 20;
/// Bytes buffered for an HTTP/2 stream on the way out.
pub(crate) const SEND_BUFFER: usize = 1 << 20;
/// The largest HTTP/2 frame, in bytes.
pub(crate) const FRAME: u32 = 1 << 18;
/// The head of a request, in bytes.
pub(crate) const HEAD: u32 = 64 << 10;
/// How often an idle watch that takes bookmarks gets one.
pub(crate) const BOOKMARKS: Duration = Duration::from_secs(60);
/// A watch whose client names no end lasts at least so long, and at most twice that.
pub(crate) const WATCH: Duration = Duration::from_secs(1800);
/// Events that a watch takes from history at once.
pub(crate) const WATCH_BATCH: usize = 256;
/// Bytes that a list or a watch puts into one chunk.
pub(crate) const CHUNK: usize = 128 << 10;
/// Answers larger than this are compressed for clients that take it, in bytes.
pub(crate) const COMPRESS_FROM: usize = 128 << 10;
/// How often a patch is tried again on a newer version.
pub(crate) const PATCH_ATTEMPTS: usize = 5;
/// How often a write without a version is tried again on a newer version.
pub(crate) const WRITE_ATTEMPTS: usize = 64;
/// How often another generated name is tried.
pub(crate) const NAME_ATTEMPTS: usize = 8;
/// Deletions of a collection that are under way at once.
pub(crate) const COLLECTION_DELETES: usize = 32;
/// Deletions of a collection that are prepared at once.
pub(crate) const COLLECTION_BATCH: usize = 1024;
/// How often an HTTP/2 client must show that it is there, and how long it may take.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(30);
pub(crate) const KEEP_ALIVE_WAIT: Duration = Duration::from_secs(20);
