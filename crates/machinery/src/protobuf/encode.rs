//! From JSON to a message.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::ProtobufError;
use super::cursor::{Cursor, compact};
use super::envelope::Seal;
use super::scalar::{int_or_string, quantity_text, time};
use super::wire::{self, put_bytes, put_fixed64, put_number};
use crate::limits::MAX_DEPTH;
use crate::schema::{Either, Field, MAX_INLINED, Shape, TypeId, Types};

type Result<T> = std::result::Result<T, ProtobufError>;

/// Writes messages, one behind the other, into a buffer of its own.
pub struct Encoder<'t> {
    types: &'t Types,
    out: Vec<u8>,
    /// The fields of the structs that are under way, as they stand in JSON.
    segments: Vec<Segment>,
    scratch: Vec<u8>,
}

/// A field that has been written: its numbers, those of the messages around it that JSON leaves out first, and where.
#[derive(Debug, Clone, Copy)]
struct Segment {
    numbers: [u32; MAX_INLINED + 1],
    start: usize,
    end: usize,
}

/// The whole body of one object: `json` is of that type.
///
/// # Errors
/// Where the JSON is malformed or not as its type has it.
pub fn from_json(
    types: &Types,
    id: TypeId,
    (api_version, kind): (&str, &str),
    json: &[u8],
) -> Result<Vec<u8>> {
    let mut encoder = Encoder::new(types, json.len());
    let seal = encoder.begin(api_version, kind);
    encoder.object(id, json)?;
    encoder.finish(seal);
    Ok(encoder.into_bytes())
}

