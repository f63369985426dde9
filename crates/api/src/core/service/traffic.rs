//! Where a service's traffic may go.

use k8s_openapi::api::core::v1::ServiceSpec;
use navarch_machinery::field::{Error, ErrorList, Path};

use super::validate::optional_one_of;
use super::{is_externally_accessible, needs_health_check_port, service_type};
use crate::check::{port_number, required_one_of};

const POLICIES: &[&str] = &["Cluster", "Local"];
const DISTRIBUTIONS: &[&str] = &["PreferClose", "PreferSameZone", "PreferSameNode"];

pub(super) fn validate(spec: &ServiceSpec, path: &Path) -> ErrorList {
    let mut errors = external(spec, &path.child("externalTrafficPolicy"));
    errors.extend(health_check(spec, &path.child("healthCheckNodePort")));
    errors.extend(internal(spec, &path.child("internalTrafficPolicy")));
    let distribution = spec.traffic_distribution.as_deref();
    errors.extend(optional_one_of(
        distribution,
        DISTRIBUTIONS,
        &path.child("trafficDistribution"),
    ));
    errors
}

fn external(spec: &ServiceSpec, path: &Path) -> ErrorList {
    let policy = spec.external_traffic_policy.as_deref().unwrap_or_default();
    if is_externally_accessible(spec) {
        return required_one_of(Some(policy), POLICIES, path);
    }
    if policy.is_empty() {
        return ErrorList::new();
    }
    vec![Error::invalid(
        path,
        policy,
        "may only be set for externally-accessible services",
    )]
}

fn health_check(spec: &ServiceSpec, path: &Path) -> ErrorList {
    match (
        needs_health_check_port(spec),
        spec.health_check_node_port.unwrap_or_default(),
    ) {
        (false, 0) => ErrorList::new(),
        (false, port) => {
            let detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
            vec![Error::invalid(path, port, detail)]
        }
        (true, 0) => vec![Error::required(path, "")],
        (true, port) => port_number(port, path),
    }
}

fn internal(spec: &ServiceSpec, path: &Path) -> ErrorList {
    let has_traffic = matches!(
        service_type(spec),
        "NodePort" | "LoadBalancer" | "ClusterIP"
    );
    match spec.internal_traffic_policy.as_deref() {
        None if has_traffic => vec![Error::required(path, "")],
        policy => optional_one_of(policy, POLICIES, path),
    }
}
