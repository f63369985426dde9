//! What a service's author should know.

use k8s_openapi::api::core::v1::Service;
use navarch_machinery::field::Path;

use super::{HEADLESS, service_type};
use crate::address::{cidr_warnings, ip_warnings};

const HINTS: &str = "service.kubernetes.io/topology-aware-hints";
const MODE: &str = "service.kubernetes.io/topology-mode";

pub(super) fn warnings(service: &Service) -> Vec<String> {
    let Some(spec) = &service.spec else {
        return Vec::new();
    };
    let path = Path::new("spec");
    let given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    let external = spec.external_ips.as_deref().unwrap_or_default();
    let (kind, is_named) = (service_type(spec), service_type(spec) == "ExternalName");
    let is_headless = kind == "ClusterIP" && spec.cluster_ip.as_deref() == Some(HEADLESS);
    let mut warnings = Vec::new();
    if service
        .metadata
        .annotations
        .as_ref()
        .is_some_and(|annotations| annotations.contains_key(HINTS))
    {
        warnings.push(format!(
            "annotation {HINTS} is deprecated, please use {MODE} instead"
        ));
    }
    let ips = spec
        .cluster_ips
        .iter()
        .flatten()
        .filter(|ip| *ip != HEADLESS)
        .enumerate();
    warnings.extend(ips.flat_map(|(at, ip)| ip_warnings(&path.child("clusterIPs").index(at), ip)));
    if is_headless {
        let ignored = [
            ("loadBalancerIP", given(&spec.load_balancer_ip)),
            ("externalIPs", !external.is_empty()),
            (
                "SessionAffinity",
                spec.session_affinity.as_deref() != Some("None"),
            ),
        ];
        let ignored = ignored.into_iter().filter(|(_, set)| *set);
        warnings.extend(
            ignored.map(|(name, _)| format!("spec.{name} is ignored for headless services")),
        );
    }
    let external_path = path.child("externalIPs");
    warnings.extend(
        external
            .iter()
            .enumerate()
            .flat_map(|(at, ip)| ip_warnings(&external_path.index(at), ip)),
    );
    if !external.is_empty() && !is_headless && !is_named {
        warnings.push(
            "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
                .to_owned(),
        );
    }
    if let Some(ip) = &spec.load_balancer_ip {
        warnings.extend(ip_warnings(&path.child("loadBalancerIP"), ip));
    }
    let ranges = spec
        .load_balancer_source_ranges
        .iter()
        .flatten()
        .enumerate();
    warnings.extend(ranges.flat_map(|(at, range)| {
        cidr_warnings(&path.child("loadBalancerSourceRanges").index(at), range)
    }));
    if is_named && !external.is_empty() {
        warnings.push("spec.externalIPs is ignored when spec.type is \"ExternalName\"".to_owned());
    }
    if !is_named && given(&spec.external_name) {
        warnings
            .push("spec.externalName is ignored when spec.type is not \"ExternalName\"".to_owned());
    }
    if spec.traffic_distribution.as_deref() == Some("PreferClose") {
        let (old, new) = ("PreferClose", "PreferSameZone");
        warnings.push(format!(
            "spec.trafficDistribution: {old:?} is deprecated; use {new:?}"
        ));
    }
    warnings
}

/// What whoever writes its status should know.
pub(super) fn of_status(service: &Service) -> Vec<String> {
    let path = Path::new("status").child("loadBalancer").child("ingress");
    let status = service.status.iter();
    let points = status.flat_map(|status| {
        status
            .load_balancer
            .iter()
            .flat_map(|it| it.ingress.iter().flatten())
    });
    points
        .enumerate()
        .filter_map(|(at, point)| Some((at, point.ip.as_deref().filter(|ip| !ip.is_empty())?)))
        .flat_map(|(at, ip)| ip_warnings(&path.index(at), ip))
        .collect()
}
