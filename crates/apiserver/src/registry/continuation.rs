//! The token of the next page: the revision of the first page, and the key where the last one ended.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use navarch_machinery::status::{Result, StatusError};
use serde::{Deserialize, Serialize};

/// As Go reads it: bits behind the last byte do not matter.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a token holds, in the form that Kubernetes gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    v: String,
    /// -1: go on with what there is now.
    rv: i64,
    start: String,
}

impl Token {
    /// The page after `key`, which is without the resource's prefix. `revision` is `None` where the pages need not agree.
    pub(crate) fn after(key: &str, revision: Option<u64>) -> Self {
        let rv = revision
            .and_then(|revision| i64::try_from(revision).ok())
            .unwrap_or(-1);
        Self {
            v: "meta.k8s.io/v1".into(),
            rv,
            start: format!("{key}\0"),
        }
    }

    pub(crate) fn encode(&self) -> String {
        BASE64.encode(serde_json::json!(self).to_string())
    }

    pub(crate) fn decode(text: &str) -> Result<Self> {
        let invalid =
            |why: String| StatusError::bad_request(format!("invalid continue token: {why}"));
        let json = BASE64.decode(text.trim_end_matches('=')).map_err(|error| {
            invalid(format!(
                "continue key is not valid: {}",
                base64_words(&error)
            ))
        })?;
        let token: Self = serde_json::from_slice(&json).map_err(|_| {
            let first = json.first().map_or_else(
                || "unexpected end of JSON input".into(),
                |b| {
                    format!(
                        "invalid character {:?} looking for beginning of value",
                        char::from(*b)
                    )
                    .replace('"', "'")
                },
            );
            invalid(format!("continue key is not valid: {first}"))
        })?;
        let why = match &*token.v {
            "meta.k8s.io/v1" if token.rv == 0 => {
                "incorrect encoded start resourceVersion (version meta.k8s.io/v1)".into()
            }
            "meta.k8s.io/v1" if token.start.is_empty() => {
                "encoded start key empty (version meta.k8s.io/v1)".into()
            }
            "meta.k8s.io/v1" if token.start.split('/').any(|part| part == "..") => {
                format!("continue key is not valid: {}", token.start)
            }
            "meta.k8s.io/v1" => return Ok(token),
            other => format!("server does not recognize this encoded version {other}"),
        };
        Err(invalid(why))
    }

    /// The key that the page comes after, without the resource's prefix.
    pub(crate) fn key(&self) -> &str {
        self.start.strip_suffix('\0').unwrap_or(&self.start)
    }

    /// The revision to read at; `None`: the newest.
    pub(crate) fn revision(&self) -> Option<u64> {
        u64::try_from(self.rv).ok()
    }
}

fn base64_words(error: &base64::DecodeError) -> String {
    match error {
        base64::DecodeError::InvalidByte(at, _) => {
            format!("illegal base64 data at input byte {at}")
        }
        _ => "illegal base64 data".into(),
    }
}
