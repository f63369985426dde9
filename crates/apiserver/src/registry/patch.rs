//! PATCH: JSON, merge and strategic merge patches of the newest version.

use std::borrow::Cow;

use navarch_api::call::PatchKind;
use navarch_machinery::object::Object;
use navarch_machinery::patch;
use navarch_machinery::status::{Result, StatusError};
use serde_json::Value;

use super::create::own_namespace;
use super::request::part_of;
use super::update::{Change, Current, PATCHES, Wish};
use super::{Input, Request, decode};
use crate::ApiServer;
use crate::encode::scan;
use crate::managed::Managed;
use crate::reply::Output;
use crate::request::FieldValidation;
use crate::served::Served;

/// A patch that has been read.
pub(crate) enum Patch {
    /// RFC 6902, as it came: the error for an unknown operation quotes it.
    Json(Vec<u8>),
    Merge(Value),
    Strategic(Value),
}

impl ApiServer {
    /// Patches the object, or the part of it that the subresource is.
    pub(crate) async fn patch(&self, request: &mut Request<'_>) -> Result<Output> {
        let kind = request.body.patch_kind();
        let options = request.params.patch_options(kind)?;
        if kind == Some(PatchKind::Apply) {
            return self.apply(request, options).await;
        }
        let part = part_of(&request.info.subresource);
        self.store
            .snapshot()
            .get(&request.key())
            .ok_or_else(|| request.not_found())?;
        let patch = read(std::mem::replace(&mut request.body, Input::None))?;
        let served = request.served.clone();
        let namespace = request.namespace().to_owned();
        let mut wanted = |current: &Current<'_>, warnings: &mut Vec<String>| {
            let mut document = document(&served, current, patch.is_about_managers())?;
            apply(
                (&served.def.group, &served.def.version, &served.def.kind),
                &patch,
                &mut document,
            )?;
            let mut object = object(&served, &document, options.validation, warnings)?;
            own_namespace(&namespace, &mut *object)?;
            Ok(Wish {
                object,
                managed: None,
            })
        };
        let change = Change {
            part,
            dry_run: options.dry_run,
            whole: false,
            attempts: PATCHES,
            wanted: &mut wanted,
        };
        self.change(request, change).await
    }
}

/// Reads a patch whose kind the content type has told.
pub(crate) fn read(input: Input) -> Result<Patch> {
    let parse = |json: &[u8]| {
        serde_json::from_slice::<Value>(json).map_err(|_| {
            let why = navarch_machinery::decode::decode::<Value>(json)
                .err()
                .map(|error| error.0)
                .unwrap_or_default();
            StatusError::bad_request(format!("error decoding patch: {why}"))
        })
    };
    match input {
        Input::Patch(PatchKind::Json, json) => Ok(Patch::Json(json.to_vec())),
        Input::Patch(PatchKind::Merge, json) => Ok(Patch::Merge(parse(&json)?)),
        Input::Patch(PatchKind::Strategic, json) => Ok(Patch::Strategic(parse(&json)?)),
        Input::PatchValue(PatchKind::Json, value) => {
            Ok(Patch::Json(value.to_string().into_bytes()))
        }
        Input::PatchValue(PatchKind::Merge, value) => Ok(Patch::Merge(value)),
        Input::PatchValue(PatchKind::Strategic, value) => Ok(Patch::Strategic(value)),
        _ => Err(unsupported()),
    }
}

impl Patch {
    /// Whether it may touch the managed fields, so that it must see them.
    fn is_about_managers(&self) -> bool {
        match self {
            Self::Json(operations) => memchr::memmem::find(operations, b"managedFields").is_some(),
            Self::Merge(value) | Self::Strategic(value) => {
                value.pointer("/metadata/managedFields").is_some()
            }
        }
    }
}

/// The object that a patch is for.
fn document(served: &Served, current: &Current<'_>, managers: bool) -> Result<Value> {
    if served.storage.is_none() {
        let json = &current.entry.value;
        let json = if managers {
            Cow::Borrowed(&**json)
        } else {
            scan::without_managed_fields(json)
        };
        return serde_json::from_slice(&json).map_err(StatusError::internal);
    }
    let mut object = current.object.clone_object();
    if managers {
        object.metadata_mut().managed_fields = Managed::of(current.entry).entries();
    }
    decode::to_value(&object.into())
}

/// 415, in the words for a patch that nobody speaks.
pub(crate) fn unsupported() -> StatusError {
    let error = StatusError::unsupported_media_type("415: Unsupported Media Type");
    StatusError {
        details: Some(Box::default()),
        ..error
    }
}

/// Applies a patch to the JSON of an object of that group, version and kind.
pub(crate) fn apply(kind: (&str, &str, &str), patch: &Patch, document: &mut Value) -> Result<()> {
    match patch {
        Patch::Json(operations) => patch::json::apply(document, operations).map_err(Into::into),
        Patch::Merge(value) => {
            patch::merge::apply(document, value.clone());
            Ok(())
        }
        Patch::Strategic(value) => {
            let types = navarch_api::schema::schema();
            match types.kind(kind.0, kind.1, kind.2) {
                Some(ty) => {
                    patch::strategic::apply(types, ty, document, value.clone()).map_err(Into::into)
                }
                None => Err(unsupported()),
            }
        }
    }
}

/// The patched document as an object again.
fn object(
    served: &Served,
    document: &Value,
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn Object>> {
    let text = |key: &str| {
        document
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    if text("kind") != served.def.kind || text("apiVersion") != served.api_version {
        let message = format!(
            "{} in version {:?} cannot be handled as a {}: no kind {:?} is registered for version {:?} in scheme {:?}",
            text("kind"),
            text("apiVersion"),
            served.def.kind,
            text("kind"),
            text("apiVersion"),
            served.scheme()
        );
        return Err(StatusError::bad_request(message));
    }
    let json = serde_json::to_vec(document).map_err(StatusError::internal)?;
    let decoded = decode::patched(served, &json).map_err(StatusError::bad_request)?;
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
        FieldValidation::Strict if !findings.is_empty() => Err(StatusError::bad_request(format!(
            "strict decoding error: {}",
            findings.join(", ")
        ))),
        FieldValidation::Warn => {
            warnings.extend(findings);
            Ok(decoded.object)
        }
        _ => Ok(decoded.object),
    }
}
