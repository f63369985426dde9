//! From a stranger's bytes to an object, in Kubernetes' words where it fails.

use std::sync::Arc;

use navarch_machinery::decode::decode;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use serde::Deserialize;

use super::request::Input;
use crate::request::FieldValidation;
use crate::served::{Directory, Served};

/// How much of a body that cannot be read is shown.
const SHOWN: usize = 30;

#[derive(Deserialize, Default)]
#[serde(default)]
struct TypeMeta {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
}

/// An object of `served`, whatever way it came. Findings of field validation are refused or warned of.
pub(crate) fn object(
    directory: &Directory,
    served: &Served,
    input: &Input,
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn Object>> {
    match input {
        Input::Object(object) => from_process(served, &**object),
        Input::Value(value) => from_bytes(
            directory,
            served,
            value.to_string().as_bytes(),
            validation,
            warnings,
        ),
        Input::Json(json) => from_bytes(directory, served, json, validation, warnings),
        Input::None | Input::Patch(..) | Input::PatchValue(..) => {
            from_bytes(directory, served, b"", validation, warnings)
        }
    }
}

fn from_process(served: &Served, object: &dyn Object) -> Result<Box<dyn Object>> {
    if object.kind() == served.def.kind && object.api_version() == served.api_version {
        return Ok(object.clone_object());
    }
    let (kind, version) = (object.kind(), object.api_version());
    Err(StatusError::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {}",
        served.def.kind
    )))
}

fn from_bytes(
    directory: &Directory,
    served: &Served,
    json: &[u8],
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn Object>> {
    let kind = &served.def.kind;
    let unrecognized = |error: String| {
        StatusError::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: {error} ({})",
            summary(json)
        ))
    };
    let meta = type_meta(json).map_err(unrecognized)?;
    check_kind(directory, served, &meta)?;
    let version = &served.def.version;
    let cannot = |error: String| {
        StatusError::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a {kind}: {error}"
        ))
    };
    let decoded = served.def.strategy.decode(json).map_err(cannot)?;
    let unknown = decoded
        .unknown
        .iter()
        .map(|path| format!("unknown field {path:?}"));
    let findings: Vec<String> = unknown
        .chain(
            decoded
                .duplicate
                .iter()
                .map(|path| format!("duplicate field {path:?}")),
        )
        .collect();
    match validation {
        FieldValidation::Strict if !findings.is_empty() => {
            return Err(cannot(format!(
                "strict decoding error: {}",
                findings.join(", ")
            )));
        }
        FieldValidation::Warn => warnings.extend(findings),
        _ => {}
    }
    Ok(decoded.object)
}

fn type_meta(json: &[u8]) -> std::result::Result<TypeMeta, String> {
    if json.iter().all(u8::is_ascii_whitespace) {
        return Err("unexpected end of JSON input".into());
    }
    let word = match json.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'"') => Some("string"),
        Some(b'[') => Some("array"),
        Some(b't' | b'f') => Some("bool"),
        Some(b'0'..=b'9' | b'-') => Some("number"),
        _ => None,
    };
    if let (Some(word), Ok(_)) = (word, serde_json::from_slice::<serde::de::IgnoredAny>(json)) {
        return Err(format!(
            "json: cannot unmarshal {word} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; \
             Kind string \"json:\\\"kind,omitempty\\\"\" }}"
        ));
    }
    match serde_json::from_slice(json) {
        Ok(meta) => Ok(meta),
        Err(_) => decode::<TypeMeta>(json)
            .map(|decoded| decoded.value)
            .map_err(|error| error.0),
    }
}

/// The data's own version and kind must be what the path says, or be left out.
fn check_kind(directory: &Directory, served: &Served, meta: &TypeMeta) -> Result<()> {
    let def = &served.def;
    let version_differs = !meta.api_version.is_empty() && meta.api_version != served.api_version;
    let kind_differs = !meta.kind.is_empty() && meta.kind != def.kind;
    if !version_differs && !kind_differs {
        return Ok(());
    }
    let kind = if meta.kind.is_empty() {
        &*def.kind
    } else {
        &meta.kind
    };
    let api_version = if meta.api_version.is_empty() {
        &served.api_version
    } else {
        &meta.api_version
    };
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let known = directory.table.kind(group, version, kind).is_some();
    let scheme = served.scheme();
    let why = match known {
        true if kind_differs => format!(
            "no kind {kind:?} is registered for the internal version of group {:?} in scheme {scheme:?}",
            def.group
        ),
        true => {
            let message = format!(
                "the API version in the data ({api_version}) does not match the expected API version ({})",
                served.api_version
            );
            return Err(StatusError::bad_request(message));
        }
        false => format!(
            "no kind {kind:?} is registered for version {api_version:?} in scheme {scheme:?}"
        ),
    };
    Err(StatusError::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {}: {why}",
        def.kind
    )))
}

/// The beginning of a body, as a refusal shows it.
pub(crate) fn summary(body: &[u8]) -> String {
    let shown = body.get(..SHOWN).unwrap_or(body);
    let more = if body.len() > SHOWN { " ..." } else { "" };
    match body.first() {
        None => "<empty>".into(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(shown)),
        Some(_) => format!(
            "{}{more}",
            shown.iter().map(|b| format!("{b:02x}")).collect::<String>()
        ),
    }
}

/// An object of `served` from JSON that this server made itself by patching.
pub(crate) fn patched(
    served: &Served,
    json: &[u8],
) -> std::result::Result<navarch_api::strategy::Decoded, String> {
    served.def.strategy.decode(json)
}

/// An object as JSON, without sharing.
pub(crate) fn to_value(object: &Arc<dyn Object>) -> Result<serde_json::Value> {
    let mut json = Vec::new();
    object.encode(&mut json);
    serde_json::from_slice(&json).map_err(StatusError::internal)
}
