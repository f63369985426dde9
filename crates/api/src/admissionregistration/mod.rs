//! `admissionregistration.k8s.io`: what webhooks and policies must be.
//!
//! Absent: the compiler of expressions. What they must be apart from compiling is checked.

mod binding;
mod client_config;
mod expression;
mod match_resources;
mod mutating_policy;
mod mutating_policy_binding;
mod mutating_webhook;
mod param;
mod rule;
mod validating_policy;
mod validating_policy_binding;
mod validating_webhook;
mod webhook;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::strategy::UpdateRules;

/// All kinds of the group: a replacement names the version that it replaces.
const UPDATE: UpdateRules = UpdateRules {
    create_on_update: false,
    unconditional: false,
};
const FAILURE_POLICIES: &[&str] = &["Fail", "Ignore"];
const REINVOCATION_POLICIES: &[&str] = &["IfNeeded", "Never"];
/// The end of names that are left to configuration in files.
const STATIC: &str = ".static.k8s.io";

/// Warns of a name that is reserved.
fn name_warnings(meta: &ObjectMeta) -> Vec<String> {
    let name = meta.name.as_deref().unwrap_or_default();
    if !name.ends_with(STATIC) {
        return Vec::new();
    }
    vec![format!(
        "metadata.name: names ending with {STATIC:?} are reserved for static manifest-based configurations and cannot be managed \
         via the API"
    )]
}
