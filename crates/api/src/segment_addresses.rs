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

/// What the message of the condition begins with where there are addresses; a semicolon ends them.
const HAS: &str = "It has ";

/// The message of the condition: what a service has been given, and what is wrong.
pub fn message(given: &[IpAddr], problem: Option<&str>) -> String {
    let given: Vec<String> = given.iter().map(ToString::to_string).collect();
    let given = given.join(", ");
    match (given.is_empty(), problem) {
        (true, None) => "No address".to_owned(),
        (true, Some(problem)) => format!("No address: {problem}"),
        (false, None) => format!("{HAS}{given}"),
        (false, Some(problem)) => format!("{HAS}{given}; {problem}"),
    }
}

/// What the controller says that it has given to a service, whatever has become of it.
pub fn given(service: &Service) -> impl Iterator<Item = IpAddr> {
    let message = condition(service).map(|it| it.message.as_str());
    let given = message.and_then(|message| message.strip_prefix(HAS));
    let given = given.and_then(|given| given.split(';').next());
    let all = given.into_iter().flat_map(|given| given.split(", "));
    all.filter_map(|ip| ip.parse().ok())
}

/// The addresses that nodes answer for: of those in its status the ones that the controller has given.
pub fn announced(service: &Service) -> impl Iterator<Item = IpAddr> {
    let given: Vec<IpAddr> = match wants(service) {
        true => given(service).collect(),
        false => Vec::new(),
    };
    let all = ingress(service).iter();
    let all = all.filter_map(|ingress| ingress.ip.as_deref()?.parse().ok());
    all.filter(move |ip| given.contains(ip))
}
