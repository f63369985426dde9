//! From a value to YAML in block style, with quotes where a reader of YAML 1.1 would else see something other than text.

use serde_json::{Map, Value};

use super::resolve::{self, Scalar};

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
        if key.contains('\n') {
            quoted(out, key);
        } else {
            text(out, key, column);
        }
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

/// What follows a dash.
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
        Value::String(string) => text(out, string, column),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        other => out.push_str(&other.to_string()),
    }
}

fn text(out: &mut String, string: &str, column: usize) {
    if !string.chars().all(printable) {
        quoted(out, string);
    } else if string.contains('\n') {
        if fits_a_block(string) {
            block(out, string, column + 2);
        } else {
            quoted(out, string);
        }
    } else if resolve::plain(string) != Scalar::Text || resolve::is_base60(string) {
        quoted(out, string);
    } else if is_plain(string) {
        out.push_str(string);
    } else {
        out.push('\'');
        out.push_str(&string.replace('\'', "''"));
        out.push('\'');
    }
}

/// JSON's strings are YAML's in double quotes.
fn quoted(out: &mut String, string: &str) {
    for letter in Value::from(string).to_string().chars() {
        match letter {
            letter if letter == '\n' || printable(letter) => out.push(letter),
            letter => out.extend(
                letter
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .map(|unit| format!("\\u{unit:04x}")),
            ),
        }
    }
}

fn printable(letter: char) -> bool {
    matches!(letter, '\n' | ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

fn is_plain(string: &str) -> bool {
    let starts = |c: char| "-?:,[]{}#&*!|>'\"%@`= ".contains(c);
    !string.starts_with(starts)
        && !string.ends_with([' ', ':'])
        && !string.contains(": ")
        && !string.contains(" #")
        && !string.starts_with("...")
}

/// Whether its lines can stand as they are.
fn fits_a_block(string: &str) -> bool {
    !string.starts_with([' ', '\n']) && !string.contains(" \n") && !string.ends_with(' ')
}

fn block(out: &mut String, string: &str, column: usize) {
    let body = string.trim_end_matches('\n');
    out.push_str(match string.len() - body.len() {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    let kept = if string.len() - body.len() > 1 {
        &string[..string.len() - 1]
    } else {
        body
    };
    for line in kept.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            indent(out, column);
            out.push_str(line);
        }
    }
}
