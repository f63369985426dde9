//! Version and kind of a body, read before anything else is.

use std::borrow::Cow;
use std::fmt;

use navarch_machinery::decode::decode;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The struct without a name that Go reads both into.
const GO_TYPE: &str = r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;

/// What a body says it is; empty where it does not.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::registry) struct TypeMeta {
    #[serde(rename = "apiVersion")]
    pub(in crate::registry) api_version: String,
    pub(in crate::registry) kind: String,
}

/// The same, where the last of several counts, as it does to Go; that there are several is told later.
#[derive(Default)]
struct Last(TypeMeta);

impl<'de> Deserialize<'de> for Last {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Self::default())
    }
}

impl<'de> Visitor<'de> for Last {
    type Value = Self;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Self, A::Error> {
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            match &*name {
                "apiVersion" => self.0.api_version = members.next_value()?,
                "kind" => self.0.kind = members.next_value()?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(self)
    }
}

impl TypeMeta {
    /// Reads them.
    ///
    /// # Errors
    /// Why it is no body at all, in Go's words.
    pub(in crate::registry) fn of(json: &[u8]) -> Result<Self, String> {
        let meta = read(json)
            .map_err(|error| format!("couldn't get version/kind; json parse error: {error}"))?;
        if meta.api_version.matches('/').count() > 1 {
            return Err(format!(
                "unexpected GroupVersion string: {}",
                meta.api_version
            ));
        }
        Ok(meta)
    }

    /// Group and version: the core group may be told by a slash alone.
    pub(in crate::registry) fn version(&self) -> &str {
        let text = &*self.api_version;
        text.strip_prefix('/').unwrap_or(text)
    }
}

fn read(json: &[u8]) -> Result<TypeMeta, String> {
    let first = json.iter().find(|byte| !byte.is_ascii_whitespace());
    let word = match first {
        None => return Err("unexpected end of JSON input".into()),
        Some(b'"') => Some("string"),
        Some(b'[') => Some("array"),
        Some(b't' | b'f') => Some("bool"),
        Some(b'0'..=b'9' | b'-') => Some("number"),
        Some(_) => None,
    };
    if let (Some(word), Ok(_)) = (word, serde_json::from_slice::<IgnoredAny>(json)) {
        return Err(format!(
            "json: cannot unmarshal {word} into Go value of type {GO_TYPE}"
        ));
    }
    match serde_json::from_slice::<Last>(json) {
        Ok(last) => Ok(last.0),
        Err(_) => decode::<TypeMeta>(json)
            .map(|decoded| decoded.value)
            .map_err(|error| error.0.replace("field TypeMeta.", "field .")),
    }
}

#[cfg(test)]
mod tests {
    use super::TypeMeta;

    #[test]
    fn reads_what_a_body_says_it_is() {
        let read =
            |json: &str| TypeMeta::of(json.as_bytes()).map(|meta| (meta.api_version, meta.kind));
        let ok = |version: &str, kind: &str| Ok((version.to_owned(), kind.to_owned()));
        assert_eq!(
            read(r#"{"apiVersion":"v1","kind":"Pod","x":[1]}"#),
            ok("v1", "Pod")
        );
        assert_eq!(
            read(r#"{"kind":"A","apiVersion":"v1","kind":"B"}"#),
            ok("v1", "B")
        );
        assert_eq!(read("null"), ok("", ""));
        assert_eq!(read(r#"{"kind":null}"#), ok("", ""));
        for (json, words) in [
            (
                "",
                "couldn't get version/kind; json parse error: unexpected end of JSON input",
            ),
            (
                r#"{"kind":5}"#,
                "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string",
            ),
            (
                r#"{"apiVersion":"a/b/c"}"#,
                "unexpected GroupVersion string: a/b/c",
            ),
        ] {
            assert_eq!(read(json), Err(words.to_owned()), "{json}");
        }
    }
}
