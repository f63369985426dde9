//! The body of a subresource that is no part of the object's JSON: an eviction, a scale, a binding, a request for a token.

use navarch_api::schema::schema;
use navarch_machinery::status::{Result, StatusError};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::Input;
use super::super::decode::internal_package;
use crate::served::Directory;

/// What Kubernetes calls the list of the kinds that these are in.
const SCHEME: &str = "pkg/api/legacyscheme/scheme.go:30";

/// Group, version and kind.
pub(super) type Kind = (&'static str, &'static str, &'static str);

/// The request's body as a type that is no resource's.
pub(super) fn body<T: DeserializeOwned>(
    directory: &Directory,
    input: &Input,
    kind: Kind,
) -> Result<T> {
    let value = value(input, kind.2)?;
    let given = Given::of(&value, kind);
    let cannot = |why: String| {
        let (version, given, wanted) = (given.version, given.kind, kind.2);
        StatusError::bad_request(format!(
            "{given} in version {version:?} cannot be handled as a {wanted}: {why}"
        ))
    };
    if let Some(why) = given.misfit(directory, kind, &value) {
        return Err(cannot(why));
    }
    T::deserialize(&value).map_err(|error| cannot(error.to_string()))
}

/// The request's body as JSON.
fn value(input: &Input, kind: &str) -> Result<Value> {
    match input {
        Input::Json(json) if !json.is_empty() => serde_json::from_slice(json).map_err(|_| {
            let why = navarch_machinery::decode::decode::<Value>(json).err().map(|error| error.0).unwrap_or_default();
            StatusError::bad_request(format!(
                "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: {why}"
            ))
        }),
        Input::Yaml(yaml) => {
            let json = navarch_machinery::yaml::to_json(yaml)
                .map_err(|error| StatusError::bad_request(error.0))?;
            value(&Input::Json(json.into()), kind)
        }
        Input::Value(value) => Ok(value.clone()),
        Input::Object(object) => super::super::decode::to_value(object),
        _ => Ok(serde_json::json!({})),
    }
}

/// What a body says it is, with what it leaves out as the path has it.
struct Given<'v> {
    group: &'v str,
    version: &'v str,
    kind: &'v str,
}

impl<'v> Given<'v> {
    fn of(value: &'v Value, (group, version, kind): Kind) -> Self {
        let text = |name: &str| {
            let text = value.get(name).and_then(Value::as_str);
            text.filter(|text| !text.is_empty())
        };
        let (group, version) = match text("apiVersion") {
            Some(given) => given.split_once('/').unwrap_or(("", given)),
            None => (group, version),
        };
        Self {
            group,
            version,
            kind: text("kind").unwrap_or(kind),
        }
    }

    /// Why it is not what the path asks for; `None`: it is. What is of another kind is decoded before that is seen.
    fn misfit(&self, directory: &Directory, wanted: Kind, value: &Value) -> Option<String> {
        let Self {
            group,
            version,
            kind,
        } = self;
        if (*group, *kind) == (wanted.0, wanted.2) {
            return None;
        }
        let row = directory.table.kind(group, version, kind);
        if row.is_none() && schema().kind(group, version, kind).is_none() {
            let separator = if group.is_empty() { "" } else { "/" };
            return Some(format!(
                "no kind {kind:?} is registered for version \"{group}{separator}{version}\" in scheme {SCHEME:?}"
            ));
        }
        let decoded = row.map(|row| row.strategy.decode(value.to_string().as_bytes()));
        if let Some(Err(why)) = decoded {
            return Some(why);
        }
        let (internal, wanted) = (internal_package(wanted.0), wanted.2);
        Some(format!(
            "converting ({version}.{kind}) to ({internal}.{wanted}): unknown conversion"
        ))
    }
}
