//! A pod's spec, in the order in which Kubernetes checks it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{PodResourceClaim, PodSpec};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::inclusive_range_error;

use super::absent::{items, text};
use super::check::{self, Json};
use super::context::Context;
use super::resources;
use super::{container, dns, host, os, placement, pod_resources, pod_security, volumes, windows};
use crate::metadata::validate_labels;

/// What the spec is part of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of<'a> {
    /// A pod; with its name, if it has one yet.
    Pod(Option<&'a str>),
    /// A template.
    Template,
}

/// Checks the spec of a pod or a template.
pub(super) fn check(errors: &mut ErrorList, path: &Path, spec: &PodSpec, of: Of<'_>) {
    if spec.termination_grace_period_seconds.is_none() {
        errors.push(Error::required(
            &path.child("terminationGracePeriodSeconds"),
            "",
        ));
    }
    let (pod, is_pod) = match of {
        Of::Pod(name) => (name.filter(|name| !name.is_empty()), true),
        Of::Template => (None, false),
    };
    let claims = items(&spec.resource_claims)
        .iter()
        .map(|claim| claim.name.as_str())
        .filter(|name| !name.is_empty())
        .collect();
    let mut context = Context {
        spec,
        volumes: BTreeMap::new(),
        claims,
        is_pod,
    };
    context.volumes = volumes::check(
        errors,
        &path.child("volumes"),
        items(&spec.volumes),
        pod,
        is_pod,
    );
    check_resource_claims(
        errors,
        &path.child("resourceClaims"),
        items(&spec.resource_claims),
    );
    container::check_main(errors, &path.child("containers"), &context);
    container::check_init(errors, &path.child("initContainers"), &context);
    container::check_ephemeral(errors, &path.child("ephemeralContainers"), &context);
    pod_resources::check(errors, path, &context);
    if context.host_network() {
        container::match_host_network(
            errors,
            &path.child("containers"),
            &spec.containers,
            context.is_pod,
        );
    }
    check_policies(errors, path, spec);
    check_placement(errors, path, spec);
    windows::check_host_process(errors, path, spec);
    host::check_users(errors, path, spec);
    host::check_name_override(errors, path, spec);
    check_names(errors, path, spec);
    check_scheduling(errors, path, spec);
    os::check(errors, path, spec);
    host::check_env_files(errors, path, spec);
}

fn check_resource_claims(errors: &mut ErrorList, list: &Path, claims: &[PodResourceClaim]) {
    let mut names = BTreeSet::new();
    for (index, claim) in claims.iter().enumerate() {
        let path = list.index(index);
        if claim.name.is_empty() {
            errors.push(Error::required(&path.child("name"), ""));
        } else if !names.insert(claim.name.as_str()) {
            errors.push(Error::duplicate(&path.child("name"), &claim.name));
        } else {
            check::label(errors, &path.child("name"), &claim.name);
        }
        let (name, template) = (
            &claim.resource_claim_name,
            &claim.resource_claim_template_name,
        );
        let wrong = match (name, template) {
            (Some(_), Some(_)) => Some(
                "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
            ),
            (None, None) => {
                Some("must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            let shape = Json::object(&[
                ("Name", Json::of(&claim.name)),
                ("ResourceClaimName", Json::of(name)),
                ("ResourceClaimTemplateName", Json::of(template)),
            ]);
            errors.push(Error::invalid(&path, &shape, wrong));
        }
        for (field, value) in [
            ("resourceClaimName", name),
            ("resourceClaimTemplateName", template),
        ] {
            if let Some(value) = value {
                check::subdomain(errors, &path.child(field), value);
            }
        }
    }
}

fn check_policies(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    check::one_of(
        errors,
        &path.child("restartPolicy"),
        text(&spec.restart_policy),
        &["Always", "OnFailure", "Never"],
    );
    let dns_policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    check::one_of(
        errors,
        &path.child("dnsPolicy"),
        text(&spec.dns_policy),
        &dns_policies,
    );
    errors.extend(validate_labels(
        spec.node_selector.as_ref(),
        &path.child("nodeSelector"),
    ));
    pod_security::check(errors, &path.child("securityContext"), spec);
}

fn check_placement(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    if let Some(affinity) = &spec.affinity {
        placement::check_affinity(errors, &path.child("affinity"), affinity);
    }
    dns::check(errors, &path.child("dnsConfig"), spec);
    for (index, gate) in items(&spec.readiness_gates).iter().enumerate() {
        check::qualified_name(
            errors,
            &path
                .child("readinessGates")
                .index(index)
                .child("conditionType"),
            &gate.condition_type,
        );
    }
    let mut gates = BTreeSet::new();
    for (index, gate) in items(&spec.scheduling_gates).iter().enumerate() {
        let path = path.child("schedulingGates").index(index);
        check::qualified_name(errors, &path, &gate.name);
        if !gates.insert(gate.name.as_str()) {
            errors.push(Error::duplicate(&path, &gate.name));
        }
    }
    placement::check_topology_spread(
        errors,
        &path.child("topologySpreadConstraints"),
        items(&spec.topology_spread_constraints),
    );
}

fn check_names(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    for (field, name) in [
        ("serviceAccountName", &spec.service_account_name),
        ("nodeName", &spec.node_name),
    ] {
        if !text(name).is_empty() {
            check::subdomain(errors, &path.child(field), text(name));
        }
    }
    let longest = i64::from(i32::MAX);
    if let Some(seconds) = spec
        .active_deadline_seconds
        .filter(|seconds| !(1..=longest).contains(seconds))
    {
        errors.push(Error::invalid(
            &path.child("activeDeadlineSeconds"),
            seconds,
            inclusive_range_error(1, longest),
        ));
    }
    for (field, name) in [("hostname", &spec.hostname), ("subdomain", &spec.subdomain)] {
        if !text(name).is_empty() {
            check::label(errors, &path.child(field), text(name));
        }
    }
    placement::check_tolerations(errors, &path.child("tolerations"), items(&spec.tolerations));
    dns::check_host_aliases(
        errors,
        &path.child("hostAliases"),
        items(&spec.host_aliases),
    );
}

fn check_scheduling(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let class = text(&spec.priority_class_name);
    if !class.is_empty() {
        check::subdomain(errors, &path.child("priorityClassName"), class);
    }
    if let Some(class) = &spec.runtime_class_name {
        check::subdomain(errors, &path.child("runtimeClassName"), class);
    }
    if let Some(policy) = &spec.preemption_policy {
        check::one_of(
            errors,
            &path.child("preemptionPolicy"),
            policy,
            &["PreemptLowerPriority", "Never"],
        );
    }
    if let Some(overhead) = &spec.overhead {
        errors.extend(resources::validate_overhead(
            Some(overhead),
            &path.child("overhead"),
        ));
    }
}
