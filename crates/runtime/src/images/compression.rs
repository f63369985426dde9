//! Reading gzip, zstd and plain streams alike: what they are is told by their first bytes, not by their media type.

use std::io::{self, BufRead, BufReader, Read};

/// Bytes a zstd frame may want to look back: 128 MiB, what `zstd` itself accepts without asking.
const MAX_ZSTD_WINDOW_LOG: u32 = 27;
const BUFFER: usize = 128 << 10;

/// The content of a stream, whatever it is compressed with.
pub(super) fn decompress<'a>(stream: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut stream = BufReader::with_capacity(BUFFER, stream);
    // A short first read would hide the magic number; the first four bytes are read for sure.
    let mut magic = [0; 4];
    let mut read = 0;
    while read < magic.len() {
        match stream.read(&mut magic[read..])? {
            0 => break,
            n => read += n,
        }
    }
    let whole = BufReader::with_capacity(
        BUFFER,
        io::Cursor::new(magic).take(read as u64).chain(stream),
    );
    match magic {
        [0x1f, 0x8b, ..] => Ok(Box::new(flate2::bufread::MultiGzDecoder::new(whole))),
        [0x28, 0xb5, 0x2f, 0xfd] => zstd_decoder(whole),
        _ => Ok(Box::new(whole)),
    }
}

fn zstd_decoder<'a>(stream: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(stream)?;
    decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
    Ok(Box::new(decoder))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn check(stream: &[u8]) {
        let mut out = String::new();
        decompress(stream)
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        assert_eq!(out, "content");
    }

    #[test]
    fn gzip_zstd_and_plain_are_told_apart() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"content").unwrap();
        check(&gzip.finish().unwrap());
        check(&zstd::encode_all(&b"content"[..], 1).unwrap());
        check(b"content");
    }

    #[test]
    fn a_stream_shorter_than_a_magic_number_is_plain() {
        let mut out = Vec::new();
        decompress(&b"ab"[..])
            .unwrap()
            .read_to_end(&mut out)
            .unwrap();
        assert_eq!(out, b"ab");
    }
}
