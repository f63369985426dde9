//! What webhooks of both kinds have in common.

use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, RuleWithOperations, ValidatingWebhook, WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_dns1035_label, is_fully_qualified_name};
use serde_json::Value;

use super::client_config::{default_client_config, validate_client_config};
use super::expression::validate_match_conditions;
use super::match_resources::{default_match_policy, default_selector, validate_match_policy};
use super::rule::{default_rule, validate_rule};
use super::{FAILURE_POLICIES, REINVOCATION_POLICIES};
use crate::cell;
use crate::check::{found, one_of};
use crate::def::Column;
use crate::empty::drop_empty;
use crate::metadata::validate_label_selector;
use crate::shown::json;

/// Webhooks that change nothing but what they answer.
const SIDE_EFFECTS: &[&str] = &["None", "NoneOnDryRun"];
/// The versions of the question that this server can ask.
const VERSIONS: &[&str] = &["v1", "v1beta1"];
const SECONDS: i32 = 10;
const MAX_SECONDS: i32 = 30;

pub(super) const COLUMNS: &[Column] = &[
    cell::NAME,
    Column::of(
        "Webhooks",
        "integer",
        "",
        0,
        "Webhooks indicates the number of webhooks registered in this configuration",
    ),
    cell::AGE,
];

pub(super) fn cells(meta: &ObjectMeta, webhooks: usize, now: Timestamp) -> Vec<Value> {
    vec![cell::name(meta), webhooks.into(), cell::age(meta, now)]
}

/// A webhook of either kind.
pub(super) trait Webhook {
    fn parts(&self) -> Parts<'_>;
    fn parts_mut(&mut self) -> PartsMut<'_>;
}

/// What is checked.
pub(super) struct Parts<'a> {
    name: &'a str,
    rules: &'a [RuleWithOperations],
    failure_policy: Option<&'a str>,
    match_policy: Option<&'a str>,
    side_effects: &'a str,
    timeout_seconds: Option<i32>,
    namespace_selector: Option<&'a LabelSelector>,
    object_selector: Option<&'a LabelSelector>,
    reinvocation_policy: Option<&'a str>,
    client_config: &'a WebhookClientConfig,
    match_conditions: Option<&'a [MatchCondition]>,
    versions: &'a [String],
}

/// What has defaults.
pub(super) struct PartsMut<'a> {
    rules: &'a mut Option<Vec<RuleWithOperations>>,
    failure_policy: &'a mut Option<String>,
    match_policy: &'a mut Option<String>,
    timeout_seconds: &'a mut Option<i32>,
    namespace_selector: &'a mut Option<LabelSelector>,
    object_selector: &'a mut Option<LabelSelector>,
    client_config: &'a mut WebhookClientConfig,
    match_conditions: &'a mut Option<Vec<MatchCondition>>,
}

macro_rules! webhook {
    ($kind:ty, $hook:ident => $reinvocation:expr) => {
        impl Webhook for $kind {
            fn parts(&self) -> Parts<'_> {
                let $hook = self;
                Parts {
                    name: &self.name,
                    rules: self.rules.as_deref().unwrap_or_default(),
                    failure_policy: self.failure_policy.as_deref(),
                    match_policy: self.match_policy.as_deref(),
                    side_effects: &self.side_effects,
                    timeout_seconds: self.timeout_seconds,
                    namespace_selector: self.namespace_selector.as_ref(),
                    object_selector: self.object_selector.as_ref(),
                    reinvocation_policy: $reinvocation,
                    client_config: &self.client_config,
                    match_conditions: self.match_conditions.as_deref(),
                    versions: &self.admission_review_versions,
                }
            }

            fn parts_mut(&mut self) -> PartsMut<'_> {
                PartsMut {
                    rules: &mut self.rules,
                    failure_policy: &mut self.failure_policy,
                    match_policy: &mut self.match_policy,
                    timeout_seconds: &mut self.timeout_seconds,
                    namespace_selector: &mut self.namespace_selector,
                    object_selector: &mut self.object_selector,
                    client_config: &mut self.client_config,
                    match_conditions: &mut self.match_conditions,
                }
            }
        }
    };
}

webhook!(ValidatingWebhook, _hook => None);
webhook!(MutatingWebhook, hook => hook.reinvocation_policy.as_deref());

