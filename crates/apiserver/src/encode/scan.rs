//! Finding members in JSON that this server wrote itself: compact, well formed, each key once.
//!
//! Selectors, tables of metadata and the place of the revision need a few bytes of an object whose bytes are the
//! answer. Walking to them costs a fraction of decoding; nothing here panics on other input, it finds nothing.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;

const MANAGED_FIELDS: &str = "managedFields";

/// What stands before them; they are never the first of the metadata.
const MANAGED_KEY: &[u8] = b",\"managedFields\":";

/// The end of the string that begins at `at` (which is a quote).
fn string_end(json: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += memchr2(b'"', b'\\', json.get(at..)?)?;
        if json.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The end of the value that begins at `at`.
fn value_end(json: &[u8], at: usize) -> Option<usize> {
    match json.get(at)? {
        b'"' => string_end(json, at),
        b'{' | b'[' => {
            let mut depth = 0_usize;
            let mut at = at;
            loop {
                match json.get(at)? {
                    b'"' => {
                        at = string_end(json, at)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth -= 1;
                        if depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
        }
        _ => {
            let rest = json.get(at..)?;
            Some(
                at + rest
                    .iter()
                    .position(|b| matches!(b, b',' | b'}' | b']'))
                    .unwrap_or(rest.len()),
            )
        }
    }
}

/// The members of an object: the key without its quotes and the range of the value.
pub(crate) struct Members<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.json.get(self.at) != Some(&b'"') {
            return None;
        }
        let key_end = string_end(self.json, self.at)?;
        let key = self.json.get(self.at + 1..key_end - 1)?;
        let start = key_end + 1;
        let end = value_end(self.json, start)?;
        self.at = end + 1;
        Some((key, start..end))
    }
}

/// The members of the object that begins at `at`.
pub(crate) fn members(json: &[u8], at: usize) -> Members<'_> {
    let at = if json.get(at) == Some(&b'{') {
        at + 1
    } else {
        json.len()
    };
    Members { json, at }
}

/// The value of a member of the object that begins at `at`.
pub(crate) fn member(json: &[u8], at: usize, key: &str) -> Option<Range<usize>> {
    members(json, at)
        .find(|(found, _)| *found == key.as_bytes())
        .map(|(_, value)| value)
}

/// The metadata of an object.
pub(crate) fn metadata(json: &[u8]) -> Option<Range<usize>> {
    member(json, 0, "metadata")
}

/// A member of the metadata of an object.
pub(crate) fn in_metadata(json: &[u8], key: &str) -> Option<Range<usize>> {
    member(json, metadata(json)?.start, key)
}

/// The revision's place in an object, without the quotes.
pub(crate) fn resource_version(json: &[u8]) -> Option<Range<usize>> {
    let quoted = in_metadata(json, "resourceVersion")?;
    (quoted.len() >= 2).then(|| quoted.start + 1..quoted.end - 1)
}

/// The text between the quotes at `range`, where it has no escapes.
pub(crate) fn text(json: &[u8], range: Range<usize>) -> Option<&str> {
    let inner = json.get(range)?.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    std::str::from_utf8(inner)
        .ok()
        .filter(|text| !text.contains('\\'))
}

/// The labels of an object.
pub(crate) fn labels(json: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    let at = in_metadata(json, "labels").map_or(json.len(), |range| range.start);
    members(json, at)
        .filter_map(|(key, value)| Some((std::str::from_utf8(key).ok()?, text(json, value)?)))
}

/// The text at a path of member names, where there is one.
pub(crate) fn at<'a>(json: &'a [u8], path: &str) -> Option<&'a str> {
    let mut range = 0..json.len();
    for name in path.split('.') {
        range = member(json, range.start, name)?;
    }
    text(json, range)
}

/// The managed fields of an object, as JSON; empty where it has none.
pub(crate) fn managed_fields(json: &[u8]) -> &[u8] {
    in_metadata(json, MANAGED_FIELDS)
        .and_then(|range| json.get(range))
        .unwrap_or_default()
}

/// The object without its managed fields, which only writes look at.
pub(crate) fn without_managed_fields(json: &[u8]) -> Cow<'_, [u8]> {
    let cut = in_metadata(json, MANAGED_FIELDS).and_then(|range| {
        let head = json.get(..range.start)?.strip_suffix(MANAGED_KEY)?;
        Some([head, json.get(range.end..)?].concat())
    });
    cut.map_or(Cow::Borrowed(json), Cow::Owned)
}

/// The object with managed fields, which go to the end of its metadata so that nobody has to pass them who looks for a label.
pub(crate) fn with_managed_fields(json: Vec<u8>, managed: &[u8]) -> Vec<u8> {
    let end = metadata(&json).map(|range| range.end.saturating_sub(1));
    let Some((head, tail)) = end.and_then(|end| json.split_at_checked(end)) else {
        return json;
    };
    if managed.is_empty() {
        return json;
    }
    [head, MANAGED_KEY, managed, tail].concat()
}

/// The object without its revision: what two versions are compared by.
pub(crate) fn without_revision(json: &[u8]) -> (&[u8], &[u8]) {
    match resource_version(json) {
        Some(place) => (&json[..place.start], &json[place.end..]),
        None => (json, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = r#"{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"{\"metadata\":\\","n":"}"},"metadata":{"annotations":{"resourceVersion":""},"labels":{"app":"x","t":""},"name":"n","resourceVersion":"12","uid":"u"}}"#;

    #[test]
    fn finds_the_revision_and_not_what_looks_like_it() {
        let place = resource_version(OBJECT.as_bytes()).unwrap();
        assert_eq!(&OBJECT[place], "12");
    }

    #[test]
    fn finds_labels() {
        let labels: Vec<_> = labels(OBJECT.as_bytes()).collect();
        assert_eq!(labels, [("app", "x"), ("t", "")]);
    }

    #[test]
    fn puts_managed_fields_in_and_out() {
        let managed = b"[{\"manager\":\"a\"}]";
        let with = with_managed_fields(OBJECT.into(), managed);
        assert_eq!(managed_fields(&with), managed);
        assert_eq!(with.len(), OBJECT.len() + MANAGED_KEY.len() + managed.len());
        assert_eq!(
            resource_version(&with).map(|at| &with[at]),
            Some(&b"12"[..])
        );
        assert_eq!(*without_managed_fields(&with), *OBJECT.as_bytes());
        assert_eq!(
            *without_managed_fields(OBJECT.as_bytes()),
            *OBJECT.as_bytes()
        );
    }

    #[test]
    fn finds_nothing_in_what_is_broken() {
        for end in 0..OBJECT.len() {
            let _ = resource_version(&OBJECT.as_bytes()[..end]);
            let _ = with_managed_fields(OBJECT.as_bytes()[..end].to_vec(), b"[]");
            let _ = without_managed_fields(&OBJECT.as_bytes()[..end]);
        }
        assert_eq!(resource_version(b"{\"metadata\":{\"name\":\"a\"}}"), None);
    }
}
