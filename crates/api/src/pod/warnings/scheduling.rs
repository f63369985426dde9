//! Warnings about where a pod may run.

use k8s_openapi::api::core::v1::{
    NodeSelectorTerm, PodAffinityTerm, PodSpec, WeightedPodAffinityTerm,
};
use navarch_machinery::field::Path;
use navarch_machinery::names::is_label_value;

use super::super::absent::{entries, items};

const NO_SELECTOR: &str = "a null labelSelector results in matching no pod";

/// What became of a label that nodes once had.
pub(crate) fn deprecated_label(key: &str) -> Option<&'static str> {
    Some(match key {
        "beta.kubernetes.io/arch" => "deprecated since v1.14; use \"kubernetes.io/arch\" instead",
        "beta.kubernetes.io/os" => "deprecated since v1.14; use \"kubernetes.io/os\" instead",
        "failure-domain.beta.kubernetes.io/region" => {
            "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead"
        }
        "failure-domain.beta.kubernetes.io/zone" => {
            "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"
        }
        "beta.kubernetes.io/instance-type" => {
            "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"
        }
        "app.kubernetes.io/created-by" => "deprecated since v1.9",
        "scheduler.alpha.kubernetes.io/preferAvoidPods" => {
            "deprecated since v1.22; use Taints and Tolerations instead"
        }
        "node-role.kubernetes.io/master" => "use \"node-role.kubernetes.io/control-plane\" instead",
        _ => return None,
    })
}

/// Labels of nodes, and how pods are spread over them.
pub(super) fn nodes(warnings: &mut Vec<String>, path: &Path, spec: &PodSpec) {
    for (key, _) in entries(&spec.node_selector) {
        if let Some(message) = deprecated_label(key) {
            warnings.push(format!(
                "{}: {message}",
                path.child("nodeSelector").key(key)
            ));
        }
    }
    if let Some(nodes) = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref())
    {
        let path = path.child("affinity").child("nodeAffinity");
        let needed = nodes
            .required_during_scheduling_ignored_during_execution
            .as_ref();
        for (index, one) in needed
            .iter()
            .flat_map(|needed| &needed.node_selector_terms)
            .enumerate()
        {
            let path = path
                .child("requiredDuringSchedulingIgnoredDuringExecution")
                .child("nodeSelectorTerms");
            term(warnings, &path.index(index), one, false);
        }
        for (index, one) in items(&nodes.preferred_during_scheduling_ignored_during_execution)
            .iter()
            .enumerate()
        {
            let path = path
                .child("preferredDuringSchedulingIgnoredDuringExecution")
                .index(index);
            term(warnings, &path.child("preference"), &one.preference, true);
        }
    }
    for (index, constraint) in items(&spec.topology_spread_constraints).iter().enumerate() {
        let path = path.child("topologySpreadConstraints").index(index);
        if let Some(message) = deprecated_label(&constraint.topology_key) {
            warnings.push(format!(
                "{}: {} is {message}",
                path.child("topologyKey"),
                constraint.topology_key
            ));
        }
        if constraint.label_selector.is_none() {
            warnings.push(format!("{}: {NO_SELECTOR}", path.child("labelSelector")));
        }
    }
}

/// Labels in a term that nodes no longer have; with `check_values` also values that no label can have.
pub(crate) fn term(
    warnings: &mut Vec<String>,
    path: &Path,
    term: &NodeSelectorTerm,
    check_values: bool,
) {
    for (index, expression) in items(&term.match_expressions).iter().enumerate() {
        let path = path.child("matchExpressions").index(index);
        if let Some(message) = deprecated_label(&expression.key) {
            warnings.push(format!(
                "{}: {} is {message}",
                path.child("key"),
                expression.key
            ));
        }
        for (index, value) in items(&expression.values)
            .iter()
            .enumerate()
            .filter(|_| check_values)
        {
            for finding in is_label_value(value) {
                warnings.push(format!(
                    "{}: {value} is invalid, {finding}",
                    path.child("values").index(index)
                ));
            }
        }
    }
}

/// Selectors of pods that select none.
pub(super) fn pods(warnings: &mut Vec<String>, path: &Path, spec: &PodSpec) {
    let Some(affinity) = &spec.affinity else {
        return;
    };
    if let Some(near) = &affinity.pod_affinity {
        let needed = items(&near.required_during_scheduling_ignored_during_execution);
        let wanted = items(&near.preferred_during_scheduling_ignored_during_execution);
        terms(
            warnings,
            &path.child("affinity").child("podAffinity"),
            needed,
            wanted,
        );
    }
    if let Some(far) = &affinity.pod_anti_affinity {
        let needed = items(&far.required_during_scheduling_ignored_during_execution);
        let wanted = items(&far.preferred_during_scheduling_ignored_during_execution);
        terms(
            warnings,
            &path.child("affinity").child("podAntiAffinity"),
            needed,
            wanted,
        );
    }
}

fn terms(
    warnings: &mut Vec<String>,
    path: &Path,
    needed: &[PodAffinityTerm],
    wanted: &[WeightedPodAffinityTerm],
) {
    for (index, _) in needed
        .iter()
        .enumerate()
        .filter(|(_, term)| term.label_selector.is_none())
    {
        let path = path
            .child("requiredDuringSchedulingIgnoredDuringExecution")
            .index(index);
        warnings.push(format!("{}: {NO_SELECTOR}", path.child("labelSelector")));
    }
    for (index, _) in wanted
        .iter()
        .enumerate()
        .filter(|(_, term)| term.pod_affinity_term.label_selector.is_none())
    {
        let path = path
            .child("preferredDuringSchedulingIgnoredDuringExecution")
            .index(index);
        warnings.push(format!(
            "{}: {NO_SELECTOR}",
            path.child("podAffinityTerm").child("labelSelector")
        ));
    }
}
