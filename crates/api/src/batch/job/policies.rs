//! What a job says of pods that fail, of when it has succeeded, and of when pods are replaced.

use std::collections::BTreeSet;

use k8s_openapi::api::batch::v1::{
    JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule, SuccessPolicy, SuccessPolicyRule,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_qualified_name;

use super::{INDEXED, indexes};
use crate::check::{found, non_negative, one_of};
use crate::shown::{Raw, json};

const MAX_RULES: usize = 20;
const MAX_EXIT_CODES: usize = 255;
const MAX_PATTERNS: usize = 20;
/// The most bytes of a list of indexes.
const MAX_INDEXES: usize = 64 * 1024;

pub(super) fn validate(spec: &JobSpec, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(policy) = &spec.pod_failure_policy {
        let path = path.child("podFailurePolicy").child("rules");
        errors.extend(failure_rules(spec, policy, &path));
    }
    if let Some(policy) = &spec.success_policy {
        let path = path.child("successPolicy");
        if spec.completion_mode.as_deref() == Some(INDEXED) {
            errors.extend(success_rules(spec, policy, &path.child("rules")));
        } else {
            let detail = "requires indexed completion mode";
            errors.push(Error::invalid(&path, shown_success(policy), detail));
        }
    }
    if let Some(policy) = &spec.pod_replacement_policy {
        let supported: &[&str] = match spec.pod_failure_policy {
            Some(_) => &["Failed"],
            None => &["Failed", "TerminatingOrFailed"],
        };
        errors.extend(one_of(
            policy,
            supported,
            &path.child("podReplacementPolicy"),
        ));
    }
    errors
}

fn failure_rules(spec: &JobSpec, policy: &PodFailurePolicy, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if policy.rules.len() > MAX_RULES {
        errors.push(Error::too_many(path, policy.rules.len(), MAX_RULES));
    }
    for (at, rule) in policy.rules.iter().enumerate() {
        errors.extend(failure_rule(spec, rule, &path.index(at)));
    }
    errors
}

fn failure_rule(spec: &JobSpec, rule: &PodFailurePolicyRule, path: &Path) -> ErrorList {
    const ACTIONS: &[&str] = &["Count", "FailIndex", "FailJob", "Ignore"];
    let at = path.child("action");
    let mut errors = match rule.action.as_str() {
        "FailIndex" if spec.backoff_limit_per_index.is_none() => vec![Error::invalid(
            &at,
            "FailIndex",
            "requires the backoffLimitPerIndex to be set",
        )],
        action => chosen(action, ACTIONS, &at),
    };
    let patterns = rule.on_pod_conditions.as_deref().unwrap_or_default();
    if let Some(codes) = &rule.on_exit_codes {
        errors.extend(exit_codes(spec, codes, &path.child("onExitCodes")));
    }
    if !patterns.is_empty() {
        errors.extend(pod_conditions(patterns, &path.child("onPodConditions")));
    }
    let detail = match (&rule.on_exit_codes, patterns.is_empty()) {
        (Some(_), false) => "specifying both OnExitCodes and OnPodConditions is not supported",
        (None, true) => "specifying one of OnExitCodes and OnPodConditions is required",
        _ => return errors,
    };
    errors.push(without_value(path, detail));
    errors
}

/// An `Invalid` that shows no value.
pub(super) fn without_value(path: &Path, detail: impl Into<String>) -> Error {
    Error {
        value: None,
        ..Error::invalid(path, "", detail)
    }
}

/// One of a set; what is missing is told with the set.
fn chosen(value: &str, supported: &[&str], path: &Path) -> ErrorList {
    if !value.is_empty() {
        return one_of(value, supported, path);
    }
    let quoted: Vec<String> = supported.iter().map(|it| format!("{it:?}")).collect();
    let detail = format!("valid values: [{}]", quoted.join(" "));
    vec![Error::required(path, detail)]
}

fn pod_conditions(patterns: &[PodFailurePolicyOnPodConditionsPattern], path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if patterns.len() > MAX_PATTERNS {
        errors.push(Error::too_many(path, patterns.len(), MAX_PATTERNS));
    }
    for (at, pattern) in patterns.iter().enumerate() {
        let path = path.index(at);
        let kind = &pattern.type_;
        errors.extend(found(kind, is_qualified_name(kind), &path.child("type")));
        errors.extend(chosen(
            pattern.status.as_deref().unwrap_or_default(),
            &["False", "True", "Unknown"],
            &path.child("status"),
        ));
    }
    errors
}

fn exit_codes(
    spec: &JobSpec,
    codes: &PodFailurePolicyOnExitCodesRequirement,
    path: &Path,
) -> ErrorList {
    let mut errors = chosen(&codes.operator, &["In", "NotIn"], &path.child("operator"));
    if let Some(name) = codes
        .container_name
        .as_ref()
        .filter(|name| !has_container(spec, name))
    {
        let detail = "must be one of the container or initContainer names in the pod template";
        errors.push(Error::invalid(&path.child("containerName"), name, detail));
    }
    let (values, path) = (&codes.values, path.child("values"));
    if values.is_empty() {
        let detail = "at least one value is required";
        // More leave them out than give none.
        errors.push(Error::invalid(&path, Raw("null".to_owned()), detail));
    } else if values.len() > MAX_EXIT_CODES {
        errors.push(Error::too_many(&path, values.len(), MAX_EXIT_CODES));
    }
    let mut seen = BTreeSet::new();
    for (at, value) in values.iter().enumerate() {
        if codes.operator == "In" && *value == 0 {
            let detail = "must not be 0 for the In operator";
            errors.push(Error::invalid(&path.index(at), *value, detail));
        }
        if !seen.insert(*value) {
            errors.push(Error::duplicate(&path.index(at), *value));
        }
    }
    if !values.is_sorted() {
        errors.push(Error::invalid(&path, json(values), "must be ordered"));
    }
    errors
}

fn has_container(spec: &JobSpec, name: &str) -> bool {
    let Some(pod) = &spec.template.spec else {
        return false;
    };
    let init = pod.init_containers.iter().flatten();
    pod.containers.iter().chain(init).any(|it| it.name == name)
}

fn success_rules(spec: &JobSpec, policy: &SuccessPolicy, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if policy.rules.is_empty() {
        let detail = "at least one rules must be specified when the successPolicy is specified";
        errors.push(Error::required(path, detail));
    }
    if policy.rules.len() > MAX_RULES {
        errors.push(Error::too_many(path, policy.rules.len(), MAX_RULES));
    }
    // That completions are missing is told elsewhere.
    let completions = spec.completions.unwrap_or_default();
    for (at, rule) in policy.rules.iter().enumerate() {
        errors.extend(success_rule(rule, completions, &path.index(at)));
    }
    errors
}

fn success_rule(rule: &SuccessPolicyRule, completions: i32, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if rule.succeeded_count.is_none() && rule.succeeded_indexes.is_none() {
        let detail = "at least one of succeededCount or succeededIndexes must be specified";
        errors.push(Error::required(path, detail));
    }
    let mut total = 0;
    if let Some(text) = &rule.succeeded_indexes {
        let path = path.child("succeededIndexes");
        if text.len() > MAX_INDEXES {
            errors.push(Error::too_long(&path, MAX_INDEXES));
        }
        match indexes::count(text, completions) {
            Ok(count) => total = count,
            Err(error) => {
                let detail = format!("error parsing succeededIndexes: {error}");
                errors.push(Error::invalid(&path, text, detail));
            }
        }
    }
    let Some(count) = rule.succeeded_count else {
        return errors;
    };
    let path = path.child("succeededCount");
    errors.extend(non_negative(count.into(), &path));
    let mut at_most = |limit: i64, what: &str| {
        if i64::from(count) > limit {
            let detail = format!("must be less than or equal to {limit} (the number of {what})");
            errors.push(Error::invalid(&path, count, detail));
        }
    };
    at_most(completions.into(), "specified completions");
    if rule.succeeded_indexes.is_some() {
        at_most(total, "indexes in the specified succeededIndexes field");
    }
    errors
}

/// Under the names that Kubernetes has for it inside.
pub(super) fn shown_success(policy: &SuccessPolicy) -> Raw {
    let rules = policy.rules.iter().map(|rule| {
        let (indexes, count) = (
            json(&rule.succeeded_indexes).0,
            json(&rule.succeeded_count).0,
        );
        format!(r#"{{"SucceededIndexes":{indexes},"SucceededCount":{count}}}"#)
    });
    shown_rules(rules)
}

/// The same for what is said of pods that fail.
pub(super) fn shown_failure(policy: &PodFailurePolicy) -> Raw {
    let rules = policy.rules.iter().map(|rule| {
        let codes = rule.on_exit_codes.as_ref().map_or("null".to_owned(), |it| {
            let (name, operator) = (json(&it.container_name).0, json(&it.operator).0);
            let values = json(&it.values).0;
            format!(r#"{{"ContainerName":{name},"Operator":{operator},"Values":{values}}}"#)
        });
        let conditions = rule
            .on_pod_conditions
            .as_ref()
            .map_or("null".to_owned(), |list| {
                let shown = list.iter().map(|it| {
                    let (kind, status) = (json(&it.type_).0, json(&it.status).0);
                    format!(r#"{{"Type":{kind},"Status":{status}}}"#)
                });
                format!("[{}]", shown.collect::<Vec<_>>().join(","))
            });
        let action = json(&rule.action).0;
        format!(r#"{{"Action":{action},"OnExitCodes":{codes},"OnPodConditions":{conditions}}}"#)
    });
    shown_rules(rules)
}

fn shown_rules(rules: impl Iterator<Item = String>) -> Raw {
    let rules: Vec<String> = rules.collect();
    Raw(if rules.is_empty() {
        r#"{"Rules":null}"#.to_owned()
    } else {
        format!(r#"{{"Rules":[{}]}}"#, rules.join(","))
    })
}
