//! Reading tar streams from strangers.
//!
//! The fields of a header are parsed by the `tar` crate. Its iterator is not used: it keeps extension headers of any size in
//! memory, and it cuts the values of extended attributes at line feeds, which `security.capability` may contain.

use std::io::{self, Read};

use tar::{EntryType, Header};

const BLOCK: usize = 512;
/// Bytes of the extension headers of one entry: a path, a link and extended attributes. The kernel's own bound for an
/// attribute's value is 64 KiB.
const MAX_EXTENSIONS: u64 = 1 << 20;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Symlink,
    Hardlink,
    CharDevice,
    BlockDevice,
    Fifo,
}

/// The head of an entry. Its data is what [`Tarball::read`] yields until the next one is asked for.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    /// Seconds since the epoch.
    pub(super) mtime: i64,
    /// Nanoseconds beside them.
    pub(super) mtime_nanos: u32,
    pub(super) device: (u32, u32),
    /// Names and values of extended attributes.
    pub(super) xattrs: Vec<(String, Vec<u8>)>,
}

/// What extension headers say of the entry that follows.
#[derive(Debug, Default)]
struct Extensions {
    bytes: u64,
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<(i64, u32)>,
    xattrs: Vec<(String, Vec<u8>)>,
}

/// A tar stream, read once from front to back.
pub(super) struct Tarball<R> {
    stream: R,
    /// Bytes of the current entry's data not read yet.
    data: u64,
    /// Bytes up to the next header after them.
    padding: u64,
    ended: bool,
}

pub(super) fn malformed(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

impl<R: Read> Tarball<R> {
    pub(super) fn new(stream: R) -> Self {
        Self {
            stream,
            data: 0,
            padding: 0,
            ended: false,
        }
    }

    /// The next entry; what is left of the last one is skipped. `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut extensions = Extensions::default();
        loop {
            let Some(header) = self.header()? else {
                return if extensions.bytes == 0 {
                    Ok(None)
                } else {
                    Err(malformed("tar: extension without an entry"))
                };
            };
            let size = filled(&header.as_old().size, header.entry_size())?;
            self.begin(size);
            match header.entry_type() {
                EntryType::XHeader | EntryType::GNULongName | EntryType::GNULongLink => {
                    let bytes = self.extension(size, &mut extensions)?;
                    extensions.take(header.entry_type(), bytes)?;
                }
                // Global headers carry comments (as git's commit) and defaults; no builder of images relies on the latter.
                EntryType::XGlobalHeader => drop(self.extension(size, &mut extensions)?),
                _ => {
                    let size = extensions.size.unwrap_or(size);
                    let entry = entry(&header, size, extensions)?;
                    // The size of anything else says nothing of data: as Go's reader, and those that write for it, have it.
                    self.begin(if entry.kind == Kind::File {
                        entry.size
                    } else {
                        0
                    });
                    return Ok(Some(entry));
                }
            }
        }
    }

    /// Reads what is left of the stream, so that all of it passes whoever digests it.
    pub(super) fn drain(mut self, limit: u64) -> io::Result<()> {
        let drained = io::copy(&mut (&mut self.stream).take(limit), &mut io::sink())?;
        if drained == limit {
            Err(malformed("tar: too much data after the end"))
        } else {
            Ok(())
        }
    }

    fn begin(&mut self, size: u64) {
        self.data = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn header(&mut self) -> io::Result<Option<Header>> {
        let rest = self.data.saturating_add(self.padding);
        let skipped = io::copy(&mut (&mut self.stream).take(rest), &mut io::sink())?;
        if skipped < rest {
            return Err(malformed("tar: unexpected end of data"));
        }
        self.begin(0);
        if self.ended {
            return Ok(None);
        }
        let mut block = [0; BLOCK];
        let read = read_block(&mut self.stream, &mut block)?;
        if read == 0 || (read == BLOCK && block.iter().all(|b| *b == 0)) {
            self.ended = true;
            return Ok(None);
        }
        if read < BLOCK {
            return Err(malformed("tar: unexpected end of a header"));
        }
        let header = Header::from_byte_slice(&block).clone();
        let sum = |b: &[u8]| b.iter().map(|b| u32::from(*b)).sum::<u32>();
        let expected = sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..]);
        match header.cksum() {
            Ok(found) if found == expected => Ok(Some(header)),
            _ => Err(malformed(
                "tar: a header's checksum does not match: this is no tar archive, or a broken one",
            )),
        }
    }

    fn extension(&mut self, size: u64, extensions: &mut Extensions) -> io::Result<Vec<u8>> {
        extensions.bytes = extensions.bytes.saturating_add(size).saturating_add(1);
        if extensions.bytes > MAX_EXTENSIONS {
            return Err(malformed(format!(
                "tar: extension headers of one entry exceed {MAX_EXTENSIONS} bytes"
            )));
        }
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl<R: Read> Read for Tarball<R> {
    /// The data of the current entry.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.data)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        match self.stream.read(&mut buffer[..wanted])? {
            0 => Err(malformed("tar: unexpected end of data")),
            n => {
                self.data -= n as u64;
                Ok(n)
            }
        }
    }
}

