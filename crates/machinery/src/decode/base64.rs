//! Bytes: what Go says of text that is no base64, and the lists of numbers that it takes as well.

use std::borrow::Cow;

use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{Engine as _, alphabet};
use serde::de::SeqAccess;

use super::access::Elements;
use super::path::At;

/// The base64 of bytes that came as a list of numbers.
pub(super) fn encoded<'de, A: SeqAccess<'de>>(inner: A, at: At<'_>) -> Result<String, A::Error> {
    let mut numbers = Elements {
        inner,
        at,
        index: 0,
    };
    let mut bytes = Vec::new();
    while let Some(byte) = numbers.next_element::<u8>()? {
        bytes.push(byte);
    }
    Ok(STANDARD.encode(bytes))
}

/// What is left over of the last group says nothing.
const LOOSE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Whether a text could be base64 in a form that Go takes and others do not: with line breaks, or with bits that are left over.
pub(super) fn may_be_loose(text: &str) -> bool {
    text.ends_with('=') || text.bytes().any(|byte| matches!(byte, b'\r' | b'\n'))
}

/// The same bytes in the one form that all take. What is no base64 stays so.
pub(super) fn strict(text: &str) -> Cow<'_, str> {
    let joined: String = text.split(['\r', '\n']).collect();
    let bytes = LOOSE.decode(&joined);
    Cow::Owned(bytes.map_or(joined, |bytes| STANDARD.encode(bytes)))
}

/// `illegal base64 data at input byte 4`. Line breaks do not count as data, but as bytes.
pub(super) fn error(text: &str) -> String {
    format!(
        "illegal base64 data at input byte {}",
        offset(text.as_bytes())
    )
}

fn offset(text: &[u8]) -> usize {
    let data = |&(_, byte): &(usize, u8)| byte != b'\r' && byte != b'\n';
    let mut bytes = text.iter().copied().enumerate().filter(data);
    let mut group = 0;
    while let Some((at, byte)) = bytes.next() {
        if byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/' {
            group = (group + 1) % 4;
            continue;
        }
        if byte != b'=' || group < 2 {
            return at;
        }
        if group == 2 {
            match bytes.next() {
                None => return text.len(),
                Some((_, b'=')) => {}
                // The group lacks its second sign.
                Some((at, _)) => return at - 1,
            }
        }
        // Nothing may follow; else the bits that padding leaves over are wrong, which Go lets pass.
        return bytes.next().map_or(at, |(at, _)| at);
    }
    // The last group is not whole: it is told where it begins.
    text.len() - group
}
