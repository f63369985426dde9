//! The pods that a pod wants or needs near it, or far from it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Affinity, PodAffinityTerm, WeightedPodAffinityTerm};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_dns1123_label;

use super::super::absent::{items, items_mut};
use super::super::check;
use super::{label_keys, node_affinity};
use crate::metadata::validate_label_selector;

/// Nodes, pods near, and pods far.
pub(in super::super) fn check(errors: &mut ErrorList, path: &Path, affinity: &Affinity) {
    if let Some(nodes) = &affinity.node_affinity {
        node_affinity::check(errors, &path.child("nodeAffinity"), nodes);
    }
    if let Some(near) = &affinity.pod_affinity {
        let needed = items(&near.required_during_scheduling_ignored_during_execution);
        let wanted = items(&near.preferred_during_scheduling_ignored_during_execution);
        check_terms(errors, &path.child("podAffinity"), needed, wanted);
    }
    if let Some(far) = &affinity.pod_anti_affinity {
        let needed = items(&far.required_during_scheduling_ignored_during_execution);
        let wanted = items(&far.preferred_during_scheduling_ignored_during_execution);
        check_terms(errors, &path.child("podAntiAffinity"), needed, wanted);
    }
}

fn check_terms(
    errors: &mut ErrorList,
    path: &Path,
    needed: &[PodAffinityTerm],
    wanted: &[WeightedPodAffinityTerm],
) {
    for (index, term) in needed.iter().enumerate() {
        check_term(
            errors,
            &path
                .child("requiredDuringSchedulingIgnoredDuringExecution")
                .index(index),
            term,
        );
    }
    for (index, weighted) in wanted.iter().enumerate() {
        let path = path
            .child("preferredDuringSchedulingIgnoredDuringExecution")
            .index(index);
        node_affinity::check_weight(errors, &path, weighted.weight);
        check_term(
            errors,
            &path.child("podAffinityTerm"),
            &weighted.pod_affinity_term,
        );
    }
}

fn check_term(errors: &mut ErrorList, path: &Path, term: &PodAffinityTerm) {
    let selectors = [
        ("labelSelector", &term.label_selector),
        ("namespaceSelector", &term.namespace_selector),
    ];
    for (name, selector) in selectors {
        if let Some(selector) = selector {
            errors.extend(validate_label_selector(selector, &path.child(name)));
        }
    }
    for namespace in items(&term.namespaces) {
        check::each(
            errors,
            &path.child("namespace"),
            namespace.as_str(),
            is_dns1123_label(namespace),
        );
    }
    let (matching, other) = (
        items(&term.match_label_keys),
        items(&term.mismatch_label_keys),
    );
    label_keys::check(errors, path, matching, other, term.label_selector.as_ref());
    if term.topology_key.is_empty() {
        errors.push(Error::required(
            &path.child("topologyKey"),
            "can not be empty",
        ));
    }
    check::qualified_name(errors, &path.child("topologyKey"), &term.topology_key);
}

/// Puts the values that the pod has of `matchLabelKeys` and `mismatchLabelKeys` into the selectors beside them.
pub(in super::super) fn merge_label_keys(
    affinity: &mut Affinity,
    labels: Option<&BTreeMap<String, String>>,
) {
    if let Some(near) = &mut affinity.pod_affinity {
        let wanted = items_mut(&mut near.preferred_during_scheduling_ignored_during_execution);
        wanted
            .iter_mut()
            .for_each(|weighted| merge_term(&mut weighted.pod_affinity_term, labels));
        let needed = items_mut(&mut near.required_during_scheduling_ignored_during_execution);
        needed.iter_mut().for_each(|term| merge_term(term, labels));
    }
    if let Some(far) = &mut affinity.pod_anti_affinity {
        let wanted = items_mut(&mut far.preferred_during_scheduling_ignored_during_execution);
        wanted
            .iter_mut()
            .for_each(|weighted| merge_term(&mut weighted.pod_affinity_term, labels));
        let needed = items_mut(&mut far.required_during_scheduling_ignored_during_execution);
        needed.iter_mut().for_each(|term| merge_term(term, labels));
    }
}

/// A term without a selector selects no pod, and stays without.
fn merge_term(term: &mut PodAffinityTerm, labels: Option<&BTreeMap<String, String>>) {
    if let Some(selector) = &mut term.label_selector {
        label_keys::merge(selector, items(&term.match_label_keys), "In", labels);
        label_keys::merge(selector, items(&term.mismatch_label_keys), "NotIn", labels);
    }
}
