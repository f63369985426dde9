//! From a message to JSON.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::ProtobufError;
use super::scalar::{IntOrString, read_int_or_string, read_time};
use super::wire::{Fields, Wire};
use crate::limits::{MAX_DEPTH, MAX_TRANSCODED};
use crate::schema::{Either, Field, MAX_INLINED, Shape, Type, TypeId, Types};

type Result<T> = std::result::Result<T, ProtobufError>;

/// The JSON of an object's message, which is of that type. `api_version` and `kind` are written first.
///
/// Fields that the type does not know are left out. Of a field that the wire has twice the last counts, lists and maps apart.
///
/// # Errors
/// Where the bytes are no such message.
pub fn to_json(
    types: &Types,
    id: TypeId,
    (api_version, kind): (&str, &str),
    message: &[u8],
) -> Result<Vec<u8>> {
    let mut decoder = Decoder {
        types,
        out: Vec::with_capacity(message.len() * 2),
    };
    decoder.out.extend_from_slice(b"{\"apiVersion\":");
    decoder.text(api_version);
    decoder.out.extend_from_slice(b",\"kind\":");
    decoder.text(kind);
    decoder.fields(id, message, 0, false)?;
    decoder.out.push(b'}');
    Ok(decoder.out)
}

struct Decoder<'t> {
    types: &'t Types,
    out: Vec<u8>,
}

/// A field on the wire: where it is among the fields of its type, and its value.
type Found<'m> = (usize, Wire<'m>);

