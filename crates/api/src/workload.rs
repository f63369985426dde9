//! What deployments, replica sets and replication controllers have in common: a selector, a template, replicas.

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_dns1123_label;
use serde_json::Value;

use crate::check::non_negative;
use crate::metadata::validate_label_selector;
use crate::pod::{template_warnings, validate_template};
use crate::shown::{Raw, json};

/// Marks a selector that was given but empty: its type cannot tell it from one that was not given.
pub(crate) fn mark_given_selector(selector: &mut LabelSelector, json: &[u8]) {
    if selector.match_labels.is_some() || selector.match_expressions.is_some() {
        return;
    }
    let document: Value = serde_json::from_slice(json).unwrap_or_default();
    if document
        .pointer("/spec/selector")
        .is_some_and(Value::is_object)
    {
        selector.match_labels = Some(Default::default());
    }
}

/// A selector as errors show it: what is empty is left out.
pub(crate) fn shown_selector(selector: &LabelSelector) -> Raw {
    let mut parts = Vec::new();
    if let Some(labels) = selector
        .match_labels
        .as_ref()
        .filter(|labels| !labels.is_empty())
    {
        parts.push(format!("\"matchLabels\":{}", json(labels).0));
    }
    if let Some(expressions) = selector
        .match_expressions
        .as_ref()
        .filter(|list| !list.is_empty())
    {
        parts.push(format!("\"matchExpressions\":{}", json(expressions).0));
    }
    Raw(format!("{{{}}}", parts.join(",")))
}

/// Checks a selector, and the template that it must select. `kind`: whose template it is.
pub(crate) fn validate_selected_template(
    selector: &LabelSelector,
    template: &PodTemplateSpec,
    kind: &str,
    spec: &Path,
) -> ErrorList {
    let path = spec.child("selector");
    let is_given = selector.match_labels.is_some() || selector.match_expressions.is_some();
    let is_empty = selector
        .match_labels
        .as_ref()
        .is_none_or(|labels| labels.is_empty())
        && selector
            .match_expressions
            .as_ref()
            .is_none_or(Vec::is_empty);
    let mut errors = validate_label_selector(selector, &path);
    let can_select = errors.is_empty();
    if !is_given {
        errors.push(Error::required(&path, ""));
    } else if is_empty {
        errors.push(Error::invalid(
            &path,
            shown_selector(selector),
            "empty selector is invalid for deployment",
        ));
    }
    let at = spec.child("template");
    if !is_given {
        // What is not there selects nothing.
        let labels = template
            .metadata
            .as_ref()
            .and_then(|meta| meta.labels.as_ref());
        let path = at.child("metadata").child("labels");
        errors.push(Error::invalid(
            &path,
            json(&labels),
            "`selector` does not match template `labels`",
        ));
        errors.extend(validate_running_template(template, None, kind, &at));
    } else if can_select {
        errors.extend(validate_running_template(
            template,
            Some(selector),
            kind,
            &at,
        ));
    } else {
        errors.push(Error::invalid(
            &path,
            shown_selector(selector),
            "invalid label selector",
        ));
    }
    errors
}

/// Checks a template whose pods run until they are removed.
pub(crate) fn validate_running_template(
    template: &PodTemplateSpec,
    selector: Option<&LabelSelector>,
    kind: &str,
    path: &Path,
) -> ErrorList {
    let mut errors = validate_template(template, selector, path);
    let Some(pod) = &template.spec else {
        return errors;
    };
    let path = path.child("spec");
    let policy = pod.restart_policy.as_deref().unwrap_or_default();
    if policy != "Always" {
        errors.push(Error::not_supported(
            &path.child("restartPolicy"),
            policy,
            &["Always"],
        ));
    }
    if pod.active_deadline_seconds.is_some() {
        let detail = format!("activeDeadlineSeconds in {kind} is not Supported");
        errors.push(Error::forbidden(
            &path.child("activeDeadlineSeconds"),
            detail,
        ));
    }
    errors
}

/// Checks that the numbers of a status are not negative, in the order given; absent ones are zero.
pub(crate) fn validate_counts(counts: &[(&str, i64)], path: &Path) -> ErrorList {
    counts
        .iter()
        .flat_map(|(name, count)| non_negative(*count, &path.child(name)))
        .collect()
}

/// Checks that a status counts no more replicas of one sort than of another.
pub(crate) fn validate_at_most(
    name: &str,
    count: i32,
    limit: i32,
    of: &str,
    path: &Path,
) -> ErrorList {
    if count <= limit {
        return ErrorList::new();
    }
    vec![Error::invalid(
        &path.child(name),
        count,
        format!("cannot be greater than {of}"),
    )]
}

/// Warnings about a new workload: its name becomes part of its pods' names. `old`: the template before, if its spec changed.
pub(crate) fn warnings(
    meta: &ObjectMeta,
    template: Option<&PodTemplateSpec>,
    old: Option<(&ObjectMeta, Option<&PodTemplateSpec>)>,
) -> Vec<String> {
    let path = Path::new("spec").child("template");
    let mut warnings = Vec::new();
    match old {
        Some((before, _)) if before.generation == meta.generation => return warnings,
        Some(_) => {}
        None => {
            let findings = is_dns1123_label(meta.name.as_deref().unwrap_or_default());
            if !findings.is_empty() {
                warnings.push(format!(
                    "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS \
                     label is recommended: [{}]",
                    findings.join(" ")
                ));
            }
        }
    }
    if let Some(template) = template {
        warnings.extend(template_warnings(
            template,
            old.and_then(|(_, old)| old),
            &path,
        ));
    }
    warnings
}

/// The cells of a template: the names of its containers and their images.
pub(crate) fn container_cells(template: Option<&PodTemplateSpec>) -> [Value; 2] {
    let containers: &[Container] = template
        .and_then(|t| t.spec.as_ref())
        .map_or(&[], |spec| &spec.containers);
    let names: Vec<&str> = containers
        .iter()
        .map(|container| container.name.as_str())
        .collect();
    let images: Vec<&str> = containers
        .iter()
        .map(|container| container.image.as_deref().unwrap_or_default())
        .collect();
    [names.join(",").into(), images.join(",").into()]
}
