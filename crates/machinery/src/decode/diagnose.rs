//! From what stopped the decoder to Go's words for it.

use serde_json::Value;

use super::adapter::Failure;
use super::path::{Cause, Mismatch};
use super::syntax::syntax_error;
use super::{DecodeError, Root, names};

/// The document with what Go mends and serde_json refuses: bytes that are no UTF-8, and halves of surrogate pairs.
pub(super) fn mended(json: &[u8], failure: &Failure) -> Option<Vec<u8>> {
    if failure.findings.cause.is_some() || syntax_error(json).is_some() {
        return None;
    }
    let text = String::from_utf8_lossy(json).into_owned();
    let mended = replace_surrogates(&text);
    (mended.as_bytes() != json).then(|| mended.into_bytes())
}

/// Escapes of surrogates that have no other half become U+FFFD.
fn replace_surrogates(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let unit = |escape: &str| {
            escape
                .strip_prefix("\\u")
                .and_then(|hex| u16::from_str_radix(hex.get(..4)?, 16).ok())
        };
        let first = unit(escape);
        let second = escape.get(6..).and_then(unit);
        let length = match (first, second) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                out.push('\u{fffd}');
                rest = &escape[6..];
                continue;
            }
            (Some(_), _) => 6,
            (None, _) => 2,
        };
        let (escape, after) = escape.split_at(length.min(escape.len()));
        out.push_str(escape);
        rest = after;
    }
    out.push_str(rest);
    out
}

pub(super) fn explain(json: &[u8], failure: &Failure, root: Option<Root<'_>>) -> DecodeError {
    if let Some(words) = syntax_error(json) {
        return DecodeError(words);
    }
    DecodeError(match &failure.findings.cause {
        Some(Cause::Words(words)) => words.clone(),
        Some(Cause::Mismatch(mismatch)) => mismatch_words(json, mismatch, &failure.error, root),
        None => plain(&failure.error),
    })
}

fn mismatch_words(
    json: &[u8],
    mismatch: &Mismatch,
    error: &serde_json::Error,
    root: Option<Root<'_>>,
) -> String {
    let mut value = mismatch.value.to_owned();
    if mismatch.literal {
        value.push(' ');
        value.push_str(literal(json, error));
    }
    let place = names::place(&mismatch.steps, root);
    let told = || mismatch.go_type.replace('@', &version(json));
    let go_type = place.printed.unwrap_or_else(told);
    if mismatch.steps.is_empty() {
        return format!("json: cannot unmarshal {value} into Go value of type {go_type}");
    }
    let (name, field) = (&place.struct_name, &place.field);
    format!("json: cannot unmarshal {value} into Go struct field {name}.{field} of type {go_type}")
}

/// The number at whose end the error is.
fn literal<'a>(json: &'a [u8], error: &serde_json::Error) -> &'a str {
    let line = json
        .split(|byte| *byte == b'\n')
        .nth(error.line().saturating_sub(1))
        .unwrap_or_default();
    let before = &line[..error.column().min(line.len())];
    let part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let start = before
        .iter()
        .rposition(|byte| !part(byte))
        .map_or(0, |at| at + 1);
    std::str::from_utf8(&before[start..]).unwrap_or_default()
}

/// The Go package of the document's types: `v1` of `apps/v1`.
fn version(json: &[u8]) -> String {
    let document: Value = serde_json::from_slice(json).unwrap_or_default();
    let api_version = document
        .get("apiVersion")
        .and_then(Value::as_str)
        .unwrap_or("");
    match api_version.rsplit('/').next() {
        Some(version) if !version.is_empty() => version.to_owned(),
        _ => "v1".to_owned(),
    }
}

/// serde_json's words without the place, which Go does not tell.
fn plain(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    words.strip_suffix(&place).unwrap_or(&words).to_owned()
}
