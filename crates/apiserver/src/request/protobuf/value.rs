//! From values on the wire to JSON, by the shape that the schema gives them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use navarch_api::schema::schema;
use navarch_machinery::limits::MAX_DEPTH;
use navarch_machinery::schema::{Shape, Type, TypeId};
use serde_json::{Map, Value};

use super::numbers::{Message, Place, message};
use super::wire::{Fields, Wire};

type Result<T> = std::result::Result<T, &'static str>;

/// Strings in which nothing is something other than not given.
const MEANT_EMPTY: &[&str] = &["storageClassName"];

/// A message of that type.
pub(super) fn object(id: TypeId, bytes: &[u8], depth: usize) -> Result<Map<String, Value>> {
    if depth > MAX_DEPTH {
        return Err("the message is nested too deeply");
    }
    let ty = &schema()[id];
    let mut out = Map::new();
    if let Some(places) = message(&ty.name) {
        fields(ty, places, bytes, depth, &mut out)?;
    }
    Ok(out)
}

fn fields(
    ty: &Type,
    places: &Message,
    bytes: &[u8],
    depth: usize,
    out: &mut Map<String, Value>,
) -> Result<()> {
    for field in Fields::new(bytes) {
        let (number, wire) = field?;
        match (places.get(&number), wire) {
            (Some(Place::Inline(inner)), Wire::Bytes(bytes)) => {
                fields(ty, inner, bytes, depth, out)?;
            }
            (Some(Place::Field(name)), wire) => {
                if let Some(field) = ty.field(name) {
                    put(out, name, &field.shape, wire, depth)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn put(
    out: &mut Map<String, Value>,
    name: &str,
    shape: &Shape,
    wire: Wire<'_>,
    depth: usize,
) -> Result<()> {
    match (shape, wire) {
        (Shape::List(inner), Wire::Bytes(packed))
            if matches!(**inner, Shape::Int32 | Shape::Int64 | Shape::Bool) =>
        {
            let list = out.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            let mut numbers = Fields::new(packed);
            while let (Some(list), false) = (list.as_array_mut(), numbers.is_empty()) {
                list.extend(value(inner, Wire::Varint(numbers.varint()?), depth)?);
            }
        }
        (Shape::List(inner), wire) => {
            let member = match (&**inner, wire) {
                (Shape::String, Wire::Bytes(bytes)) => Some(text(bytes)?),
                _ => value(inner, wire, depth)?,
            };
            let list = out.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Some(list) = list.as_array_mut() {
                list.extend(member);
            }
        }
        (Shape::Map(inner), Wire::Bytes(entry)) => {
            let map = out.entry(name).or_insert_with(|| Value::Object(Map::new()));
            let (key, value) = entry_of(inner, entry, depth)?;
            if let Some(map) = map.as_object_mut() {
                map.insert(key, value);
            }
        }
        (Shape::String, Wire::Bytes(bytes)) if bytes.is_empty() && !MEANT_EMPTY.contains(&name) => {
        }
        (shape, wire) => {
            if let Some(value) = value(shape, wire, depth)? {
                out.insert(name.to_owned(), value);
            }
        }
    }
    Ok(())
}

/// A map's entry: a message of a key and a value.
fn entry_of(shape: &Shape, entry: &[u8], depth: usize) -> Result<(String, Value)> {
    let mut key = String::new();
    let mut held = match shape {
        Shape::String | Shape::Bytes => Value::String(String::new()),
        _ => Value::Null,
    };
    for field in Fields::new(entry) {
        match field? {
            (1, Wire::Bytes(bytes)) => key = utf8(bytes)?.to_owned(),
            // A list in a map has a message of its own, which holds it as its first field.
            (2, Wire::Bytes(bytes)) if matches!(shape, Shape::List(_)) => {
                let mut out = Map::new();
                for field in Fields::new(bytes) {
                    put(&mut out, "items", shape, field?.1, depth + 1)?;
                }
                held = out.remove("items").unwrap_or_default();
            }
            (2, wire) => held = value(shape, wire, depth)?.unwrap_or(held),
            _ => {}
        }
    }
    Ok((key, held))
}

fn value(shape: &Shape, wire: Wire<'_>, depth: usize) -> Result<Option<Value>> {
    Ok(match (shape, wire) {
        (Shape::String, Wire::Bytes(bytes)) => Some(text(bytes)?),
        // Numbers with a sign are in two's complement; those of 32 bits are extended to 64.
        (Shape::Int32 | Shape::Int64, Wire::Varint(number)) => Some((number as i64).into()),
        (Shape::Bool, Wire::Varint(number)) => Some((number != 0).into()),
        (Shape::Double, Wire::Fixed64(bits)) => Some(f64::from_bits(bits).into()),
        (Shape::Bytes, Wire::Bytes(bytes)) => Some(STANDARD.encode(bytes).into()),
        (Shape::Any, Wire::Bytes(bytes)) => {
            inner(bytes, 1)?.and_then(|json| serde_json::from_slice(json).ok())
        }
        (Shape::Quantity, Wire::Bytes(bytes)) => inner(bytes, 1)?.map(text).transpose()?,
        (Shape::IntOrString, Wire::Bytes(bytes)) => Some(int_or_string(bytes)?),
        (Shape::Time, Wire::Bytes(bytes)) => time(bytes, "%Y-%m-%dT%H:%M:%SZ")?,
        (Shape::MicroTime, Wire::Bytes(bytes)) => time(bytes, "%Y-%m-%dT%H:%M:%S.%6fZ")?,
        (Shape::Struct(id), Wire::Bytes(bytes)) => Some(object(*id, bytes, depth + 1)?.into()),
        _ => return Err("a field has another type than its wire type says"),
    })
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| "a string is no UTF-8")
}

fn text(bytes: &[u8]) -> Result<Value> {
    utf8(bytes).map(Into::into)
}

/// The bytes of a field of a message.
fn inner(bytes: &[u8], number: u32) -> Result<Option<&[u8]>> {
    let mut found = None;
    for field in Fields::new(bytes) {
        if let (at, Wire::Bytes(bytes)) = field?
            && at == number
        {
            found = Some(bytes);
        }
    }
    Ok(found)
}

fn int_or_string(bytes: &[u8]) -> Result<Value> {
    let (mut is_text, mut number, mut string) = (false, 0_i64, Value::String(String::new()));
    for field in Fields::new(bytes) {
        match field? {
            (1, Wire::Varint(kind)) => is_text = kind == 1,
            (2, Wire::Varint(value)) => number = value as i64,
            (3, Wire::Bytes(bytes)) => string = text(bytes)?,
            _ => {}
        }
    }
    Ok(if is_text { string } else { number.into() })
}

/// `None`: no time at all, which is an empty message.
fn time(bytes: &[u8], format: &str) -> Result<Option<Value>> {
    let (mut seconds, mut nanos) = (None, 0_i32);
    for field in Fields::new(bytes) {
        match field? {
            (1, Wire::Varint(value)) => seconds = Some(value as i64),
            (2, Wire::Varint(value)) => nanos = i32::try_from(value).unwrap_or(0),
            _ => {}
        }
    }
    let Some(seconds) = seconds else {
        return Ok(None);
    };
    let time = Timestamp::new(seconds, nanos).map_err(|_| "a time is out of range")?;
    Ok(Some(time.strftime(format).to_string().into()))
}
