//! Values that are one word in JSON and a message on the wire: times, quantities, integers or strings.

use std::borrow::Cow;

use jiff::Timestamp;

use super::ProtobufError;
use super::cursor::Cursor;
use super::wire::{Fields, Wire, put_bytes, put_number};

type Result<T> = std::result::Result<T, ProtobufError>;

/// A time's seconds and nanoseconds.
pub(super) fn time(out: &mut Vec<u8>, text: &str) -> std::result::Result<(), ()> {
    let time: Timestamp = text.parse().map_err(|_| ())?;
    let nanoseconds = i64::from(time.subsec_nanosecond());
    put_number(out, 1, time.as_second() as u64);
    put_number(out, 2, nanoseconds as u64);
    Ok(())
}

/// A time's JSON. `None`: no time at all, which is an empty message.
pub(super) fn read_time(message: &[u8], format: &str) -> Result<Option<String>> {
    let (mut seconds, mut nanoseconds) = (None, 0_i32);
    for field in Fields::new(message) {
        match field? {
            (1, Wire::Varint(value)) => seconds = Some(value as i64),
            (2, Wire::Varint(value)) => nanoseconds = i32::try_from(value).unwrap_or(0),
            _ => {}
        }
    }
    let Some(seconds) = seconds else {
        return Ok(None);
    };
    let time = Timestamp::new(seconds, nanoseconds);
    let time = time.map_err(|_| ProtobufError::Value("time".into(), "is out of range"))?;
    Ok(Some(time.strftime(format).to_string()))
}

/// A quantity as it is written, which may be a number in JSON.
pub(super) fn quantity_text<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, str>> {
    if cursor.peek()? == b'"' {
        cursor.string()
    } else {
        cursor.word().map(Cow::Borrowed)
    }
}

/// Which of both it is, the integer, the string.
pub(super) fn int_or_string(
    out: &mut Vec<u8>,
    cursor: &mut Cursor<'_>,
) -> std::result::Result<(), ()> {
    let is_string = cursor.peek().map_err(|_| ())? == b'"';
    let (number, text) = if is_string {
        (0, cursor.string().map_err(|_| ())?)
    } else {
        let word = cursor.word().map_err(|_| ())?;
        (word.parse::<i32>().map_err(|_| ())?, "".into())
    };
    put_number(out, 1, is_string.into());
    put_number(out, 2, i64::from(number) as u64);
    put_bytes(out, 3, text.as_bytes());
    Ok(())
}

/// An integer or a string from its message.
pub(super) enum IntOrString<'a> {
    Int(i32),
    String(&'a [u8]),
}

pub(super) fn read_int_or_string(message: &[u8]) -> Result<IntOrString<'_>> {
    let (mut is_string, mut number, mut text) = (false, 0, &[][..]);
    for field in Fields::new(message) {
        match field? {
            (1, Wire::Varint(kind)) => is_string = kind == 1,
            (2, Wire::Varint(value)) => number = value as i32,
            (3, Wire::Bytes(bytes)) => text = bytes,
            _ => {}
        }
    }
    Ok(if is_string {
        IntOrString::String(text)
    } else {
        IntOrString::Int(number)
    })
}
