//! What the kinds that make pods of a template have in common: a selector, a template, replicas.

pub(crate) mod replicated;

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_dns1123_label;
use serde_json::Value;

use crate::check::non_negative;
use crate::def::Column;
use crate::metadata::validate_label_selector;
use crate::pod::{template_warnings, validate_template};
use crate::shown::{Raw, json};

/// The column of [`container_cells`]' names.
pub(crate) const CONTAINERS: Column = Column::of(
    "Containers",
    "string",
    "",
    1,
    "Names of each container in the template.",
);
/// The column of [`container_cells`]' images.
pub(crate) const IMAGES: Column = Column::of(
    "Images",
    "string",
    "",
    1,
    "Images referenced by each container in the template.",
);

/// How Kubernetes words, for a kind, what is wrong with its selector and template.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wording {
    /// Whose template it is.
    pub(crate) kind: &'static str,
    /// Of a selector that would select everything.
    pub(crate) empty_selector: &'static str,
    /// Of a selector that cannot be read.
    pub(crate) bad_selector: &'static str,
}

/// Of replica sets, and of deployments, which make them.
pub(crate) const REPLICA_SET: Wording = Wording {
    kind: "ReplicaSet",
    empty_selector: "empty selector is invalid for deployment",
    bad_selector: "invalid label selector",
};

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

/// Whether a selector was given at all.
pub(crate) fn is_given(selector: &LabelSelector) -> bool {
    selector.match_labels.is_some() || selector.match_expressions.is_some()
}

/// Whether a selector asks for nothing in particular.
pub(crate) fn is_empty(selector: &LabelSelector) -> bool {
    let labels = selector.match_labels.as_ref();
    let expressions = selector.match_expressions.as_ref();
    labels.is_none_or(|labels| labels.is_empty()) && expressions.is_none_or(Vec::is_empty)
}

/// Says that a template's labels are none that its selector selects.
pub(crate) fn not_selected(template: &PodTemplateSpec, path: &Path) -> Error {
    let labels = template
        .metadata
        .as_ref()
        .and_then(|meta| meta.labels.as_ref());
    Error::invalid(
        &path.child("metadata").child("labels"),
        json(&labels),
        "`selector` does not match template `labels`",
    )
}

/// Checks a selector, and the template that it must select.
pub(crate) fn validate_selected_template(
    selector: &LabelSelector,
    template: &PodTemplateSpec,
    wording: Wording,
    spec: &Path,
) -> ErrorList {
    let path = spec.child("selector");
    let mut errors = validate_label_selector(selector, &path);
    let can_select = errors.is_empty();
    if !is_given(selector) {
        errors.push(Error::required(&path, ""));
    } else if is_empty(selector) {
        errors.push(Error::invalid(
            &path,
            shown_selector(selector),
            wording.empty_selector,
        ));
    }
    let at = spec.child("template");
    if !is_given(selector) {
        // What is not there selects nothing.
        errors.push(not_selected(template, &at));
        errors.extend(validate_template(template, None, &at));
    } else if can_select {
        errors.extend(validate_template(template, Some(selector), &at));
    } else {
        errors.push(Error::invalid(
            &path,
            shown_selector(selector),
            wording.bad_selector,
        ));
        return errors;
    }
    errors.extend(validate_running(template, wording.kind, &at));
    errors
}

/// Refuses to change a selector.
pub(crate) fn validate_same_selector(
    new: &LabelSelector,
    old: &LabelSelector,
    path: &Path,
) -> ErrorList {
    if new == old {
        return ErrorList::new();
    }
    let shown = is_given(new).then(|| shown_selector(new));
    let shown = shown.unwrap_or_else(|| Raw("null".to_owned()));
    vec![Error::invalid(path, shown, "field is immutable")]
}

/// Checks that a template's pods run until they are removed.
pub(crate) fn validate_running(template: &PodTemplateSpec, kind: &str, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
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

/// Checks that a count that only grows did.
pub(crate) fn validate_not_decremented(
    name: &str,
    new: Option<i32>,
    old: Option<i32>,
    path: &Path,
) -> ErrorList {
    let decremented = match (new, old) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(new), Some(old)) => new < old,
    };
    if !decremented {
        return ErrorList::new();
    }
    let new = new.unwrap_or_default();
    vec![Error::invalid(
        &path.child(name),
        new,
        "cannot be decremented",
    )]
}

/// Warnings about a workload that is new or whose spec changed: its name becomes part of its pods' names.
pub(crate) fn warnings(
    meta: &ObjectMeta,
    template: Option<&PodTemplateSpec>,
    old: Option<(&ObjectMeta, Option<&PodTemplateSpec>)>,
) -> Vec<String> {
    let path = Path::new("spec").child("template");
    match old {
        Some((before, _)) if before.generation == meta.generation => return Vec::new(),
        _ => {}
    }
    let mut warnings = match old {
        Some(_) => Vec::new(),
        None => name_warnings(meta),
    };
    if let Some(template) = template {
        let before = old.and_then(|(_, old)| old);
        warnings.extend(template_warnings(template, before, &path));
    }
    warnings
}

/// Warnings about a name that becomes part of the names of pods.
pub(crate) fn name_warnings(meta: &ObjectMeta) -> Vec<String> {
    let findings = is_dns1123_label(meta.name.as_deref().unwrap_or_default());
    if findings.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is \
         recommended: [{}]",
        findings.join(" ")
    )]
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
