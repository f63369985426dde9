//! What follows from a service's type.

use k8s_openapi::api::core::v1::ServiceSpec;

/// The cluster IP of a service that has none and wants none.
pub const HEADLESS: &str = "None";

/// The type; empty where there is none yet.
pub fn service_type(spec: &ServiceSpec) -> &str {
    spec.type_.as_deref().unwrap_or_default()
}

/// Whether it has no address of its own: its name leads to its endpoints.
pub fn is_headless(spec: &ServiceSpec) -> bool {
    spec.cluster_ips
        .as_deref()
        .is_some_and(|ips| matches!(ips, [ip] if ip == HEADLESS))
}

/// Whether its type has a value in clusterIP, be it `None`.
pub fn needs_cluster_ip(spec: &ServiceSpec) -> bool {
    service_type(spec) != "ExternalName"
}

/// Whether its ports are open on nodes.
pub fn needs_node_ports(spec: &ServiceSpec) -> bool {
    matches!(service_type(spec), "NodePort" | "LoadBalancer")
}

/// Whether its ports are opened on nodes without being asked for: a load balancer may go without.
pub fn gets_node_ports(spec: &ServiceSpec) -> bool {
    needs_node_ports(spec)
        && (service_type(spec) == "NodePort"
            || spec.allocate_load_balancer_node_ports != Some(false))
}

/// Whether load balancers ask each node for local endpoints.
pub fn needs_health_check_port(spec: &ServiceSpec) -> bool {
    service_type(spec) == "LoadBalancer" && spec.external_traffic_policy.as_deref() == Some("Local")
}

/// Whether it can be reached from outside the cluster.
pub fn is_externally_accessible(spec: &ServiceSpec) -> bool {
    let has_external_ips = spec
        .external_ips
        .as_deref()
        .is_some_and(|ips| !ips.is_empty());
    needs_node_ports(spec) || (service_type(spec) == "ClusterIP" && has_external_ips)
}
