//! The body of an answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body::{Body, Frame, SizeHint};

pub(crate) use super::gzip::Gzip;

/// What comes from elsewhere ended there before its end. The client's connection or stream is reset, so that it does not take what it
/// has for all.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off where it comes from")]
pub struct BrokenOff(#[source] pub(crate) Box<dyn std::error::Error + Send + Sync>);

/// What comes as it comes.
pub(crate) type ChunkStream = Pin<Box<dyn Stream<Item = Result<Bytes, BrokenOff>> + Send>>;

/// Bytes that are there, are made as they are taken, or come when something happens.
pub enum ReplyBody {
    /// All of it.
    Full(Bytes),
    /// Made as it is taken. The length where it is known.
    Chunks(Box<dyn Iterator<Item = Bytes> + Send>, Option<u64>),
    /// Comes as it comes.
    Stream(ChunkStream),
}

impl ReplyBody {
    /// Nothing.
    pub fn empty() -> Self {
        Self::Full(Bytes::new())
    }

    /// The same, but what comes as it comes ends with `end` at the latest.
    pub(crate) fn until(self, end: impl Future<Output = ()> + Send + 'static) -> Self {
        match self {
            Self::Stream(stream) => Self::Stream(Box::pin(stream.take_until(end))),
            other => other,
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let next = match self.get_mut() {
            Self::Full(bytes) if bytes.is_empty() => None,
            Self::Full(bytes) => Some(Ok(std::mem::take(bytes))),
            Self::Chunks(chunks, left) => {
                let chunk = chunks.next();
                if let (Some(left), Some(chunk)) = (left, &chunk) {
                    *left = left.saturating_sub(chunk.len() as u64);
                }
                chunk.map(Ok)
            }
            Self::Stream(stream) => std::task::ready!(stream.as_mut().poll_next(cx)),
        };
        Poll::Ready(next.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Chunks(_, Some(length)) => SizeHint::with_exact(*length),
            _ => SizeHint::default(),
        }
    }
}
