//! Protobuf bodies, read as JSON: what kubectl's generators and client-go's typed clients send.

use navarch_api::schema::schema;
use navarch_machinery::protobuf::{self, Envelope};
use navarch_machinery::status::{Result, StatusError};

use crate::registry::decode::summary;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// What a body is taken for that does not say what it is.
pub(crate) struct Expected {
    api_version: String,
    kind: String,
}

impl Expected {
    pub(crate) fn new(group: &str, version: &str, kind: &str) -> Self {
        let api_version = match group {
            "" => version.to_owned(),
            _ => format!("{group}/{version}"),
        };
        Self {
            api_version,
            kind: kind.to_owned(),
        }
    }
}

/// The JSON of a body. One of a kind that nobody knows has nothing but its kind, for which it is refused when it is read.
pub(crate) fn to_json(body: &[u8], expected: &Expected) -> Result<Vec<u8>> {
    let Envelope {
        mut api_version,
        mut kind,
        message,
    } = Envelope::open(body).map_err(|error| {
        // Options are read apart from objects, and what is wrong with them is told bare.
        StatusError::bad_request(match &*expected.kind {
            "DeleteOptions" => error.to_string(),
            kind => format!(
                "the object provided is unrecognized (must be of type {kind}): {error} ({})",
                summary(body)
            ),
        })
    })?;
    if kind.is_empty() {
        kind.clone_from(&expected.kind);
    }
    if api_version.is_empty() {
        api_version.clone_from(&expected.api_version);
    }
    let types = schema();
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let ty = types.kind(group, version, &kind);
    // Options are of every group and version.
    let ty = ty.or_else(|| types.id(&format!("{META}.{kind}")));
    let Some(ty) = ty else {
        let nothing = serde_json::json!({"apiVersion": api_version, "kind": kind});
        return Ok(nothing.to_string().into_bytes());
    };
    protobuf::to_json(types, ty, (&api_version, &kind), message).map_err(|error| {
        StatusError::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a {}: {error}",
            expected.kind
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len()).unwrap();
        [&[number << 3 | 2, length], bytes].concat()
    }

    fn config_map() -> Expected {
        Expected::new("", "v1", "ConfigMap")
    }

    #[test]
    fn a_config_map_is_read() {
        let meta = [
            field(1, b"x"),
            field(2, b""),
            field(11, &[field(1, b"l"), field(2, b"v")].concat()),
        ]
        .concat();
        let data = [field(1, b"k"), field(2, b"v")].concat();
        let object = [field(1, &meta), field(2, &data)].concat();
        let body = [protobuf::MAGIC.to_vec(), field(2, &object)].concat();
        let json = to_json(&body, &config_map()).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let want = serde_json::json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "v"},
            "metadata": {"name": "x", "labels": {"l": "v"}},
        });
        assert_eq!(json, want);
    }

    #[test]
    fn what_is_broken_is_refused() {
        let refused = |body: &[u8]| to_json(body, &config_map()).unwrap_err().message;
        assert_eq!(
            refused(b"nonsense"),
            "the object provided is unrecognized (must be of type ConfigMap): provided data does not appear to be a \
             protobuf message, expected prefix [107 56 115 0] (6e6f6e73656e7365)"
        );
        let kind = [field(1, b"v1"), field(2, b"ConfigMap")].concat();
        let body = [
            protobuf::MAGIC.to_vec(),
            field(1, &kind),
            field(2, &[1 << 3 | 2, 100]),
        ];
        assert_eq!(
            refused(&body.concat()),
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: unexpected EOF"
        );
    }
}
