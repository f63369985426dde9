//! Protobuf's wire format: reading fields of a message, and appending them to one.

use super::ProtobufError;

type Result<T> = std::result::Result<T, ProtobufError>;

/// One value on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

/// The fields of a message: number and value.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// A number on its own, as packed lists have them.
    pub(super) fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(ProtobufError::Cut)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ProtobufError::Overflow)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8]> {
        let count = usize::try_from(count).map_err(|_| ProtobufError::Cut)?;
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(ProtobufError::Cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u32, Wire<'a>)> {
        let tag = self.varint()?;
        // As Go has it: the number is cut to 32 bits, and has a sign.
        let number = (tag >> 3) as i32;
        let number = match u32::try_from(number) {
            Ok(number) if number > 0 => number,
            _ => return Err(ProtobufError::Tag(number, (tag & 7) as u8)),
        };
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => {
                let bytes = self.take(8)?.iter().rev();
                Wire::Fixed64(bytes.fold(0, |value, byte| value << 8 | u64::from(*byte)))
            }
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Wire::Fixed32
            }
            other => return Err(ProtobufError::WireType(other as u8)),
        };
        Ok((number, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Wire<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A number as a field.
pub(super) fn put_number(out: &mut Vec<u8>, number: u32, value: u64) {
    put_varint(out, u64::from(number) << 3);
    put_varint(out, value);
}

/// Eight bytes as a field.
pub(super) fn put_fixed64(out: &mut Vec<u8>, number: u32, bits: u64) {
    put_varint(out, u64::from(number) << 3 | 1);
    out.extend_from_slice(&bits.to_le_bytes());
}

/// Text, bytes or a finished message as a field.
pub(super) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Where a message in a message begins, behind the one byte that is kept for its length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened(usize);

/// Begins a message that is a field; what is appended until [`close`] is its content.
pub(super) fn open(out: &mut Vec<u8>, number: u32) -> Opened {
    put_varint(out, u64::from(number) << 3 | 2);
    out.push(0);
    Opened(out.len())
}

/// Writes the length of a message that ends here. Only a longer one is moved, to make room for it.
pub(super) fn close(out: &mut Vec<u8>, Opened(start): Opened) {
    let length = out.len().saturating_sub(start);
    let mut bytes = Vec::new();
    let Some(place) = start.checked_sub(1) else {
        return;
    };
    if let (0..=0x7f, Some(byte)) = (length, out.get_mut(place)) {
        *byte = length as u8;
        return;
    }
    put_varint(&mut bytes, length as u64);
    out.splice(place..start, bytes);
}
