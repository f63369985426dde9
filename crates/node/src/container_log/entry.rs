//! One entry of a log: `2024-10-06T00:17:09.669794202Z stdout F text`.

use jiff::Timestamp;

/// An entry, its newline cut off.
pub(super) struct Entry<'a> {
    pub(super) stamp: &'a [u8],
    pub(super) stream: &'a [u8],
    pub(super) partial: bool,
    pub(super) text: &'a [u8],
}

/// `None`: no entry. Whoever wrote it, it must not break the reader.
pub(super) fn parse(line: &[u8]) -> Option<Entry<'_>> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let mut parts = line.splitn(4, |b| *b == b' ');
    let (stamp, stream, tag) = (parts.next()?, parts.next()?, parts.next()?);
    let text = parts.next().unwrap_or_default();
    let partial = tag.split(|b| *b == b':').next() == Some(b"P");
    Some(Entry {
        stamp,
        stream,
        partial,
        text,
    })
}

impl Entry<'_> {
    pub(super) fn time(&self) -> Option<Timestamp> {
        std::str::from_utf8(self.stamp).ok()?.parse().ok()
    }
}
