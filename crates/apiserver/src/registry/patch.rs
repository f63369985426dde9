//! PATCH: JSON, merge and strategic merge patches of the newest version.

mod made;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use navarch_api::call::PatchKind;
use navarch_machinery::field::{Error, Path, Shown};
use navarch_machinery::patch::{self, strategic};
use navarch_machinery::status::{Result, StatusError};
use serde_json::Value;

use self::made::Making;
use super::create::own_namespace;
use super::request::part_of;
use super::update::{Change, Current, PATCHES, Wish, check_name};
use super::{Input, Request, decode};
use crate::ApiServer;
use crate::encode::scan;
use crate::managed::Managed;
use crate::reply::Output;
use crate::request::FieldValidation;
use crate::served::Served;

/// A patch that has been read.
pub(crate) struct Patch {
    body: Body,
    /// What field validation finds in the patch itself.
    findings: Vec<String>,
}

enum Body {
    /// RFC 6902: the operations, which are read once and applied in every attempt.
    Json(patch::json::Patch),
    /// RFC 7386: an object.
    Merge(Value),
    /// A strategic merge patch: an object.
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
        let body = std::mem::replace(&mut request.body, Input::None);
        let patch = Patch::read(body, options.validation)?;
        let served = request.served.clone();
        let (namespace, name) = (request.namespace().to_owned(), request.info.name.clone());
        let making = Making {
            directory: &self.directory,
            served: &served,
            patch: &patch,
            validation: options.validation,
        };
        let mut wanted = |current: &Current<'_>, warnings: &mut Vec<String>| {
            let mut object = making.object(current, warnings)?;
            own_namespace(&namespace, &mut *object)?;
            check_name(&name, &*object)?;
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

impl Patch {
    /// Reads a patch whose kind the content type has told. What is wrong with it is told in other words where fields are validated.
    pub(crate) fn read(input: Input, validation: FieldValidation) -> Result<Self> {
        let validates = validation != FieldValidation::Ignore;
        match input {
            Input::Patch(PatchKind::Json, json) => Self::json(&json, validates),
            Input::PatchValue(PatchKind::Json, value) => Ok(Self {
                body: Body::Json(patch::json::Patch::of(value)?),
                findings: Vec::new(),
            }),
            Input::Patch(PatchKind::Merge, json) => {
                Self::merge(patch::parse_object(&json), validates)
            }
            Input::PatchValue(PatchKind::Merge, value) => {
                Self::merge(without_findings(value), validates)
            }
            Input::Patch(PatchKind::Strategic, json) => Self::strategic(patch::parse_object(&json)),
            Input::PatchValue(PatchKind::Strategic, value) => {
                Self::strategic(without_findings(value))
            }
            _ => Err(unsupported()),
        }
    }

    fn json(json: &[u8], validates: bool) -> Result<Self> {
        let (operations, findings) = match validates {
            true => patch::json::Patch::validated(json)?,
            false => (patch::json::Patch::parse(json)?, Vec::new()),
        };
        Ok(Self {
            body: Body::Json(operations),
            findings,
        })
    }

    fn merge(parsed: Parsed, validates: bool) -> Result<Self> {
        const NO_PATCH: &str = "Invalid JSON Patch";
        let (fields, findings) = parsed.map_err(|why| {
            StatusError::bad_request(match validates {
                true => format!("error decoding patch: {why}"),
                false => NO_PATCH.to_owned(),
            })
        })?;
        let fields = fields.ok_or_else(|| StatusError::bad_request(NO_PATCH))?;
        Ok(Self {
            body: Body::Merge(Value::Object(fields)),
            findings,
        })
    }

    fn strategic(parsed: Parsed) -> Result<Self> {
        let (fields, findings) = parsed.map_err(StatusError::bad_request)?;
        Ok(Self {
            body: Body::Strategic(Value::Object(fields.unwrap_or_default())),
            findings,
        })
    }

    /// Whether it may touch the managed fields, so that it must see them.
    fn is_about_managers(&self) -> bool {
        match &self.body {
            Body::Json(operations) => operations.mentions("managedFields"),
            Body::Merge(value) | Body::Strategic(value) => {
                value.pointer("/metadata/managedFields").is_some()
            }
        }
    }

    /// Applies it to the JSON of an object of that group, version and kind.
    pub(crate) fn apply(&self, kind: (&str, &str, &str), document: &mut Value) -> Result<()> {
        match &self.body {
            Body::Json(operations) => operations.apply(document).map_err(Into::into),
            Body::Merge(value) => {
                patch::merge::apply(document, value.clone());
                Ok(())
            }
            Body::Strategic(value) => {
                let types = navarch_api::schema::schema();
                let ty = types.kind(kind.0, kind.1, kind.2).ok_or_else(unsupported)?;
                strategic::apply(types, ty, document, value.clone())?;
                // It is a change of the object that it is sent to, whatever it says that it is.
                restore_kind(document, kind);
                Ok(())
            }
        }
    }

    /// The refusal of what cannot be read any more when it is patched, in the words that the decoder has for it.
    pub(crate) fn refused(
        &self,
        kind: (&str, &str, &str),
        patched: &Value,
        why: &str,
    ) -> StatusError {
        match &self.body {
            Body::Json(_) | Body::Merge(_) => invalid(&patched.shown(), why),
            Body::Strategic(value) => {
                let types = navarch_api::schema::schema();
                let ty = types.kind(kind.0, kind.1, kind.2);
                let misfit = ty.and_then(|ty| strategic::misfit(types, ty, patched));
                let why = misfit.unwrap_or_else(|| strategic::alone(why));
                invalid(&strategic::go_map(value), &why)
            }
        }
    }

    /// Refuses or warns of what field validation finds in the patch, and then in what it has made. `shown`: what was made, as a refusal
    /// shows it.
    pub(crate) fn check(
        &self,
        found: Vec<String>,
        validation: FieldValidation,
        warnings: &mut Vec<String>,
        shown: impl FnOnce() -> Result<Value>,
    ) -> Result<()> {
        let mut found = found;
        if let Body::Strategic(_) = self.body {
            found.sort();
        }
        let findings: Vec<String> = self.findings.iter().cloned().chain(found).collect();
        match validation {
            FieldValidation::Strict if !findings.is_empty() => {
                let why = format!("strict decoding error: {}", findings.join(", "));
                Err(match &self.body {
                    Body::Json(_) | Body::Merge(_) => invalid(&shown()?.shown(), &why),
                    Body::Strategic(value) => invalid(&strategic::go_map(value), &why),
                })
            }
            FieldValidation::Warn => {
                warnings.extend(findings);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// An object or null, and what validation finds in it; or why it is neither.
type Parsed = std::result::Result<(patch::Fields, Vec<String>), String>;

fn without_findings(value: Value) -> Parsed {
    Ok((patch::object(value)?, Vec::new()))
}

/// 422 at the field `patch` of an object that has neither kind nor name: there is none that could be read.
fn invalid(shown: &str, why: &str) -> StatusError {
    StatusError::invalid(
        "",
        "",
        "",
        &vec![Error::invalid(&Path::new("patch"), shown, why)],
    )
}

fn restore_kind(document: &mut Value, (group, version, kind): (&str, &str, &str)) {
    let Value::Object(fields) = document else {
        return;
    };
    let api_version = match group {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    };
    fields.insert("apiVersion".to_owned(), api_version.into());
    fields.insert("kind".to_owned(), kind.into());
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
