//! Resource claims as a pod's status tells them.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{PodExtendedResourceClaimStatus, PodSpec, PodStatus};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::super::absent::{entries, items};
use super::super::check;

/// Claims of the spec by the names they got, and the claim made for extended resources.
pub(super) fn check(errors: &mut ErrorList, path: &Path, status: &PodStatus, spec: &PodSpec) {
    let mut names = BTreeSet::new();
    for (index, claim) in items(&status.resource_claim_statuses).iter().enumerate() {
        let path = path.child("resourceClaimStatuses").index(index);
        if !items(&spec.resource_claims)
            .iter()
            .any(|known| known.name == claim.name)
        {
            let detail = "must match the name of an entry in `spec.resourceClaims`";
            errors.push(Error::invalid(&path.child("name"), &claim.name, detail));
        }
        if !names.insert(claim.name.as_str()) {
            errors.push(Error::duplicate(&path.child("name"), &claim.name));
        }
        if let Some(name) = &claim.resource_claim_name {
            check::subdomain(errors, &path.child("resourceClaimName"), name);
        }
    }
    if let Some(extended) = &status.extended_resource_claim_status {
        check_extended(
            errors,
            &path.child("extendedResourceClaimStatus"),
            extended,
            spec,
        );
    }
}

fn check_extended(
    errors: &mut ErrorList,
    path: &Path,
    status: &PodExtendedResourceClaimStatus,
    spec: &PodSpec,
) {
    let mappings = path.child("requestMappings");
    if status.request_mappings.is_empty() {
        errors.push(Error::required(
            &mappings,
            "at least one request mapping is required",
        ));
    }
    let mut seen = BTreeSet::new();
    for (index, mapping) in status.request_mappings.iter().enumerate() {
        let at = mappings.index(index);
        let mut containers = spec.containers.iter().chain(items(&spec.init_containers));
        match containers.find(|container| container.name == mapping.container_name) {
            None => {
                let detail = "must match the name of an entry in spec.initContainers.name or spec.containers.name";
                errors.push(Error::invalid(
                    &at.child("containerName"),
                    &mapping.container_name,
                    detail,
                ));
            }
            Some(container) => {
                let requests = container
                    .resources
                    .as_ref()
                    .map(|resources| &resources.requests);
                if !requests.is_some_and(|requests| {
                    entries(requests).any(|(name, _)| *name == mapping.resource_name)
                }) {
                    let detail = "must match the extended resource name of an entry in spec.initContainers.resources.requests or \
                                  spec.containers.resources.requests";
                    errors.push(Error::invalid(
                        &at.child("resourceName"),
                        &mapping.resource_name,
                        detail,
                    ));
                }
            }
        }
        check::label(errors, &path.child("requestName"), &mapping.request_name);
        if !seen.insert((
            &mapping.container_name,
            &mapping.resource_name,
            &mapping.request_name,
        )) {
            errors.push(Error::duplicate(
                &at.child("containerName"),
                &mapping.container_name,
            ));
            errors.push(Error::duplicate(
                &at.child("resourceName"),
                &mapping.resource_name,
            ));
            errors.push(Error::duplicate(
                &at.child("requestName"),
                &mapping.request_name,
            ));
        }
    }
    let name = path.child("resourceClaimName");
    if status.resource_claim_name.is_empty() {
        errors.push(Error::required(&name, ""));
    } else {
        check::subdomain(errors, &name, &status.resource_claim_name);
    }
}
