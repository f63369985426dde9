//! The nodes that a pod wants or needs.

use k8s_openapi::api::core::v1::{
    NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_dns1123_subdomain, is_label_value};

use super::super::absent::items;
use super::super::check::{self, Json};

/// The nodes that a pod needs, and those it would rather have.
pub(super) fn check(errors: &mut ErrorList, path: &Path, affinity: &NodeAffinity) {
    if let Some(needed) = &affinity.required_during_scheduling_ignored_during_execution {
        check_node_selector(
            errors,
            &path.child("requiredDuringSchedulingIgnoredDuringExecution"),
            needed,
        );
    }
    for (index, wanted) in items(&affinity.preferred_during_scheduling_ignored_during_execution)
        .iter()
        .enumerate()
    {
        let path = path
            .child("preferredDuringSchedulingIgnoredDuringExecution")
            .index(index);
        check_weight(errors, &path, wanted.weight);
        // Values that no label can have are harmless here: there are other nodes.
        check_term(errors, &path.child("preference"), &wanted.preference, false);
    }
}

/// How much it is wanted.
pub(super) fn check_weight(errors: &mut ErrorList, path: &Path, weight: i32) {
    if !(1..=100).contains(&weight) {
        errors.push(Error::invalid(
            &path.child("weight"),
            weight,
            "must be in the range 1-100",
        ));
    }
}

/// Nodes that something needs: at least one term, and each well formed.
pub(crate) fn check_node_selector(errors: &mut ErrorList, path: &Path, needed: &NodeSelector) {
    let path = path.child("nodeSelectorTerms");
    if needed.node_selector_terms.is_empty() {
        errors.push(Error::required(
            &path,
            "must have at least one node selector term",
        ));
    }
    for (index, term) in needed.node_selector_terms.iter().enumerate() {
        check_term(errors, &path.index(index), term, true);
    }
}

fn check_term(errors: &mut ErrorList, path: &Path, term: &NodeSelectorTerm, values: bool) {
    for (index, expression) in items(&term.match_expressions).iter().enumerate() {
        check_expression(
            errors,
            &path.child("matchExpressions").index(index),
            expression,
            values,
        );
    }
    for (index, field) in items(&term.match_fields).iter().enumerate() {
        check_field(errors, &path.child("matchFields").index(index), field);
    }
}

fn check_expression(
    errors: &mut ErrorList,
    path: &Path,
    expression: &NodeSelectorRequirement,
    check_values: bool,
) {
    let values = items(&expression.values);
    let values_path = path.child("values");
    match (expression.operator.as_str(), values.len()) {
        ("In" | "NotIn", 0) => {
            errors.push(Error::required(
                &values_path,
                "must be specified when `operator` is 'In' or 'NotIn'",
            ));
        }
        ("Exists" | "DoesNotExist", 1..) => {
            errors.push(Error::forbidden(
                &values_path,
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ));
        }
        ("Gt" | "Lt", count) if count != 1 => {
            errors.push(Error::required(
                &values_path,
                "must be specified single value when `operator` is 'Lt' or 'Gt'",
            ));
        }
        ("In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt", _) => {}
        (other, _) => errors.push(Error::invalid(
            &path.child("operator"),
            other,
            "not a valid selector operator",
        )),
    }
    check::qualified_name(errors, &path.child("key"), &expression.key);
    if check_values {
        for (index, value) in values.iter().enumerate() {
            check::each(
                errors,
                &values_path.index(index),
                value.as_str(),
                is_label_value(value),
            );
        }
    }
}

/// Of a node's fields only its name can be asked for.
fn check_field(errors: &mut ErrorList, path: &Path, field: &NodeSelectorRequirement) {
    let values = items(&field.values);
    match field.operator.as_str() {
        "In" | "NotIn" if values.len() != 1 => {
            let detail =
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.push(Error::required(&path.child("values"), detail));
        }
        "In" | "NotIn" => {}
        other => errors.push(Error::invalid(
            &path.child("operator"),
            other,
            "not a valid selector operator",
        )),
    }
    if field.key != "metadata.name" {
        errors.push(Error::invalid(
            &path.child("key"),
            &field.key,
            "not a valid field selector key",
        ));
        return;
    }
    for (index, value) in values.iter().enumerate() {
        check::each(
            errors,
            &path.child("values").index(index),
            value.as_str(),
            is_dns1123_subdomain(value),
        );
    }
}

/// While a pod is gated the nodes it needs may become fewer, never more.
pub(in super::super) fn only_additions(
    errors: &mut ErrorList,
    path: &Path,
    new: Option<&NodeAffinity>,
    old: Option<&NodeAffinity>,
) {
    fn terms(affinity: Option<&NodeAffinity>) -> &[NodeSelectorTerm] {
        let needed = affinity.and_then(|affinity| {
            affinity
                .required_during_scheduling_ignored_during_execution
                .as_ref()
        });
        needed.map_or(&[], |needed| needed.node_selector_terms.as_slice())
    }
    let (new, old) = (terms(new), terms(old));
    let path = path
        .child("requiredDuringSchedulingIgnoredDuringExecution")
        .child("nodeSelectorTerms");
    if old.is_empty() {
        return;
    }
    if new.len() != old.len() {
        let detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        errors.push(Error::invalid(&path, Json::list(new, term_shape), detail));
        return;
    }
    for (index, (new, old)) in new.iter().zip(old).enumerate() {
        let was_empty =
            items(&old.match_expressions).is_empty() && items(&old.match_fields).is_empty();
        let kept = items(&new.match_expressions).starts_with(items(&old.match_expressions))
            && items(&new.match_fields).starts_with(items(&old.match_fields));
        // A term without requirements selects no node: anything added to it would make it select some.
        if !kept || (was_empty && new != old) {
            let detail = "only additions are allowed (no mutations or deletions)";
            errors.push(Error::invalid(&path.index(index), term_shape(new), detail));
        }
    }
}

/// A node selector as errors show it.
pub(crate) fn node_selector_shape(selector: &NodeSelector) -> Json {
    Json::object(&[(
        "NodeSelectorTerms",
        Json::list(&selector.node_selector_terms, term_shape),
    )])
}

fn term_shape(term: &NodeSelectorTerm) -> Json {
    let requirement = |it: &NodeSelectorRequirement| {
        Json::object(&[
            ("Key", Json::of(&it.key)),
            ("Operator", Json::of(&it.operator)),
            ("Values", Json::list(items(&it.values), Json::of)),
        ])
    };
    Json::object(&[
        (
            "MatchExpressions",
            Json::list(items(&term.match_expressions), requirement),
        ),
        (
            "MatchFields",
            Json::list(items(&term.match_fields), requirement),
        ),
    ])
}
