//! What services come to: node ports, load balancers, and themselves.

use k8s_openapi::api::core::v1::Service;

use super::amounts::{Amounts, number};

pub(super) fn is_about(name: &str) -> bool {
    matches!(
        name,
        "services" | "services.nodeports" | "services.loadbalancers"
    )
}

pub(super) fn usage(service: &Service) -> Amounts {
    let spec = service.spec.clone().unwrap_or_default();
    let ports = spec.ports.unwrap_or_default();
    let kind = spec.type_.as_deref().unwrap_or_default();
    let node_ports = match kind {
        "NodePort" => ports.len(),
        "LoadBalancer" if spec.allocate_load_balancer_node_ports == Some(false) => {
            let allocated = ports.iter().filter(|port| port.node_port.unwrap_or(0) != 0);
            allocated.count()
        }
        "LoadBalancer" => ports.len(),
        _ => 0,
    };
    Amounts::from([
        ("services".to_owned(), number(1)),
        ("services.nodeports".to_owned(), number(node_ports)),
        (
            "services.loadbalancers".to_owned(),
            number(usize::from(kind == "LoadBalancer")),
        ),
    ])
}
