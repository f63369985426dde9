//! Compression of large answers, chunk by chunk.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The compressed form of an iterator of chunks.
pub(crate) struct Gzip<I> {
    chunks: Option<I>,
    encoder: GzEncoder<Vec<u8>>,
}

impl<I: Iterator<Item = Bytes>> Gzip<I> {
    pub(crate) fn new(chunks: I) -> Self {
        Self {
            chunks: Some(chunks),
            encoder: GzEncoder::new(Vec::new(), Compression::fast()),
        }
    }
}

impl<I: Iterator<Item = Bytes>> Iterator for Gzip<I> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let chunks = self.chunks.as_mut()?;
        for chunk in chunks {
            // Writing to memory cannot fail.
            let _ = self.encoder.write_all(&chunk);
            if !self.encoder.get_ref().is_empty() {
                return Some(std::mem::take(self.encoder.get_mut()).into());
            }
        }
        self.chunks = None;
        let _ = self.encoder.try_finish();
        Some(std::mem::take(self.encoder.get_mut()).into())
    }
}
