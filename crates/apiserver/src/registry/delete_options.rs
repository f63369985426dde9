//! How a deletion is to go, from the body or the query.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions as Wire;
use navarch_api::strategy::Propagation;
use navarch_machinery::field::{Error, Path};
use navarch_machinery::status::{Result, StatusError};
use navarch_store::Entry;

use super::{Input, Request};
use crate::encode::scan;
use crate::request::Params;

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
            Input::Json(json) if !json.is_empty() => {
                let wire = serde_json::from_slice(json).map_err(|_| {
                    let why = navarch_machinery::decode::decode::<Wire>(json)
                        .err()
                        .map(|e| e.0)
                        .unwrap_or_default();
                    StatusError::bad_request(format!("error decoding delete options: {why}"))
                })?;
                Self::of_wire(&wire)
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
            .map(Params::flag);
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
        let def = &request.served.def;
        let conflict = |why: String| {
            Err(StatusError::conflict(
                &def.group,
                &def.kind,
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
