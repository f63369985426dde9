//! The document of OpenAPI 2 as a protobuf message: gnostic's, which older kubectl and Helm ask for.
//!
//! Each message of gnostic's is a table of what its fields are called in JSON, which number they have, and what they hold.
//! What is no field and begins with `x-` is an extension, kept as text that a reader of YAML understands.

use navarch_machinery::protobuf::Writer;
use serde_json::{Map, Value};

type Fields = &'static [(&'static str, u32, Holds)];

/// A message: its fields, and the number of its extensions.
struct Message {
    fields: Fields,
    extensions: u32,
}

/// What a field holds.
#[derive(Clone, Copy)]
enum Holds {
    Text,
    Texts,
    Bool,
    /// Any JSON, as text.
    Any,
    One(&'static Message),
    Many(&'static Message),
    /// Named messages, in a message of their own whose field has that number.
    Named(u32, &'static Message),
    /// Texts in a message of their own.
    TextsInside,
    /// A message that is field 1 of another.
    Inside(&'static Message),
    /// Parameters, or references to them.
    Parameters,
    /// Answers by code.
    Responses,
    /// Lists of texts by name, several times.
    Requirements,
    /// Ways to authenticate by name.
    Securities,
}

use Holds::{
    Any, Bool, Inside, Many, Named, One, Parameters, Requirements, Responses, Securities, Text,
    Texts, TextsInside,
};

static DOCUMENT: Message = Message {
    fields: &[
        ("swagger", 1, Text),
        ("info", 2, One(&INFO)),
        ("paths", 8, Named(2, &PATH_ITEM)),
        ("definitions", 9, Named(1, &SCHEMA)),
        ("security", 12, Requirements),
        ("securityDefinitions", 13, Securities),
    ],
    extensions: 16,
};

static INFO: Message = Message {
    fields: &[("title", 1, Text), ("version", 2, Text)],
    extensions: 7,
};

static PATH_ITEM: Message = Message {
    fields: &[
        ("get", 2, One(&OPERATION)),
        ("put", 3, One(&OPERATION)),
        ("post", 4, One(&OPERATION)),
        ("delete", 5, One(&OPERATION)),
        ("options", 6, One(&OPERATION)),
        ("head", 7, One(&OPERATION)),
        ("patch", 8, One(&OPERATION)),
        ("parameters", 9, Parameters),
    ],
    extensions: 10,
};

static OPERATION: Message = Message {
    fields: &[
        ("tags", 1, Texts),
        ("description", 3, Text),
        ("operationId", 5, Text),
        ("produces", 6, Texts),
        ("consumes", 7, Texts),
        ("parameters", 8, Parameters),
        ("responses", 9, Responses),
        ("schemes", 10, Texts),
    ],
    extensions: 13,
};

static BODY: Message = Message {
    fields: &[
        ("description", 1, Text),
        ("name", 2, Text),
        ("in", 3, Text),
        ("required", 4, Bool),
        ("schema", 5, One(&SCHEMA)),
    ],
    extensions: 6,
};

static IN_QUERY: Message = Message {
    fields: &[
        ("required", 1, Bool),
        ("in", 2, Text),
        ("description", 3, Text),
        ("name", 4, Text),
        ("type", 6, Text),
        ("format", 7, Text),
        ("uniqueItems", 20, Bool),
    ],
    extensions: 23,
};

static IN_PATH: Message = Message {
    fields: &[
        ("required", 1, Bool),
        ("in", 2, Text),
        ("description", 3, Text),
        ("name", 4, Text),
        ("type", 5, Text),
        ("format", 6, Text),
        ("uniqueItems", 19, Bool),
    ],
    extensions: 22,
};

static RESPONSE: Message = Message {
    fields: &[("description", 1, Text), ("schema", 2, Inside(&SCHEMA))],
    extensions: 5,
};

static SCHEMA: Message = Message {
    fields: &[
        ("$ref", 1, Text),
        ("format", 2, Text),
        ("title", 3, Text),
        ("description", 4, Text),
        ("default", 5, Any),
        ("required", 19, Texts),
        ("enum", 20, Any),
        ("additionalProperties", 21, Inside(&SCHEMA)),
        ("type", 22, TextsInside),
        ("items", 23, Inside(&SCHEMA)),
        ("allOf", 24, Many(&SCHEMA)),
        ("properties", 25, Named(1, &SCHEMA)),
    ],
    extensions: 31,
};

static API_KEY: Message = Message {
    fields: &[
        ("type", 1, Text),
        ("name", 2, Text),
        ("in", 3, Text),
        ("description", 4, Text),
    ],
    extensions: 5,
};

/// The message of a document.
pub(super) fn document(document: &Value) -> Vec<u8> {
    let mut writer = Writer::default();
    write(&mut writer, &DOCUMENT, document);
    writer.into_bytes()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    list(value)
        .chain(value.is_string().then_some(value))
        .filter_map(Value::as_str)
}

fn write(out: &mut Writer, message: &Message, value: &Value) {
    for (name, number, holds) in message.fields {
        if let Some(value) = value.get(name) {
            field(out, *number, *holds, value);
        }
    }
    for (name, value) in members(value).filter(|(name, _)| name.starts_with("x-")) {
        out.message(message.extensions, |out| {
            out.text(1, name);
            out.message(2, |out| any(out, value));
        });
    }
}

fn any(out: &mut Writer, value: &Value) {
    out.text(2, &format!("{value}\n"));
}

fn field(out: &mut Writer, number: u32, holds: Holds, value: &Value) {
    match holds {
        Text => value
            .as_str()
            .into_iter()
            .for_each(|text| out.text(number, text)),
        Texts => texts(value).for_each(|text| out.text(number, text)),
        Bool => out.number(number, value.as_bool().unwrap_or_default().into()),
        // Values of an enum are a list of such.
        Any => match value.as_array() {
            Some(values) => values
                .iter()
                .for_each(|value| out.message(number, |out| any(out, value))),
            None => out.message(number, |out| any(out, value)),
        },
        One(message) => out.message(number, |out| write(out, message, value)),
        Many(message) => {
            list(value).for_each(|value| out.message(number, |out| write(out, message, value)));
        }
        Named(inner, message) => out.message(number, |out| {
            for (name, value) in members(value) {
                out.message(inner, |out| {
                    out.text(1, name);
                    out.message(2, |out| write(out, message, value));
                });
            }
        }),
        TextsInside => {
            out.message(number, |out| {
                texts(value).for_each(|text| out.text(1, text));
            });
        }
        Inside(message) => {
            out.message(number, |out| {
                out.message(1, |out| write(out, message, value));
            });
        }
        Parameters => {
            list(value).for_each(|value| out.message(number, |out| parameter(out, value)));
        }
        Responses => out.message(number, |out| {
            for (code, response) in members(value) {
                out.message(1, |out| {
                    out.text(1, code);
                    let content = |out: &mut Writer| write(out, &RESPONSE, response);
                    out.message(2, |out| out.message(1, content));
                });
            }
        }),
        Requirements => {
            list(value).for_each(|value| out.message(number, |out| requirement(out, value)));
        }
        Securities => out.message(number, |out| {
            for (name, value) in members(value) {
                out.message(1, |out| {
                    out.text(1, name);
                    out.message(2, |out| out.message(2, |out| write(out, &API_KEY, value)));
                });
            }
        }),
    }
}

/// A parameter of an operation: one in the body, or another by where it is.
fn parameter(out: &mut Writer, value: &Value) {
    out.message(1, |out| match value.get("in").and_then(Value::as_str) {
        Some("body") => out.message(1, |out| write(out, &BODY, value)),
        Some("path") => out.message(2, |out| out.message(4, |out| write(out, &IN_PATH, value))),
        _ => out.message(2, |out| out.message(3, |out| write(out, &IN_QUERY, value))),
    });
}

fn requirement(out: &mut Writer, value: &Value) {
    for (name, scopes) in members(value) {
        out.message(1, |out| {
            out.text(1, name);
            out.message(2, |out| texts(scopes).for_each(|scope| out.text(1, scope)));
        });
    }
}
