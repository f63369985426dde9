//! Reading a table of types.

use super::{
    Either, Field, GroupVersionKind, ListType, MAX_INLINED, PatchStrategy, Shape, Text, Type,
    TypeId, Types,
};

/// The depth to which lists and maps may be nested in one field.
const MAX_SHAPE_DEPTH: usize = 8;

/// How a space is written where it would end an attribute.
const SPACE: &str = "\\u0020";

/// A line that is not a type or a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("schema line {line}: {what}")]
pub struct SchemaError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

pub(super) fn parse(text: &'static str) -> Result<Types, SchemaError> {
    let mut types = Types {
        text,
        ..Types::default()
    };
    for (line, name, rest) in lines(text).filter_map(type_line) {
        let mut ty = read_type(name, rest).map_err(|what| SchemaError { line, what })?;
        ty.lines = offset(text, rest);
        if types.names.contains_key(name) {
            return Err(SchemaError {
                line,
                what: format!("{name} is there twice"),
            });
        }
        types.add(ty);
    }
    let mut current = None;
    for (line, text) in lines(text) {
        if let Some(field) = text.strip_prefix(' ') {
            let at: TypeId = current.ok_or_else(|| SchemaError {
                line,
                what: "a field without a type".into(),
            })?;
            let field = read_field(field, &types).map_err(|what| SchemaError { line, what })?;
            types.types[at.0 as usize].fields.push(field);
        } else if let Some((_, name, _)) = type_line((line, text)) {
            current = types.id(name);
        }
    }
    for ty in &mut types.types {
        ty.fields.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(types)
}

/// Where in the table the line ends whose end is `rest`.
fn offset(text: &str, rest: &str) -> u32 {
    let end = rest.as_ptr() as usize + rest.len() - text.as_ptr() as usize;
    u32::try_from(end).unwrap_or(u32::MAX)
}

/// The lines that say something, counted from 1.
fn lines(text: &'static str) -> impl Iterator<Item = (usize, &'static str)> {
    let said =
        |(_, line): &(usize, &'static str)| !line.trim().is_empty() && !line.starts_with('#');
    text.lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line))
        .filter(said)
}

fn type_line((line, text): (usize, &'static str)) -> Option<(usize, &'static str, &'static str)> {
    if text.starts_with(' ') {
        return None;
    }
    let (name, rest) = text.split_once(' ').unwrap_or((text, &text[text.len()..]));
    Some((line, name, rest))
}

fn words(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    text.split_ascii_whitespace()
        .map(|word| word.split_once('=').unwrap_or((word, "")))
}

fn read_type(name: &'static str, rest: &'static str) -> Result<Type, String> {
    let mut ty = Type {
        name: Text::Borrowed(name),
        kinds: Vec::new(),
        atomic: false,
        unions: None,
        fields: Vec::new(),
        lines: 0,
    };
    for (key, value) in words(rest) {
        match (key, value) {
            ("gvk", gvk) => ty.kinds.push(read_kind(gvk)?),
            ("map", "atomic") => ty.atomic = true,
            ("unions", json) => ty.unions = Some(Text::Borrowed(json)),
            _ => return Err(format!("unknown attribute {key}={value} of a type")),
        }
    }
    Ok(ty)
}

fn read_kind(text: &'static str) -> Result<GroupVersionKind, String> {
    let mut parts = text.split('/').map(Text::Borrowed);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(group), Some(version), Some(kind), None) => Ok(GroupVersionKind {
            group,
            version,
            kind,
        }),
        _ => Err(format!("{text} is not GROUP/VERSION/KIND")),
    }
}

fn read_field(text: &'static str, types: &Types) -> Result<Field, String> {
    let mut parts = text.splitn(3, ' ');
    let (Some(name), Some(shape)) = (parts.next(), parts.next()) else {
        return Err(format!("{text:?} has no shape"));
    };
    let mut field = Field::new(name, read_shape(shape, types, 0)?);
    for (key, value) in words(parts.next().unwrap_or("")) {
        read_attribute(&mut field, key, value)?;
    }
    Ok(field)
}

fn read_attribute(field: &mut Field, key: &'static str, value: &'static str) -> Result<(), String> {
    match (key, value) {
        ("required", "") => field.required = true,
        ("default", json) => field.default = Some(Text::Borrowed(json)),
        ("list", "atomic") => field.list_type = Some(ListType::Atomic),
        ("list", "set") => field.list_type = Some(ListType::Set),
        ("list", "map") => field.list_type = Some(ListType::Map),
        ("keys", keys) => field.list_keys = keys.split(',').map(Text::Borrowed).collect(),
        ("map", "atomic") => field.map_atomic = Some(true),
        ("map", "granular") => field.map_atomic = Some(false),
        ("patch", strategies) => field.patch = read_strategies(strategies)?,
        ("key", name) => field.merge_key = Some(Text::Borrowed(name)),
        ("enum", values) => field.values = values.split(',').map(word).collect(),
        ("pb", numbers) => (field.inside, field.number) = read_numbers(numbers)?,
        ("omit", "") => field.omit = true,
        ("null", "") => field.null = true,
        ("wrap", "") => field.wrapped = true,
        // Read again where an error is to be written.
        ("go" | "in", _) => {}
        ("either", "list") => field.either = Some(Either::List),
        ("either", "bool") => field.either = Some(Either::Bool),
        ("either", "strings") => field.either = Some(Either::Strings),
        _ => return Err(format!("unknown attribute {key}={value} of {}", field.name)),
    }
    Ok(())
}

/// A word in which a space is written otherwise.
fn word(text: &'static str) -> Text {
    if text.contains(SPACE) {
        Text::Owned(text.replace(SPACE, " "))
    } else {
        Text::Borrowed(text)
    }
}

fn read_strategies(text: &str) -> Result<PatchStrategy, String> {
    let mut strategy = PatchStrategy::default();
    for word in text.split(',') {
        match word {
            "merge" => strategy.merge = true,
            "replace" => strategy.replace = true,
            "retainKeys" => strategy.retain_keys = true,
            _ => return Err(format!("unknown patch strategy {word}")),
        }
    }
    Ok(strategy)
}

fn read_numbers(text: &str) -> Result<(Vec<u32>, u32), String> {
    let wrong = || format!("{text} is not a field number");
    let numbers: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
    let mut numbers = numbers.map_err(|_| wrong())?;
    let number = numbers.pop().ok_or_else(wrong)?;
    if numbers.len() > MAX_INLINED || number == 0 {
        return Err(wrong());
    }
    Ok((numbers, number))
}

fn read_shape(text: &'static str, types: &Types, depth: usize) -> Result<Shape, String> {
    if depth > MAX_SHAPE_DEPTH {
        return Err("lists and maps are nested too deeply".into());
    }
    if let Some(member) = text.strip_prefix("[]") {
        return Ok(Shape::List(Box::new(read_shape(member, types, depth + 1)?)));
    }
    if let Some(value) = text.strip_prefix("{}") {
        return Ok(Shape::Map(Box::new(read_shape(value, types, depth + 1)?)));
    }
    Ok(match text {
        "string" => Shape::String,
        "int32" => Shape::Int32,
        "int64" => Shape::Int64,
        "bool" => Shape::Bool,
        "double" => Shape::Double,
        "bytes" => Shape::Bytes,
        "any" => Shape::Any,
        "intstr" => Shape::IntOrString,
        "quantity" => Shape::Quantity,
        "time" => Shape::Time,
        "microtime" => Shape::MicroTime,
        name => Shape::Struct(
            types
                .id(name)
                .ok_or_else(|| format!("there is no type {name}"))?,
        ),
    })
}