impl Decoder<'_> {
    fn object(&mut self, id: TypeId, message: &[u8], depth: usize) -> Result<()> {
        self.out.push(b'{');
        self.fields(id, message, depth, true)?;
        self.out.push(b'}');
        Ok(())
    }

    fn fields(&mut self, id: TypeId, message: &[u8], depth: usize, mut first: bool) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(ProtobufError::Depth);
        }
        if self.out.len() > MAX_TRANSCODED {
            return Err(ProtobufError::Size);
        }
        let types = self.types;
        let ty = &types[id];
        let mut found = Vec::new();
        collect(ty, &[], message, &mut found)?;
        found.sort_by_key(|(at, _)| *at);
        for group in found.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((at, _)) = group.first() else {
                continue;
            };
            let Some(field) = ty.fields().get(*at) else {
                continue;
            };
            let before = self.out.len();
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            self.text(&field.name);
            self.out.push(b':');
            let item = Item { id, field, depth };
            if !self.field(item, group)? {
                self.out.truncate(before);
                first = self.out.last() == Some(&b'{');
            }
        }
        Ok(())
    }

    /// Writes a field's value. Whether there was one to write.
    fn field(&mut self, item: Item<'_>, group: &[Found<'_>]) -> Result<bool> {
        let field = item.field;
        match &field.shape {
            Shape::List(inner) if field.wrapped => {
                if let Some((_, wire)) = group.last() {
                    let message = item.bytes(*wire)?;
                    self.list(item, inner, Fields::new(message).map(|f| Ok(f?.1)))?;
                }
                Ok(true)
            }
            Shape::List(inner) => {
                let members = group.iter().map(|(_, wire)| Ok(*wire));
                self.list(item, inner, members)?;
                Ok(true)
            }
            Shape::Map(inner) => {
                self.map(item, inner, group)?;
                Ok(true)
            }
            shape => match group.last() {
                Some((_, wire)) => {
                    let is_struct = matches!(shape, Shape::Struct(_));
                    if field.omit && !is_struct && is_empty(*wire) {
                        return Ok(false);
                    }
                    self.value(item, shape, *wire)
                }
                None => Ok(false),
            },
        }
    }

    fn list<'m>(
        &mut self,
        item: Item<'_>,
        shape: &Shape,
        members: impl Iterator<Item = Result<Wire<'m>>>,
    ) -> Result<()> {
        self.out.push(b'[');
        let start = self.out.len();
        for wire in members {
            match (shape, wire?) {
                (Shape::Int32 | Shape::Int64 | Shape::Bool, Wire::Bytes(packed)) => {
                    let mut numbers = Fields::new(packed);
                    while !numbers.is_empty() {
                        let number = Wire::Varint(numbers.varint()?);
                        self.member(item, shape, number, start)?;
                    }
                }
                (shape, wire) => self.member(item, shape, wire, start)?,
            }
        }
        self.out.push(b']');
        Ok(())
    }

    /// A list's member, which is null where there is nothing to write.
    fn member(
        &mut self,
        item: Item<'_>,
        shape: &Shape,
        wire: Wire<'_>,
        start: usize,
    ) -> Result<()> {
        if self.out.len() > MAX_TRANSCODED {
            return Err(ProtobufError::Size);
        }
        if self.out.len() > start {
            self.out.push(b',');
        }
        self.value_or_null(item, shape, Some(wire))
    }

    /// The last value of each key, in the order of the keys.
    fn map(&mut self, item: Item<'_>, shape: &Shape, group: &[Found<'_>]) -> Result<()> {
        let mut entries = BTreeMap::new();
        for (_, wire) in group {
            let (mut key, mut value) = ("", None);
            for field in Fields::new(item.bytes(*wire)?) {
                match field? {
                    (1, Wire::Bytes(bytes)) => key = item.utf8(bytes)?,
                    (2, wire) => value = Some(wire),
                    _ => {}
                }
            }
            entries.insert(key, value);
        }
        self.out.push(b'{');
        let start = self.out.len();
        for (key, value) in entries {
            if self.out.len() > start {
                self.out.push(b',');
            }
            self.text(key);
            self.out.push(b':');
            match (shape, value) {
                // A list in a map has a message of its own, which holds it as its first field.
                (Shape::List(inner), Some(wire)) => {
                    let message = item.bytes(wire)?;
                    self.list(item, inner, Fields::new(message).map(|f| Ok(f?.1)))?;
                }
                (shape, value) => self.value_or_null(item, shape, value)?,
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    fn value_or_null(
        &mut self,
        item: Item<'_>,
        shape: &Shape,
        wire: Option<Wire<'_>>,
    ) -> Result<()> {
        let written = match (shape, wire) {
            (_, Some(wire)) => self.value(item, shape, wire)?,
            (shape, None) => {
                // What Go has where nothing was set.
                self.out.extend_from_slice(match shape {
                    Shape::String | Shape::Bytes => b"\"\"",
                    Shape::Quantity => b"\"0\"",
                    Shape::Int32 | Shape::Int64 | Shape::Double | Shape::IntOrString => b"0",
                    Shape::Bool => b"false",
                    Shape::Struct(_) => b"{}",
                    _ => b"null",
                });
                true
            }
        };
        if !written {
            self.out.extend_from_slice(b"null");
        }
        Ok(())
    }

    /// Writes one value. Whether there was one to write.
    fn value(&mut self, item: Item<'_>, shape: &Shape, wire: Wire<'_>) -> Result<bool> {
        match (shape, wire) {
            (Shape::String, Wire::Bytes(bytes)) => self.text(item.utf8(bytes)?),
            // Numbers with a sign are in two's complement; those of 32 bits are extended to 64.
            (Shape::Int32, Wire::Varint(number)) => self.number(i64::from(number as i32)),
            (Shape::Int64, Wire::Varint(number)) => self.number(number as i64),
            (Shape::Bool, Wire::Varint(number)) => {
                let word: &[u8] = if number == 0 { b"false" } else { b"true" };
                self.out.extend_from_slice(word);
            }
            (Shape::Double, Wire::Fixed64(bits)) => {
                let number = serde_json::Value::from(f64::from_bits(bits));
                self.out.extend_from_slice(number.to_string().as_bytes());
            }
            (Shape::Bytes, Wire::Bytes(bytes)) => self.text(&STANDARD.encode(bytes)),
            (Shape::Quantity, Wire::Bytes(message)) => {
                let text = inner(message, 1)?.unwrap_or(b"0");
                self.text(item.utf8(text)?);
            }
            (Shape::IntOrString, Wire::Bytes(message)) => match read_int_or_string(message)? {
                IntOrString::Int(number) => self.number(number.into()),
                IntOrString::String(bytes) => self.text(item.utf8(bytes)?),
            },
            (Shape::Time, Wire::Bytes(message)) => {
                return self.time(message, "%Y-%m-%dT%H:%M:%SZ");
            }
            (Shape::MicroTime, Wire::Bytes(message)) => {
                return self.time(message, "%Y-%m-%dT%H:%M:%S.%6fZ");
            }
            (Shape::Struct(id), Wire::Bytes(message)) => {
                self.object(*id, message, item.depth + 1)?;
            }
            (Shape::Any, Wire::Bytes(message)) => return self.any(item, message),
            _ => return Err(ProtobufError::WrongWireType(item.field.name.to_string())),
        }
        Ok(true)
    }

    fn time(&mut self, message: &[u8], format: &str) -> Result<bool> {
        let Some(text) = read_time(message, format)? else {
            return Ok(false);
        };
        self.text(&text);
        Ok(true)
    }

    /// Any JSON, as it is; or one of the shapes that JSON schemas have for the same field.
    fn any(&mut self, item: Item<'_>, message: &[u8]) -> Result<bool> {
        let Some(either) = item.field.either else {
            let Some(json) = inner(message, 1)?.filter(|json| !json.is_empty()) else {
                return Ok(false);
            };
            // What is passed over is not looked at as text.
            std::str::from_utf8(json)
                .ok()
                .and_then(|json| serde_json::from_str::<serde::de::IgnoredAny>(json).ok())
                .ok_or_else(|| item.wrong("is no JSON"))?;
            self.out.extend_from_slice(json);
            return Ok(true);
        };
        let (mut schema, mut allows, mut members) = (None, false, Vec::new());
        for field in Fields::new(message) {
            match (either, field?) {
                (Either::Bool, (1, Wire::Varint(number))) => allows = number != 0,
                (Either::Bool, (2, Wire::Bytes(message))) => schema = Some(message),
                (_, (1, Wire::Bytes(message))) => schema = Some(message),
                (_, (2, wire)) => members.push(wire),
                _ => {}
            }
        }
        let members = members.into_iter().map(Ok);
        let deeper = Item {
            depth: item.depth + 1,
            ..item
        };
        match (either, schema) {
            (Either::List, None) => self.list(deeper, &Shape::Struct(item.id), members)?,
            (Either::Strings, None) => self.list(item, &Shape::String, members)?,
            (Either::Bool, None) => {
                let word: &[u8] = if allows { b"true" } else { b"false" };
                self.out.extend_from_slice(word);
            }
            (_, Some(schema)) => self.object(item.id, schema, item.depth + 1)?,
        }
        Ok(true)
    }

    fn text(&mut self, text: &str) {
        // Writing to memory cannot fail.
        let _ = serde_json::to_writer(&mut self.out, text);
    }

    fn number(&mut self, number: i64) {
        self.out.extend_from_slice(number.to_string().as_bytes());
    }
}

/// What a value is of: a field of a struct, so deep.
#[derive(Clone, Copy)]
struct Item<'a> {
    id: TypeId,
    field: &'a Field,
    depth: usize,
}

impl Item<'_> {
    fn wrong(&self, what: &'static str) -> ProtobufError {
        ProtobufError::Value(self.field.name.to_string(), what)
    }

    fn utf8<'m>(&self, bytes: &'m [u8]) -> Result<&'m str> {
        std::str::from_utf8(bytes).map_err(|_| self.wrong("is no UTF-8"))
    }

    fn bytes<'m>(&self, wire: Wire<'m>) -> Result<&'m [u8]> {
        match wire {
            Wire::Bytes(bytes) => Ok(bytes),
            _ => Err(ProtobufError::WrongWireType(self.field.name.to_string())),
        }
    }
}

