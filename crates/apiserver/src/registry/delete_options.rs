//! How a deletion is to go, from the body or the query.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions as Wire;
use navarch_api::schema::schema;
use navarch_api::strategy::Propagation;
use navarch_machinery::decode::{Root, decode_as};
use navarch_machinery::field::{Error, Path};
use navarch_machinery::status::{Result, StatusError};
use navarch_machinery::yaml;
use navarch_store::Entry;

use super::decode::TypeMeta;
use super::{Input, Request};
use crate::encode::scan;
use crate::request::{Params, flag};

/// What a body of options is where it does not say it, and its type.
const KIND: &str = "DeleteOptions";
const VERSION: &str = "meta.k8s.io/v1";
const TYPE: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/// What Kubernetes calls the list of kinds of options.
const SCHEME: &str = "pkg/apis/meta/internalversion/scheme/register.go:27";

/// What a deletion was asked to do.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) grace_period: Option<i64>,
    pub(crate) propagation: Option<Propagation>,
    pub(crate) uid: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) dry_run: bool,
}

impl DeleteOptions {
    /// Reads the body where there is one, the query otherwise, as Kubernetes does.
    pub(crate) fn of(request: &Request<'_>) -> Result<Self> {
        match &request.body {
            Input::Json(json) if !json.is_empty() => Self::of_wire(&decoded(json)?),
            Input::Yaml(yaml) => {
                let json = yaml::to_json(yaml).map_err(|e| StatusError::bad_request(e.0))?;
                Self::of_wire(&decoded(&json)?)
            }
            Input::Value(value) => Self::of_wire(
                &serde_json::from_value(value.clone())
                    .map_err(|e| StatusError::bad_request(e.to_string()))?,
            ),
            _ => Self::of_params(request.params),
        }
    }

    /// The options as `meta.k8s.io/v1` has them.
    pub(crate) fn of_wire(wire: &Wire) -> Result<Self> {
        let given: Vec<&str> = wire.dry_run.iter().flatten().map(String::as_str).collect();
        if given.iter().any(|value| *value != "All") {
            let errors = vec![Error::not_supported(
                &Path::new("dryRun"),
                serde_json::json!(given),
                &["All"],
            )];
            return Err(StatusError::invalid(
                "meta.k8s.io",
                "DeleteOptions",
                "",
                &errors,
            ));
        }
        let preconditions = wire.preconditions.clone().unwrap_or_default();
        Ok(Self {
            grace_period: wire
                .grace_period_seconds
                .map(|seconds| if seconds < 0 { 1 } else { seconds }),
            propagation: propagation(wire.propagation_policy.as_deref(), wire.orphan_dependents)?,
            uid: preconditions.uid,
            version: preconditions.resource_version,
            dry_run: !given.is_empty(),
        })
    }

    fn of_params(params: &Params<'_>) -> Result<Self> {
        let number = |text: &str| {
            text.parse::<i64>().map_err(|_| {
                StatusError::bad_request(format!(
                    "strconv.ParseInt: parsing {text:?}: invalid syntax"
                ))
            })
        };
        let grace = params
            .grace_period_seconds
            .as_deref()
            .filter(|text| !text.is_empty())
            .map(number)
            .transpose()?;
        let orphan = params
            .orphan_dependents
            .as_deref()
            .filter(|text| !text.is_empty())
            .map(|text| flag(Some(text)));
        Ok(Self {
            grace_period: grace.map(|seconds| if seconds < 0 { 1 } else { seconds }),
            propagation: propagation(
                params
                    .propagation_policy
                    .as_deref()
                    .filter(|p| !p.is_empty()),
                orphan,
            )?,
            uid: params.precondition_uid.as_deref().map(str::to_owned),
            version: params.precondition_version.as_deref().map(str::to_owned),
            dry_run: params.is_dry_run("DeleteOptions")?,
        })
    }

    /// Refuses to delete another object than the client means.
    pub(crate) fn check(&self, request: &Request<'_>, entry: &Entry) -> Result<()> {
        let served = request.served;
        let conflict = |why: String| {
            Err(StatusError::conflict(
                served.checked_group(),
                &served.def.kind,
                &name_of(entry),
                &why,
            ))
        };
        if let Some(asked) = &self.uid {
            let there = scan::in_metadata(&entry.value, "uid")
                .and_then(|range| scan::text(&entry.value, range))
                .unwrap_or_default();
            if asked != there {
                return conflict(format!(
                    "the UID in the precondition ({asked}) does not match the UID in record ({there}). \
                     The object might have been deleted and then recreated"
                ));
            }
        }
        match &self.version {
            Some(asked) if asked.parse() != Ok(entry.modified) => conflict(format!(
                "the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion in record ({}). \
                 The object might have been modified",
                entry.modified
            )),
            _ => Ok(()),
        }
    }
}

/// A stranger's options.
fn decoded(json: &[u8]) -> Result<Wire> {
    let meta = TypeMeta::of(json).map_err(StatusError::bad_request)?;
    if !matches!(&*meta.kind, "" | KIND) {
        let version = match &*meta.api_version {
            "" => VERSION,
            given => given,
        };
        return Err(StatusError::bad_request(format!(
            "no kind {:?} is registered for version {version:?} in scheme {SCHEME:?}",
            meta.kind
        )));
    }
    let types = schema();
    let root = || types.id(TYPE).map(|ty| Root { types, ty });
    serde_json::from_slice(json).or_else(|_| {
        decode_as(json, root)
            .map(|decoded| decoded.value)
            .map_err(|error| StatusError::bad_request(error.0))
    })
}

pub(crate) fn name_of(entry: &Entry) -> String {
    entry.key.rsplit('/').next().unwrap_or_default().to_owned()
}

fn propagation(policy: Option<&str>, orphan: Option<bool>) -> Result<Option<Propagation>> {
    let path = Path::new("propagationPolicy");
    let error = match (policy, orphan) {
        (Some(policy), Some(_)) => Error::invalid(
            &path,
            policy,
            "orphanDependents and deletionPropagation cannot be both set",
        ),
        (Some("Background"), None) | (None, Some(false)) => {
            return Ok(Some(Propagation::Background));
        }
        (Some("Foreground"), None) => return Ok(Some(Propagation::Foreground)),
        (Some("Orphan"), None) | (None, Some(true)) => return Ok(Some(Propagation::Orphan)),
        (None, None) => return Ok(None),
        (Some(other), None) => {
            Error::not_supported(&path, other, &["Foreground", "Background", "Orphan", "nil"])
        }
    };
    Err(StatusError::invalid(
        "meta.k8s.io",
        "DeleteOptions",
        "",
        &vec![error],
    ))
}
