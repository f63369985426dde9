//! Netlink attributes: length, type and value, which may be attributes again.

use std::collections::HashMap;

use rtnetlink::packet_core::{NLA_F_NESTED, NLA_F_NET_BYTEORDER};

/// What one attribute's length can say.
pub(super) const MAX_LENGTH: usize = u16::MAX as usize;
/// A length and a type.
const HEADER: usize = 4;
/// What a type says beside.
const FLAGS: u16 = NLA_F_NESTED | NLA_F_NET_BYTEORDER;

/// Appends attributes.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn put(&mut self, kind: u16, value: &[u8]) {
        self.header(kind, HEADER + value.len());
        self.bytes.extend_from_slice(value);
        self.align();
    }

    /// A text with the closing zero that the kernel wants.
    pub(super) fn text(&mut self, kind: u16, text: &str) {
        self.header(kind, HEADER + text.len() + 1);
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        self.align();
    }

    /// An attribute of attributes. What is written must not be longer than [`MAX_LENGTH`].
    pub(super) fn nest(&mut self, kind: u16, write: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.header(kind | NLA_F_NESTED, 0);
        write(self);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    }

    fn header(&mut self, kind: u16, length: usize) {
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// The attributes of a message or of a nested attribute, in order. What cannot be read ends them.
pub(super) fn each(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (length, kind) = (half(rest, 0)?, half(rest, 2)?);
        let value = rest.get(HEADER..usize::from(length))?;
        rest = rest
            .get(usize::from(length).next_multiple_of(4)..)
            .unwrap_or_default();
        Some((kind & !FLAGS, value))
    })
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*bytes))
}

/// The same by type, where each is there once.
pub(super) fn by_kind(bytes: &[u8]) -> HashMap<u16, &[u8]> {
    each(bytes).collect()
}
