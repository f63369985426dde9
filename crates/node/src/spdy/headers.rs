//! Header blocks: names and values, compressed with one stream of zlib a direction, primed with SPDY's dictionary.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

static DICTIONARY: &[u8] = include_bytes!("dictionary.bin");

/// A header block may not unpack to more.
const MAX_BLOCK: usize = 64 * 1024;
const MAX_HEADERS: u32 = 256;

/// Reads what the client compressed.
pub(super) struct Reader(Decompress);

/// A header block that is none.
#[derive(Debug, thiserror::Error)]
#[error("a header block cannot be read: {0}")]
pub(super) struct HeaderError(&'static str);

impl Reader {
    pub(super) fn new() -> Self {
        Self(Decompress::new(true))
    }

    /// Headers with lower-case names.
    pub(super) fn read(&mut self, block: &[u8]) -> Result<BTreeMap<String, String>, HeaderError> {
        parse(self.inflate(block)?)
    }

    fn inflate(&mut self, mut block: &[u8]) -> Result<Bytes, HeaderError> {
        let mut out = Vec::with_capacity(1024);
        loop {
            if out.len() >= MAX_BLOCK {
                return Err(HeaderError("it is too large"));
            }
            out.reserve(1024);
            let (before, room) = (self.0.total_in(), out.capacity() - out.len());
            let written = self.0.total_out();
            let result = self
                .0
                .decompress_vec(block, &mut out, FlushDecompress::Sync);
            let taken = usize::try_from(self.0.total_in() - before).unwrap_or(0);
            block = block.get(taken..).unwrap_or_default();
            match result {
                Err(error) if error.needs_dictionary().is_some() => {
                    self.0
                        .set_dictionary(DICTIONARY)
                        .map_err(|_| HeaderError("its dictionary is another"))?;
                }
                Err(_) => return Err(HeaderError("it is not compressed as it should be")),
                Ok(Status::StreamEnd) => return Ok(out.into()),
                Ok(_) => {
                    let made = usize::try_from(self.0.total_out() - written).unwrap_or(0);
                    if block.is_empty() && made < room {
                        return Ok(out.into());
                    }
                    if taken == 0 && made == 0 {
                        return Err(HeaderError("it ends within"));
                    }
                }
            }
        }
    }
}

fn parse(mut block: Bytes) -> Result<BTreeMap<String, String>, HeaderError> {
    let text = |block: &mut Bytes| {
        let short = || HeaderError("it is cut off");
        let length = if block.len() < 4 {
            Err(short())
        } else {
            Ok(block.get_u32() as usize)
        }?;
        if block.len() < length {
            return Err(short());
        }
        Ok(String::from_utf8_lossy(&block.split_to(length)).into_owned())
    };
    if block.len() < 4 {
        return Err(HeaderError("it is cut off"));
    }
    let count = block.get_u32();
    if count > MAX_HEADERS {
        return Err(HeaderError("it has too many headers"));
    }
    let mut headers = BTreeMap::new();
    for _ in 0..count {
        let name = text(&mut block)?;
        headers.insert(name.to_lowercase(), text(&mut block)?);
    }
    Ok(headers)
}

/// Compresses what we send.
pub(super) struct Writer(Compress);

impl Writer {
    pub(super) fn new() -> Self {
        let mut compress = Compress::new(Compression::fast(), true);
        // Fails only in the middle of a stream.
        let _ = compress.set_dictionary(DICTIONARY);
        Self(compress)
    }

    pub(super) fn write(&mut self, headers: &[(&str, &str)]) -> Result<Vec<u8>, HeaderError> {
        let mut plain = BytesMut::new();
        plain.put_u32(headers.len() as u32);
        for (name, value) in headers {
            for text in [name, value] {
                plain.put_u32(text.len() as u32);
                plain.put_slice(text.as_bytes());
            }
        }
        // Large enough for any block of ours, with zlib's overhead.
        let mut out = Vec::with_capacity(plain.len() + 256);
        self.0
            .compress_vec(&plain, &mut out, FlushCompress::Sync)
            .map_err(|_| HeaderError("it could not be compressed"))?;
        Ok(out)
    }
}