fn read_block(stream: &mut impl Read, block: &mut [u8; BLOCK]) -> io::Result<usize> {
    let mut read = 0;
    while read < BLOCK {
        match stream.read(&mut block[read..]) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(read)
}

fn entry(header: &Header, size: u64, extensions: Extensions) -> io::Result<Entry> {
    let kind = kind(header)?;
    let path = extensions
        .path
        .unwrap_or_else(|| header.path_bytes().into_owned());
    let link = extensions
        .link
        .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned))
        .unwrap_or_default();
    let old = header.as_old();
    let (mtime, mtime_nanos) = match extensions.mtime {
        Some(mtime) => mtime,
        None => (
            i64::try_from(filled(&old.mtime, header.mtime())?).unwrap_or(0),
            0,
        ),
    };
    // Old archives mark a directory only by the slash at its end.
    let kind = if kind == Kind::File && path.ends_with(b"/") {
        Kind::Directory
    } else {
        kind
    };
    let device = match kind {
        Kind::CharDevice | Kind::BlockDevice => (
            header.device_major()?.unwrap_or(0),
            header.device_minor()?.unwrap_or(0),
        ),
        _ => (0, 0),
    };
    Ok(Entry {
        path,
        link,
        kind,
        size,
        mode: filled(&old.mode, header.mode())? & 0o7777,
        uid: extensions
            .uid
            .map_or_else(|| filled(&old.uid, header.uid()), Ok)?,
        gid: extensions
            .gid
            .map_or_else(|| filled(&old.gid, header.gid()), Ok)?,
        mtime,
        mtime_nanos,
        device,
        xattrs: extensions.xattrs,
    })
}

/// A number's field that was left blank means zero, as Go's and GNU's readers have it.
fn filled<T: Default>(field: &[u8], parsed: io::Result<T>) -> io::Result<T> {
    if field.iter().all(|b| matches!(b, 0 | b' ')) {
        return Ok(T::default());
    }
    parsed
}

fn kind(header: &Header) -> io::Result<Kind> {
    Ok(match header.entry_type() {
        EntryType::Regular | EntryType::Continuous => Kind::File,
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink,
        EntryType::Link => Kind::Hardlink,
        EntryType::Char => Kind::CharDevice,
        EntryType::Block => Kind::BlockDevice,
        EntryType::Fifo => Kind::Fifo,
        other => {
            let what = char::from(other.as_byte());
            return Err(malformed(format!(
                "tar: entries of type {what:?} are not supported"
            )));
        }
    })
}

impl Extensions {
    fn take(&mut self, kind: EntryType, mut bytes: Vec<u8>) -> io::Result<()> {
        match kind {
            EntryType::XHeader => return self.take_records(&bytes),
            EntryType::GNULongName => self.path = Some(trim_nul(&mut bytes)),
            _ => self.link = Some(trim_nul(&mut bytes)),
        }
        Ok(())
    }

    /// `LENGTH KEY=VALUE\n` records; the length counts all of the record and is the only thing that ends it.
    fn take_records(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (record, rest) =
                split_record(bytes).ok_or_else(|| malformed("tar: malformed extended header"))?;
            bytes = rest;
            let Some(at) = record.iter().position(|b| *b == b'=') else {
                return Err(malformed("tar: malformed extended header"));
            };
            let key = std::str::from_utf8(&record[..at])
                .map_err(|_| malformed("tar: malformed extended header"))?;
            self.take_record(key, &record[at + 1..])?;
        }
        Ok(())
    }

    fn take_record(&mut self, key: &str, value: &[u8]) -> io::Result<()> {
        match key {
            "path" => self.path = Some(value.to_vec()),
            "linkpath" => self.link = Some(value.to_vec()),
            "size" => self.size = Some(number(value)?),
            "uid" => self.uid = Some(number(value)?),
            "gid" => self.gid = Some(number(value)?),
            "mtime" => self.mtime = Some(time(value)?),
            _ if key.starts_with("GNU.sparse.") => {
                return Err(malformed("tar: sparse files are not supported"));
            }
            _ => {
                if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                    self.xattrs.push((name.to_owned(), value.to_vec()));
                }
            }
        }
        Ok(())
    }
}

fn split_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|b| *b == b' ')?;
    let length = usize::try_from(number(&bytes[..space]).ok()?).ok()?;
    if length <= space + 1 || length > bytes.len() || bytes[length - 1] != b'\n' {
        return None;
    }
    Some((&bytes[space + 1..length - 1], &bytes[length..]))
}

fn number(text: &[u8]) -> io::Result<u64> {
    let number = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
    number.ok_or_else(|| malformed("tar: malformed number in an extended header"))
}

/// `SECONDS[.FRACTION]`, possibly negative.
fn time(text: &[u8]) -> io::Result<(i64, u32)> {
    let bad = || malformed("tar: malformed time in an extended header");
    let text = std::str::from_utf8(text).map_err(|_| bad())?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = seconds.parse().map_err(|_| bad())?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    let digits: String = fraction
        .chars()
        .chain(std::iter::repeat('0'))
        .take(9)
        .collect();
    let nanos: u32 = digits.parse().map_err(|_| bad())?;
    // The fraction of a time before the epoch counts away from it.
    if text.starts_with('-') && nanos > 0 {
        Ok((seconds.saturating_sub(1), 1_000_000_000 - nanos))
    } else {
        Ok((seconds, nanos))
    }
}

fn trim_nul(bytes: &mut Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    std::mem::take(bytes)
}

#[cfg(test)]
mod tests;
