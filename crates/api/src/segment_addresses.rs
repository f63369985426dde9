//! The addresses of load balancers that the nodes themselves answer for on their segment. A controller gives them out and writes them into
//! the services' status; nodes answer for those that it has given. That it was this controller, and no cloud's or another's, a condition
//! in the status tells.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{LoadBalancerIngress, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// The class of such load balancers (`spec.loadBalancerClass`). They are what services have that name no class, too.
pub const CLASS: &str = "navarch.dev/segment";
/// The type of the condition. It is `True` where a service has all that it is to have.
pub const CONDITION: &str = "navarch.dev/OnSegment";

/// Whether a service is to have such addresses. One of no class that has been given addresses by somebody else is theirs.
pub fn wants(service: &Service) -> bool {
    let is_anothers = condition(service).is_none() && !ingress(service).is_empty();
    service.spec.as_ref().is_some_and(|spec| {
        let is_ours = match spec.load_balancer_class.as_deref() {
            Some(class) => class == CLASS,
            None => !is_anothers,
        };
        spec.type_.as_deref() == Some("LoadBalancer") && is_ours
    })
}

/// What the controller has said of a service.
pub fn condition(service: &Service) -> Option<&Condition> {
    let conditions = service.status.as_ref()?.conditions.as_ref()?;
    conditions
        .iter()
        .find(|condition| condition.type_ == CONDITION)
}

/// All that a service's status names, whoever has written it.
pub fn ingress(service: &Service) -> &[LoadBalancerIngress] {
    let status = service.status.as_ref();
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer.and_then(|balancer| balancer.ingress.as_deref());
    ingress.unwrap_or_default()
}

/// The addresses that nodes answer for.
pub fn announced(service: &Service) -> impl Iterator<Item = IpAddr> {
    let is_ours = wants(service) && condition(service).is_some();
    let all = ingress(service).iter().filter(move |_| is_ours);
    all.filter_map(|ingress| ingress.ip.as_deref()?.parse().ok())
}
