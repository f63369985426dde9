//! An object's members as they were written.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The object without version and kind; none where the JSON is no object.
pub(super) fn without_type(json: &[u8]) -> Option<Vec<u8>> {
    let Members(members) = serde_json::from_slice(json).ok()?;
    let mut out = String::with_capacity(json.len());
    for (key, value) in &members {
        if key != "apiVersion" && key != "kind" {
            out.push(if out.is_empty() { '{' } else { ',' });
            out.push_str(&serde_json::to_string(key).ok()?);
            out.push(':');
            out.push_str(value.get());
        }
    }
    out.push_str(if out.is_empty() { "{}" } else { "}" });
    Some(out.into_bytes())
}

/// In their order, with those that are there twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::without_type;

    #[test]
    fn keeps_everything_but_version_and_kind() {
        let check = |json: &str, expected: Option<&str>| {
            let expected = expected.map(|text| text.as_bytes().to_vec());
            assert_eq!(without_type(json.as_bytes()), expected, "{json}");
        };
        check(
            r#"{"kind":"", "a":{"kind":1.50}, "apiVersion":null,"a" : 2 }"#,
            Some(r#"{"a":{"kind":1.50},"a":2}"#),
        );
        check(r#"{"kind":""}"#, Some("{}"));
        check("null", None);
    }
}
