//! Kubernetes' protobuf bodies, turned into JSON: what kubectl's generators and client-go's typed clients send.
//!
//! The message bytes are walked by the schema of the type (shapes) and the table of field numbers beside this file. An
//! empty string is left out, as JSON leaves it out; everything else that is on the wire is kept.

mod numbers;
mod value;
mod wire;

use navarch_api::schema::schema;
use navarch_machinery::status::{Result, StatusError};
use serde_json::Value;

use wire::{Fields, Wire};

/// What every such body begins with.
const MAGIC: &[u8] = b"k8s\0";
const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// The JSON of a body.
pub(crate) fn to_json(body: &[u8]) -> Result<Vec<u8>> {
    let wrong =
        |why: &str| StatusError::bad_request(format!("the object provided is unrecognized: {why}"));
    let envelope = body
        .strip_prefix(MAGIC)
        .ok_or_else(|| wrong("it does not begin as a protobuf body does"))?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for field in Fields::new(envelope) {
        match field.map_err(wrong)? {
            (1, Wire::Bytes(meta)) => {
                for field in Fields::new(meta) {
                    match field.map_err(wrong)? {
                        (1, Wire::Bytes(text)) => {
                            api_version = String::from_utf8_lossy(text).into_owned();
                        }
                        (2, Wire::Bytes(text)) => kind = String::from_utf8_lossy(text).into_owned(),
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(message)) => raw = message,
            _ => {}
        }
    }
    let types = schema();
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let ty = types
        .kind(group, version, &kind)
        .or_else(|| types.id(&format!("{META}.{kind}")));
    let unknown = || {
        wrong(&format!(
            "no kind {kind:?} is registered for version {api_version:?}"
        ))
    };
    let mut object = value::object(ty.ok_or_else(unknown)?, raw, 0).map_err(wrong)?;
    object.insert("apiVersion".into(), api_version.into());
    object.insert("kind".into(), kind.into());
    Ok(Value::Object(object).to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len()).unwrap();
        [&[number << 3 | 2, length], bytes].concat()
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
        let kind = [field(1, b"v1"), field(2, b"ConfigMap")].concat();
        let body = [MAGIC.to_vec(), field(1, &kind), field(2, &object)].concat();
        let json: Value = serde_json::from_slice(&to_json(&body).unwrap()).unwrap();
        let want = serde_json::json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "v"},
            "metadata": {"name": "x", "labels": {"l": "v"}},
        });
        assert_eq!(json, want);
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let kind = [field(1, b"v1"), field(2, b"ConfigMap")].concat();
        let body = [MAGIC.to_vec(), field(1, &kind), vec![2 << 3 | 2, 100, 1]].concat();
        assert_eq!(to_json(&body).unwrap_err().code, 400);
        assert_eq!(to_json(b"nonsense").unwrap_err().code, 400);
    }
}
