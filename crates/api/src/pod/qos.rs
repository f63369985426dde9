//! The quality of service class of a pod, which says who suffers first when a node runs short.

use k8s_openapi::api::core::v1::{Pod, PodSpec, ResourceRequirements};

use super::absent::{entries, items};
use super::amount;
use super::totals::Amounts;

/// Guaranteed: every container limits processor and memory, and asks for just that. Burstable: some ask for or limit
/// something. BestEffort: none does. Where the pod has resources of its own, they count in the containers' place.
pub fn qos_class(pod: &Pod) -> &'static str {
    pod.spec.as_ref().map_or("BestEffort", of_spec)
}

/// See [`qos_class`].
pub(super) fn of_spec(spec: &PodSpec) -> &'static str {
    let none = ResourceRequirements::default();
    let containers = spec.containers.iter().chain(items(&spec.init_containers));
    let all: Vec<&ResourceRequirements> = match &spec.resources {
        Some(own) => vec![own],
        None => containers
            .map(|container| container.resources.as_ref().unwrap_or(&none))
            .collect(),
    };
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    let mut limited = true;
    for resources in all {
        sum(&mut requests, &resources.requests);
        limited &= sum(&mut limits, &resources.limits) == 2;
    }
    if requests.is_empty() && limits.is_empty() {
        return "BestEffort";
    }
    let equal = requests.iter().all(|(name, request)| {
        limits
            .get(name)
            .is_some_and(|limit| amount::compare(limit, request).is_eq())
    });
    if limited && equal && requests.len() == limits.len() {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// Adds what counts for the class, processor and memory above zero; answers how many of the two there were.
fn sum(total: &mut Amounts, list: &Option<Amounts>) -> usize {
    let counts = |name: &str| matches!(name, "cpu" | "memory");
    let counted =
        entries(list).filter(|(name, amount)| counts(name) && amount::is_positive(amount));
    counted
        .map(|(name, amount)| {
            total
                .entry(name.clone())
                .and_modify(|sum| *sum = amount::add(sum, amount))
                .or_insert_with(|| amount.clone());
        })
        .count()
}