/// The known fields of a message, those of messages that JSON leaves out among them. `outer`: the numbers of those around.
fn collect<'m>(
    ty: &Type,
    outer: &[u32],
    message: &'m [u8],
    found: &mut Vec<Found<'m>>,
) -> Result<()> {
    for field in Fields::new(message) {
        let (number, wire) = field?;
        let at = ty
            .fields()
            .iter()
            .position(|field| field.number == number && field.inside == outer);
        match (at, wire) {
            (Some(at), wire) => found.push((at, wire)),
            (None, Wire::Bytes(inner)) if outer.len() < MAX_INLINED => {
                let path = [outer, &[number]].concat();
                if ty
                    .fields()
                    .iter()
                    .any(|field| field.inside.starts_with(&path))
                {
                    collect(ty, &path, inner, found)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether it is the value of a field that nobody has set.
fn is_empty(wire: Wire<'_>) -> bool {
    matches!(wire, Wire::Varint(0) | Wire::Bytes([]))
}

/// The bytes of a field of a message.
fn inner(message: &[u8], number: u32) -> Result<Option<&[u8]>> {
    let mut found = None;
    for field in Fields::new(message) {
        if let (at, Wire::Bytes(bytes)) = field?
            && at == number
        {
            found = Some(bytes);
        }
    }
    Ok(found)
}
