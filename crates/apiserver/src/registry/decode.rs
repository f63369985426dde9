//! From a stranger's bytes to an object, in Kubernetes' words where it fails.

mod kinds;
mod members;
mod meta;

use std::borrow::Cow;
use std::sync::Arc;

use navarch_api::strategy::Decoded;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_machinery::yaml;

pub(super) use self::kinds::Claim;
pub(super) use self::meta::TypeMeta;
use super::request::Input;
use crate::request::FieldValidation;
use crate::served::{Directory, Served};

/// How much of a body that cannot be read is shown.
const SHOWN: usize = 30;

/// An object of `served`, whatever way it came. Findings of field validation are refused or warned of.
pub(crate) fn object(
    directory: &Directory,
    served: &Served,
    input: &Input,
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn Object>> {
    let value;
    let body = match input {
        Input::Object(object) => return from_process(served, &**object),
        Input::Value(given) => {
            value = given.to_string();
            Body::json(value.as_bytes())
        }
        Input::Json(json) => Body::json(json),
        Input::Yaml(yaml) => {
            Body::yaml(yaml).map_err(|error| unrecognized(served, yaml, &error))?
        }
        Input::None | Input::Patch(..) | Input::PatchValue(..) => Body::json(b""),
    };
    from_bytes(directory, served, &body, validation, warnings)
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

/// A body on its way to an object.
struct Body<'a> {
    /// It as it came, which refusals show.
    raw: &'a [u8],
    json: Cow<'a, [u8]>,
    /// What field validation says of keys that are there twice, of which JSON knows no more: a line each.
    duplicates: Option<String>,
}

impl<'a> Body<'a> {
    fn json(raw: &'a [u8]) -> Self {
        Self {
            raw,
            json: Cow::Borrowed(raw),
            duplicates: None,
        }
    }

    fn yaml(raw: &'a [u8]) -> std::result::Result<Self, String> {
        let converted = yaml::convert(raw).map_err(|error| error.0)?;
        Ok(Self {
            raw,
            json: Cow::Owned(converted.json),
            duplicates: converted.duplicates,
        })
    }
}

fn unrecognized(served: &Served, raw: &[u8], error: &str) -> StatusError {
    StatusError::bad_request(format!(
        "the object provided is unrecognized (must be of type {}): {error} ({})",
        served.def.kind,
        summary(raw)
    ))
}

fn from_bytes(
    directory: &Directory,
    served: &Served,
    body: &Body<'_>,
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn Object>> {
    let meta = TypeMeta::of(&body.json).map_err(|why| unrecognized(served, body.raw, &why))?;
    let claim = Claim::new(&meta, served);
    claim.check(directory, served, &body.json)?;
    let json = kinds::typed(&body.json, &meta, served);
    let cannot = |why: String| claim.cannot(served, &why);
    let decoded = served.def.strategy.decode(&json).map_err(cannot)?;
    let findings = findings(&decoded);
    match validation {
        FieldValidation::Strict => {
            let all: Vec<String> = body.duplicates.iter().cloned().chain(findings).collect();
            if !all.is_empty() {
                return Err(cannot(format!("strict decoding error: {}", all.join(", "))));
            }
        }
        FieldValidation::Warn => {
            let lines = body.duplicates.iter().flat_map(|text| text.lines().skip(1));
            warnings.extend(lines.map(|line| line.trim_start().to_owned()));
            warnings.extend(findings);
        }
        FieldValidation::Ignore => {}
    }
    Ok(decoded.object)
}

fn findings(decoded: &Decoded) -> Vec<String> {
    let unknown = decoded.unknown.iter();
    let unknown = unknown.map(|path| format!("unknown field {path:?}"));
    let duplicate = decoded.duplicate.iter();
    unknown
        .chain(duplicate.map(|path| format!("duplicate field {path:?}")))
        .collect()
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
pub(crate) fn patched(served: &Served, json: &[u8]) -> std::result::Result<Decoded, String> {
    served.def.strategy.decode(json)
}

/// An object as JSON, without sharing.
pub(crate) fn to_value(object: &Arc<dyn Object>) -> Result<serde_json::Value> {
    let mut json = Vec::new();
    object.encode(&mut json);
    serde_json::from_slice(&json).map_err(StatusError::internal)
}
