//! What bindings of policies of both kinds have in common.

use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::{MatchResources, ParamRef};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use super::match_resources::{default_match_resources, validate_match_resources};
use super::param::{default_param_ref, ref_cell, validate_param_ref};
use crate::cell;
use crate::check::dns_subdomain;
use crate::def::Column;

pub(super) const COLUMNS: &[Column] = &[
    cell::NAME,
    Column::of(
        "PolicyName",
        "string",
        "",
        0,
        "PolicyName indicates the policy definition which the policy binding binded to",
    ),
    Column::of(
        "ParamRef",
        "string",
        "",
        0,
        "ParamRef indicates the param resource which sets the configuration param",
    ),
    cell::AGE,
];

pub(super) fn cells(
    meta: &ObjectMeta,
    policy: &str,
    params: Option<&ParamRef>,
    now: Timestamp,
) -> Vec<Value> {
    vec![
        cell::name(meta),
        policy.into(),
        ref_cell(params).into(),
        cell::age(meta, now),
    ]
}

pub(super) fn default_binding(
    params: &mut Option<ParamRef>,
    resources: &mut Option<MatchResources>,
) {
    params.iter_mut().for_each(default_param_ref);
    resources.iter_mut().for_each(default_match_resources);
}

pub(super) fn validate_binding(
    policy: &str,
    params: Option<&ParamRef>,
    resources: Option<&MatchResources>,
    path: &Path,
) -> ErrorList {
    let at = path.child("policyName");
    let mut errors = match policy {
        "" => vec![Error::required(&at, "")],
        name => dns_subdomain(name, &at),
    };
    if let Some(params) = params {
        errors.extend(validate_param_ref(params, &path.child("paramRef")));
    }
    if let Some(resources) = resources {
        let path = path.child("matchResources");
        errors.extend(validate_match_resources(resources, &path));
    }
    errors
}
