//! From the parser's events to a value, without recursion.

use std::collections::HashMap;

use serde_json::{Map, Value};
use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span, Tag};

use super::resolve::{self, Scalar};
use super::{YamlError, words};
use crate::limits::{MAX_DEPTH, MAX_STRICT_FINDINGS, MAX_YAML_EXPANSION};

/// A value that aliases name, and what each of them costs.
struct Anchored {
    value: Value,
    bytes: usize,
    depth: usize,
}

/// A list or map that is not complete.
struct Open {
    anchor: usize,
    node: Node,
}

enum Node {
    List(Vec<Value>),
    Map {
        fields: Map<String, Value>,
        key: Key,
    },
}

enum Key {
    /// A key comes next.
    Awaited,
    /// The value of this key comes next.
    Is(String),
    /// The maps to merge come next.
    Merge,
}

#[derive(Default)]
struct Reader<'t> {
    text: &'t str,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    expanded: usize,
    duplicates: Vec<String>,
    result: Option<Value>,
}

fn error<T>(words: impl std::fmt::Display) -> Result<T, YamlError> {
    Err(YamlError(format!("yaml: {words}")))
}

/// The first document's value, and what is there twice.
pub(super) fn document(text: &str) -> Result<(Value, Vec<String>), YamlError> {
    if !text.chars().all(words::is_allowed) {
        return error("control characters are not allowed");
    }
    let mut options = Options::default();
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut reader = Reader {
        text,
        ..Reader::default()
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| {
            let in_list = matches!(
                reader.open.last(),
                Some(Open {
                    node: Node::List(_),
                    ..
                })
            );
            YamlError(words::syntax(&error, text, in_list))
        })?;
        if matches!(event, Event::DocumentEnd | Event::StreamEnd) {
            break;
        }
        reader.event(event, span)?;
    }
    Ok((reader.result.unwrap_or_default(), reader.duplicates))
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        let line = span.start.line();
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, tag.as_deref(), line)
            }
            Event::SequenceStart(_, anchor, _) => self.start(anchor, Node::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => self.start(
                anchor,
                Node::Map {
                    fields: Map::new(),
                    key: Key::Awaited,
                },
            ),
            Event::SequenceEnd | Event::MappingEnd => self.end(line),
            Event::Alias(anchor) => self.alias(anchor, span),
            _ => Ok(()),
        }
    }

    fn start(&mut self, anchor: usize, node: Node) -> Result<(), YamlError> {
        if self.open.len() >= MAX_DEPTH {
            return error("exceeded max depth");
        }
        self.open.push(Open { anchor, node });
        Ok(())
    }

    fn end(&mut self, line: usize) -> Result<(), YamlError> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.node {
            Node::List(items) => Value::Array(items),
            Node::Map { fields, .. } => Value::Object(fields),
        };
        self.keep(open.anchor, &value);
        self.put(value, line)
    }

    fn keep(&mut self, anchor: usize, value: &Value) {
        if anchor != 0 {
            let (bytes, depth) = weigh(value);
            self.anchors.insert(
                anchor,
                Anchored {
                    value: value.clone(),
                    bytes,
                    depth,
                },
            );
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), YamlError> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            let name = words::alias(words::from(self.text, span.start));
            return error(format!("anchor '{name}' value contains itself"));
        };
        self.expanded += anchored.bytes;
        if self.expanded > MAX_YAML_EXPANSION {
            return error("document contains excessive aliasing");
        }
        if self.open.len() + anchored.depth > MAX_DEPTH {
            return error("exceeded max depth");
        }
        let value = anchored.value.clone();
        self.put(value, span.start.line())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        line: usize,
    ) -> Result<(), YamlError> {
        let meaning = meaning(text, style, tag)?;
        let awaits_key = matches!(
            self.open.last(),
            Some(Open {
                node: Node::Map {
                    key: Key::Awaited,
                    ..
                },
                ..
            })
        );
        if awaits_key {
            if meaning == Scalar::Merge {
                return self.set_key(Key::Merge);
            }
            let key = key_text(text, &meaning)?;
            self.keep(anchor, &Value::String(key.clone()));
            return self.set_key(Key::Is(key));
        }
        let value = match meaning {
            Scalar::Null => Value::Null,
            Scalar::Bool(yes) => Value::Bool(yes),
            Scalar::Int(number) => Value::Number(number),
            Scalar::Float(number) => resolve::json_float(number).ok_or_else(|| {
                YamlError(format!("json: unsupported value: {}", infinite(number)))
            })?,
            Scalar::Text | Scalar::Merge => Value::String(text.to_owned()),
        };
        self.keep(anchor, &value);
        self.put(value, line)
    }

    fn set_key(&mut self, new: Key) -> Result<(), YamlError> {
        if let Some(Open {
            node: Node::Map { key, .. },
            ..
        }) = self.open.last_mut()
        {
            *key = new;
        }
        Ok(())
    }

    /// Puts a complete value where it belongs.
    fn put(&mut self, value: Value, line: usize) -> Result<(), YamlError> {
        let Some(open) = self.open.last_mut() else {
            self.result = Some(value);
            return Ok(());
        };
        match &mut open.node {
            Node::List(items) => items.push(value),
            Node::Map { fields, key } => match std::mem::replace(key, Key::Awaited) {
                Key::Is(name) => {
                    if fields.contains_key(&name) && self.duplicates.len() < MAX_STRICT_FINDINGS {
                        self.duplicates
                            .push(format!("line {line}: key {name:?} already set in map"));
                    }
                    fields.insert(name, value);
                }
                Key::Merge => merge(fields, value)?,
                Key::Awaited => match value {
                    // An alias to a scalar may be a key.
                    Value::String(name) => *key = Key::Is(name),
                    other => return error(format!("invalid map key: {other}")),
                },
            },
        }
        Ok(())
    }
}

