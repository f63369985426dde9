//! A document of megabytes that is rarely read.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::discovery::hash;

/// A document in compressed form, which is a tenth of it and what most clients take.
pub(crate) struct Kept {
    pub(crate) gzip: Bytes,
    /// What the document itself amounts to.
    pub(crate) hash: String,
}

impl Kept {
    pub(super) fn json(value: &Value) -> Self {
        Self::new(value.to_string().as_bytes())
    }

    pub(super) fn new(document: &[u8]) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        // Writing to memory cannot fail.
        let _ = encoder.write_all(document);
        Self {
            gzip: encoder.finish().unwrap_or_default().into(),
            hash: hash(document),
        }
    }

    /// The document itself.
    pub(crate) fn unpacked(&self) -> Bytes {
        let mut document = Vec::new();
        // It was packed here.
        let _ = GzDecoder::new(&*self.gzip).read_to_end(&mut document);
        document.into()
    }
}
