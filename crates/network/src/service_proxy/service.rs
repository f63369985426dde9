//! What of a Service matters to packets. Names and defaults as the API's fields; what is made of them is what kube-proxy 1.36 makes.

use std::net::IpAddr;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::{Service, ServiceSpec};

use super::element::Family;
use crate::Protocol;

/// For how long a client stays with its endpoint where the service does not say (`DefaultClientIPServiceAffinitySeconds`).
const AFFINITY_SECONDS: u32 = 10_800;

/// A port of a service, in one family of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServicePort {
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
    pub(crate) node_port: Option<u16>,
    pub(crate) cluster_ip: IpAddr,
    pub(crate) external_ips: Vec<IpAddr>,
    /// Of load balancers that send packets on as they are.
    pub(crate) load_balancer_ips: Vec<IpAddr>,
    /// Who may use those; nothing is everybody.
    pub(crate) source_ranges: Vec<IpNet>,
    /// `sessionAffinity: ClientIP`, and for how many seconds.
    pub(crate) affinity: Option<u32>,
    pub(crate) internal_local: bool,
    pub(crate) external_local: bool,
}

impl ServicePort {
    pub(crate) fn is_external(&self) -> bool {
        self.node_port.is_some()
            || !self.external_ips.is_empty()
            || !self.load_balancer_ips.is_empty()
    }

    /// Whether any traffic may go to endpoints on all nodes: where external traffic stays on its node, that from inside does not.
    pub(crate) fn uses_cluster_endpoints(&self) -> bool {
        !self.internal_local || self.is_external()
    }

    /// Whether any traffic stays on its node.
    pub(crate) fn uses_local_endpoints(&self) -> bool {
        self.internal_local || self.external_local && self.is_external()
    }
}

/// The ports of a service in a family; none for services without an address of their own.
pub(crate) fn ports(service: &Service, family: Family) -> Vec<ServicePort> {
    let Some(spec) = &service.spec else {
        return Vec::new();
    };
    let mut own = cluster_ips(service).into_iter();
    let Some(cluster_ip) = own.find(|ip| Family::of(*ip) == family) else {
        return Vec::new();
    };
    let of_family = |ip: &IpAddr| Family::of(*ip) == family;
    let external_ips: Vec<IpAddr> = parsed(spec.external_ips.as_deref())
        .filter(of_family)
        .collect();
    let ingress = load_balancer_ips(service);
    let load_balancer_ips: Vec<IpAddr> = ingress.filter(of_family).collect();
    let source_ranges = source_ranges(spec, family);
    let affinity = affinity(spec);
    let external_local = is_external_local(spec);
    let internal_local = spec.internal_traffic_policy.as_deref() == Some("Local");
    let port = |port: &k8s_openapi::api::core::v1::ServicePort| {
        Some(ServicePort {
            name: port.name.clone().unwrap_or_default(),
            protocol: Protocol::parse(port.protocol.as_deref())?,
            port: number(Some(port.port))?,
            node_port: number(port.node_port),
            cluster_ip,
            external_ips: external_ips.clone(),
            load_balancer_ips: load_balancer_ips.clone(),
            source_ranges: source_ranges.clone(),
            affinity,
            internal_local,
            external_local,
        })
    };
    spec.ports.iter().flatten().filter_map(port).collect()
}

/// Where load balancers ask whether this node has endpoints, for services that keep external traffic on its node.
pub(crate) fn health_check_port(service: &Service) -> Option<u16> {
    let spec = service.spec.as_ref()?;
    let asks = spec.type_.as_deref() == Some("LoadBalancer") && is_external_local(spec);
    number(spec.health_check_node_port).filter(|_| asks)
}

/// Whether the endpoints of a service are kept by hand, or by nobody.
pub(crate) fn has_selector(service: &Service) -> bool {
    let selector = service
        .spec
        .as_ref()
        .and_then(|spec| spec.selector.as_ref());
    selector.is_some_and(|selector| !selector.is_empty())
}

/// A service's own addresses, one a family. `None` and nothing are no addresses.
pub(crate) fn cluster_ips(service: &Service) -> Vec<IpAddr> {
    let spec = service.spec.as_ref();
    let spec = spec.filter(|spec| spec.type_.as_deref() != Some("ExternalName"));
    let Some(spec) = spec else {
        return Vec::new();
    };
    let all = match &spec.cluster_ips {
        Some(all) if !all.is_empty() => all.as_slice(),
        _ => spec.cluster_ip.as_slice(),
    };
    all.iter().filter_map(|ip| ip.parse().ok()).collect()
}

/// Whether traffic from outside stays on the node that it comes to.
pub(crate) fn is_external_local(spec: &ServiceSpec) -> bool {
    let accessible = match spec.type_.as_deref() {
        Some("LoadBalancer" | "NodePort") => true,
        _ => spec
            .external_ips
            .as_ref()
            .is_some_and(|ips| !ips.is_empty()),
    };
    accessible && spec.external_traffic_policy.as_deref() == Some("Local")
}

fn load_balancer_ips(service: &Service) -> impl Iterator<Item = IpAddr> {
    let ingress = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref()?.ingress.as_deref());
    // One that works as a proxy asks the node ports; its address must be left alone.
    let is_vip = |mode: Option<&str>| mode.is_none_or(|mode| mode == "VIP");
    ingress
        .unwrap_or_default()
        .iter()
        .filter(move |ingress| is_vip(ingress.ip_mode.as_deref()))
        .filter_map(|ingress| ingress.ip.as_deref()?.parse().ok())
}

/// In the fewest ranges, for those that overlap are refused. One of everything is no limit.
fn source_ranges(spec: &ServiceSpec, family: Family) -> Vec<IpNet> {
    let ranges: Vec<IpNet> = spec
        .load_balancer_source_ranges
        .iter()
        .flatten()
        // Validation lets blanks around them pass.
        .filter_map(|range| range.trim().parse().ok())
        .filter(|range: &IpNet| Family::of(range.addr()) == family)
        .map(|range| range.trunc())
        .collect();
    if ranges.iter().any(|range| range.prefix_len() == 0) {
        return Vec::new();
    }
    IpNet::aggregate(&ranges)
}

fn affinity(spec: &ServiceSpec) -> Option<u32> {
    let sticky = spec.session_affinity.as_deref() == Some("ClientIP");
    let config = spec.session_affinity_config.as_ref();
    let seconds = config.and_then(|config| config.client_ip.as_ref()?.timeout_seconds);
    let seconds = seconds.and_then(|seconds| u32::try_from(seconds).ok());
    sticky.then(|| seconds.unwrap_or(AFFINITY_SECONDS).max(1))
}

fn parsed(texts: Option<&[String]>) -> impl Iterator<Item = IpAddr> {
    texts
        .unwrap_or_default()
        .iter()
        .filter_map(|text| text.parse().ok())
}

fn number(port: Option<i32>) -> Option<u16> {
    port.and_then(|port| u16::try_from(port).ok())
        .filter(|port| *port != 0)
}