/// `<<`: the fields of a map, or of several of which the first counts.
fn merge(fields: &mut Map<String, Value>, value: Value) -> Result<(), YamlError> {
    let wrong =
        || YamlError("yaml: map merge requires map or sequence of maps as the value".into());
    match value {
        Value::Object(other) => fields.extend(other),
        Value::Array(items) => {
            for item in items.into_iter().rev() {
                let Value::Object(other) = item else {
                    return Err(wrong());
                };
                fields.extend(other);
            }
        }
        _ => return Err(wrong()),
    }
    Ok(())
}

fn meaning(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Scalar, YamlError> {
    let plain = style == ScalarStyle::Plain;
    let Some(core) = tag.and_then(Tag::core_suffix) else {
        return Ok(if plain && tag.is_none() {
            resolve::plain(text)
        } else {
            Scalar::Text
        });
    };
    let resolved = resolve::plain(text);
    match (core, resolved) {
        ("bool", found @ Scalar::Bool(_))
        | ("int", found @ Scalar::Int(_))
        | ("float", found @ Scalar::Float(_))
        | ("null", found @ Scalar::Null) => Ok(found),
        ("float", Scalar::Int(number)) => Ok(Scalar::Float(number.as_f64().unwrap_or_default())),
        ("bool" | "int" | "float" | "null", found) => error(format!(
            "cannot decode !!{} `{text}` as a !!{core}",
            name(&found)
        )),
        _ => Ok(Scalar::Text),
    }
}

fn name(scalar: &Scalar) -> &'static str {
    match scalar {
        Scalar::Null => "null",
        Scalar::Bool(_) => "bool",
        Scalar::Int(_) => "int",
        Scalar::Float(_) => "float",
        Scalar::Text => "str",
        Scalar::Merge => "merge",
    }
}

fn key_text(text: &str, meaning: &Scalar) -> Result<String, YamlError> {
    Ok(match meaning {
        Scalar::Bool(yes) => yes.to_string(),
        Scalar::Int(number) => number.to_string(),
        Scalar::Float(number) if number.is_finite() => (*number as f32).to_string(),
        Scalar::Float(number) if number.is_nan() => ".nan".to_owned(),
        Scalar::Float(number) => if *number > 0.0 { ".inf" } else { "-.inf" }.to_owned(),
        Scalar::Null => {
            return Err(YamlError(
                "unsupported map key of type: %!s(<nil>), key: <nil>".into(),
            ));
        }
        Scalar::Text | Scalar::Merge => text.to_owned(),
    })
}

fn infinite(number: f64) -> &'static str {
    match number {
        n if n.is_nan() => "NaN",
        n if n > 0.0 => "+Inf",
        _ => "-Inf",
    }
}

/// About the bytes a value takes in JSON, and how deeply it is nested.
fn weigh(value: &Value) -> (usize, usize) {
    let inside = |(bytes, depth): (usize, usize), (more, deeper): (usize, usize)| {
        (bytes + more, depth.max(deeper + 1))
    };
    match value {
        Value::String(text) => (text.len() + 3, 0),
        Value::Array(items) => items.iter().map(weigh).fold((2, 1), inside),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (weigh(value), key.len()))
            .fold((2, 1), |sum, (found, key)| {
                let (bytes, depth) = inside(sum, found);
                (bytes + key + 4, depth)
            }),
        _ => (8, 0),
    }
}
