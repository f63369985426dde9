//! From a value to YAML in block style, with quotes where a reader of YAML 1.1 would else see something other than text.

use serde_json::{Map, Value};

use super::scalars;

/// The bytes of a key that stands before its value on one line: with more, a reader may not take it for one. go-yaml's.
const LONGEST_KEY: usize = 128;

pub(super) fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => map(&mut out, fields, 0, false),
        Value::Array(items) if !items.is_empty() => list(&mut out, items, 0),
        other => {
            scalar(&mut out, other, 0);
            out.push('\n');
        }
    }
    out
}

fn indent(out: &mut String, columns: usize) {
    out.extend(std::iter::repeat_n(' ', columns));
}

/// The fields, one below the other; the first goes on where the line stands, if it is `inline`.
fn map(out: &mut String, fields: &Map<String, Value>, column: usize, inline: bool) {
    let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
    fields.sort_unstable_by_key(|(key, _)| *key);
    for (at, (key, value)) in fields.into_iter().enumerate() {
        if at > 0 || !inline {
            indent(out, column);
        }
        if key.len() > LONGEST_KEY {
            out.push_str("? ");
            scalars::key(out, key);
            out.push('\n');
            indent(out, column);
            out.push_str(": ");
            entry(out, value, column);
            continue;
        }
        scalars::key(out, key);
        out.push(':');
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                out.push('\n');
                map(out, fields, column + 2, false);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                list(out, items, column);
            }
            other => {
                out.push(' ');
                scalar(out, other, column);
                out.push('\n');
            }
        }
    }
}

fn list(out: &mut String, items: &[Value], column: usize) {
    for item in items {
        indent(out, column);
        out.push_str("- ");
        entry(out, item, column);
    }
}

/// What follows a dash, or the colon of a long key.
fn entry(out: &mut String, item: &Value, column: usize) {
    match item {
        Value::Object(fields) if !fields.is_empty() => map(out, fields, column + 2, true),
        Value::Array(items) if !items.is_empty() => {
            for (at, inner) in items.iter().enumerate() {
                if at > 0 {
                    indent(out, column + 2);
                }
                out.push_str("- ");
                entry(out, inner, column + 2);
            }
        }
        other => {
            scalar(out, other, column);
            out.push('\n');
        }
    }
}

fn scalar(out: &mut String, value: &Value, column: usize) {
    match value {
        Value::String(string) => scalars::value(out, string, column + 2),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        other => out.push_str(&other.to_string()),
    }
}