pub(super) fn default_webhook(hook: &mut impl Webhook) {
    let parts = hook.parts_mut();
    let policy = parts.failure_policy;
    policy.get_or_insert_with(|| "Fail".to_owned());
    default_match_policy(parts.match_policy);
    default_selector(parts.namespace_selector);
    default_selector(parts.object_selector);
    parts.timeout_seconds.get_or_insert(SECONDS);
    default_client_config(parts.client_config);
    drop_empty(parts.rules);
    parts.rules.iter_mut().flatten().for_each(default_rule);
    drop_empty(parts.match_conditions);
}

/// Checks all webhooks of a configuration.
pub(super) fn validate_webhooks<T: Webhook>(hooks: Option<&[T]>) -> ErrorList {
    let path = Path::new("webhooks");
    let mut errors = ErrorList::new();
    let mut names: Vec<&str> = Vec::new();
    for (at, hook) in hooks.unwrap_or_default().iter().enumerate() {
        let (path, parts) = (path.index(at), hook.parts());
        errors.extend(validate_webhook(&parts, &path));
        let versions = path.child("admissionReviewVersions");
        errors.extend(validate_versions(parts.versions, &versions));
        if parts.name.is_empty() {
            continue;
        }
        if names.contains(&parts.name) {
            errors.push(Error::duplicate(&path.child("name"), parts.name));
        } else {
            names.push(parts.name);
        }
    }
    errors
}

fn validate_webhook(hook: &Parts<'_>, path: &Path) -> ErrorList {
    let mut errors = is_fully_qualified_name(&path.child("name"), hook.name);
    for (at, rule) in hook.rules.iter().enumerate() {
        errors.extend(validate_rule(&rule.into(), &path.child("rules").index(at)));
    }
    if let Some(policy) = hook.failure_policy {
        let path = path.child("failurePolicy");
        errors.extend(one_of(policy, FAILURE_POLICIES, &path));
    }
    let policy = path.child("matchPolicy");
    errors.extend(validate_match_policy(hook.match_policy, &policy));
    errors.extend(validate_side_effects(
        hook.side_effects,
        &path.child("sideEffects"),
    ));
    let is_out = |seconds: &i32| !(1..=MAX_SECONDS).contains(seconds);
    if let Some(seconds) = hook.timeout_seconds.filter(is_out) {
        let detail = "the timeout value must be between 1 and 30 seconds";
        let path = path.child("timeoutSeconds");
        errors.push(Error::invalid(&path, seconds, detail));
    }
    let selectors = [
        (hook.namespace_selector, "namespaceSelector"),
        (hook.object_selector, "objectSelector"),
    ];
    for (selector, name) in selectors {
        if let Some(selector) = selector {
            errors.extend(validate_label_selector(selector, &path.child(name)));
        }
    }
    if let Some(policy) = hook.reinvocation_policy {
        let path = path.child("reinvocationPolicy");
        errors.extend(one_of(policy, REINVOCATION_POLICIES, &path));
    }
    let config = path.child("clientConfig");
    errors.extend(validate_client_config(hook.client_config, &config));
    let conditions = path.child("matchConditions");
    errors.extend(validate_match_conditions(
        hook.match_conditions,
        &conditions,
    ));
    errors
}

fn validate_side_effects(effects: &str, path: &Path) -> ErrorList {
    if effects.is_empty() {
        let detail = format!("must specify one of {}", SIDE_EFFECTS.join(", "));
        return vec![Error::required(path, detail)];
    }
    one_of(effects, SIDE_EFFECTS, path)
}

fn validate_versions(versions: &[String], path: &Path) -> ErrorList {
    if versions.is_empty() {
        let detail = format!("must specify one of {}", VERSIONS.join(", "));
        return vec![Error::required(path, detail)];
    }
    let mut errors = ErrorList::new();
    for (at, version) in versions.iter().enumerate() {
        let path = path.index(at);
        if versions[..at].contains(version) {
            errors.push(Error::invalid(&path, version.as_str(), "duplicate version"));
        } else {
            errors.extend(found(version, is_dns1035_label(version), &path));
        }
    }
    let is_known = |version: &String| VERSIONS.contains(&version.as_str());
    if !versions.iter().any(is_known) {
        let detail = format!("must include at least one of {}", VERSIONS.join(", "));
        errors.push(Error::invalid(path, json(versions), detail));
    }
    errors
}