impl<'t> Encoder<'t> {
    /// With an empty buffer that has room for so many bytes.
    pub fn new(types: &'t Types, room: usize) -> Self {
        Self {
            types,
            out: Vec::with_capacity(room),
            segments: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// What has been written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Begins a body; what is written until [`Encoder::finish`] is the object's message.
    pub fn begin(&mut self, api_version: &str, kind: &str) -> Seal {
        Seal::begin(&mut self.out, api_version, kind)
    }

    /// Ends a body.
    pub fn finish(&mut self, seal: Seal) {
        seal.finish(&mut self.out);
    }

    /// Writes the fields of an object of that type.
    ///
    /// # Errors
    /// As [`from_json`].
    pub fn object(&mut self, id: TypeId, json: &[u8]) -> Result<()> {
        self.fields(id, &mut Cursor::new(json), 0)
    }

    /// Writes an object of that type as a field of the message under way.
    ///
    /// # Errors
    /// As [`from_json`].
    pub fn member(&mut self, number: u32, id: TypeId, json: &[u8]) -> Result<()> {
        self.nested(number, |this| this.object(id, json))
    }

    fn nested(&mut self, number: u32, content: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let opened = wire::open(&mut self.out, number);
        content(self)?;
        wire::close(&mut self.out, opened);
        Ok(())
    }

    fn fields(&mut self, id: TypeId, cursor: &mut Cursor<'_>, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(ProtobufError::Depth);
        }
        let types = self.types;
        let ty = &types[id];
        let (begin, base) = (self.out.len(), self.segments.len());
        let (mut first, mut ordered) = (true, true);
        let mut last = [0; MAX_INLINED + 1];
        cursor.enter(b'{')?;
        while cursor.more(&mut first, b'}')? {
            let key = cursor.key()?;
            let Some(field) = ty.field(&key).filter(|field| field.number != 0) else {
                cursor.skip()?;
                continue;
            };
            let start = self.out.len();
            self.field(id, field, cursor, depth)?;
            let numbers = field.numbers();
            ordered &= field.inside.is_empty() && last <= numbers;
            last = numbers;
            let end = self.out.len();
            self.segments.push(Segment {
                numbers,
                start,
                end,
            });
        }
        if !ordered {
            self.reorder(begin, base);
        }
        self.segments.truncate(base);
        Ok(())
    }

    /// Brings the fields since `begin` into the order of their numbers, and wraps those of messages that JSON leaves out.
    fn reorder(&mut self, begin: usize, base: usize) {
        let mut segments = self.segments.split_off(base);
        segments.sort_by_key(|segment| segment.numbers);
        let mut written = std::mem::take(&mut self.scratch);
        written.clear();
        written.extend_from_slice(self.out.get(begin..).unwrap_or_default());
        for segment in &mut segments {
            segment.start -= begin;
            segment.end -= begin;
        }
        self.out.truncate(begin);
        emit(&segments, 0, &written, &mut self.out);
        self.scratch = written;
    }

    fn field(
        &mut self,
        id: TypeId,
        field: &Field,
        cursor: &mut Cursor<'_>,
        depth: usize,
    ) -> Result<()> {
        if cursor.null()? {
            return Ok(());
        }
        let mut item = Item { id, field, depth };
        match &field.shape {
            Shape::List(inner) if field.wrapped => {
                self.nested(field.number, |this| this.list(item, inner, 1, cursor))
            }
            Shape::List(inner) => self.list(item, inner, field.number, cursor),
            Shape::Map(inner) => {
                item.depth += 1;
                let mut first = true;
                cursor.enter(b'{')?;
                while cursor.more(&mut first, b'}')? {
                    let key = cursor.key()?;
                    self.nested(field.number, |this| {
                        put_bytes(&mut this.out, 1, key.as_bytes());
                        this.entry(item, inner, cursor)
                    })?;
                }
                Ok(())
            }
            shape => self.value(item, shape, field.number, cursor),
        }
    }

    /// A map's value; a list there has a message of its own.
    fn entry(&mut self, item: Item<'_>, shape: &Shape, cursor: &mut Cursor<'_>) -> Result<()> {
        match shape {
            Shape::List(inner) if !cursor.null()? => {
                self.nested(2, |this| this.list(item, inner, 1, cursor))
            }
            Shape::List(_) => Ok(()),
            shape => self.value(item, shape, 2, cursor),
        }
    }

    fn list(
        &mut self,
        item: Item<'_>,
        shape: &Shape,
        number: u32,
        cursor: &mut Cursor<'_>,
    ) -> Result<()> {
        let mut first = true;
        cursor.enter(b'[')?;
        while cursor.more(&mut first, b']')? {
            self.value(item, shape, number, cursor)?;
        }
        Ok(())
    }

    fn value(
        &mut self,
        item: Item<'_>,
        shape: &Shape,
        number: u32,
        cursor: &mut Cursor<'_>,
    ) -> Result<()> {
        let wrong = |what| item.wrong(what);
        if cursor.null()? {
            empty(&mut self.out, shape, number);
            return Ok(());
        }
        match shape {
            Shape::String => put_bytes(&mut self.out, number, cursor.string()?.as_bytes()),
            Shape::Bytes => {
                let text = cursor.string()?;
                let bytes = STANDARD.decode(text.as_bytes());
                put_bytes(
                    &mut self.out,
                    number,
                    &bytes.map_err(|_| wrong("is not base64"))?,
                );
            }
            Shape::Int32 | Shape::Int64 => {
                let value: i64 = cursor.word()?.parse().map_err(|_| wrong("is no integer"))?;
                put_number(&mut self.out, number, value as u64);
            }
            Shape::Bool => {
                let value: bool = cursor.word()?.parse().map_err(|_| wrong("is no boolean"))?;
                put_number(&mut self.out, number, value.into());
            }
            Shape::Double => {
                let value: f64 = cursor.word()?.parse().map_err(|_| wrong("is no number"))?;
                put_fixed64(&mut self.out, number, value.to_bits());
            }
            Shape::Quantity => {
                let text = quantity_text(cursor)?;
                self.nested(number, |this| {
                    put_bytes(&mut this.out, 1, text.as_bytes());
                    Ok(())
                })?;
            }
            Shape::IntOrString => self.nested(number, |this| {
                int_or_string(&mut this.out, cursor).map_err(|()| wrong("is no integer or string"))
            })?,
            Shape::Time | Shape::MicroTime => {
                let text = cursor.string()?;
                self.nested(number, |this| {
                    time(&mut this.out, &text).map_err(|()| wrong("is no time"))
                })?;
            }
            Shape::Any => self.any(item, number, cursor)?,
            Shape::Struct(id) => {
                self.nested(number, |this| this.fields(*id, cursor, item.depth + 1))?;
            }
            Shape::List(_) | Shape::Map(_) => return Err(wrong("is nested as no message can be")),
        }
        Ok(())
    }

    /// Any JSON, as it is; or one of the shapes that JSON schemas have for the same field.
    fn any(&mut self, item: Item<'_>, number: u32, cursor: &mut Cursor<'_>) -> Result<()> {
        let (id, depth) = (item.id, item.depth + 1);
        let first = cursor.peek()?;
        self.nested(number, |this| match (item.field.either, first) {
            (Some(Either::List | Either::Strings), b'{') => {
                this.nested(1, |this| this.fields(id, cursor, depth))
            }
            (Some(Either::List), _) => this.list(item.deeper(), &Shape::Struct(id), 2, cursor),
            (Some(Either::Strings), _) => this.list(item, &Shape::String, 2, cursor),
            (Some(Either::Bool), b'{') => {
                put_number(&mut this.out, 1, 1);
                this.nested(2, |this| this.fields(id, cursor, depth))
            }
            (Some(Either::Bool), _) => this.value(item, &Shape::Bool, 1, cursor),
            (None, _) => {
                let raw = cursor.skip()?;
                put_bytes(&mut this.out, 1, &compact(raw));
                Ok(())
            }
        })
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
    fn deeper(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }

    fn wrong(&self, what: &'static str) -> ProtobufError {
        ProtobufError::Value(self.field.name.to_string(), what)
    }
}

/// What stands for null in a list or a map.
fn empty(out: &mut Vec<u8>, shape: &Shape, number: u32) {
    match shape {
        Shape::Int32 | Shape::Int64 | Shape::Bool => put_number(out, number, 0),
        Shape::Double => put_fixed64(out, number, 0),
        _ => put_bytes(out, number, b""),
    }
}

/// Appends fields that agree in their first `level` numbers and are in order.
fn emit(mut segments: &[Segment], level: usize, written: &[u8], out: &mut Vec<u8>) {
    let number = |segment: &Segment, level: usize| segment.numbers.get(level).copied().unwrap_or(0);
    while let Some(first) = segments.first() {
        let outer = number(first, level);
        let together = segments.partition_point(|segment| number(segment, level) <= outer);
        let (group, rest) = segments.split_at(together.max(1));
        if number(first, level + 1) == 0 {
            for segment in group {
                out.extend_from_slice(written.get(segment.start..segment.end).unwrap_or_default());
            }
        } else {
            let opened = wire::open(out, outer);
            emit(group, level + 1, written, out);
            wire::close(out, opened);
        }
        segments = rest;
    }
}
