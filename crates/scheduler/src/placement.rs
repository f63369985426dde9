//! The decision: which node takes a pod. Pure; the words of a refusal are those of Kubernetes' scheduler.

use k8s_openapi::api::core::v1::{Pod, PodSpec, Taint};

use crate::index::{ClusterIndex, NodeSlot};
use crate::ports::{self, HostPort};
use crate::refusal::{Reason, Unschedulable};
use crate::request::{self, Amounts};
use crate::tolerations::tolerate;

/// So many nodes that fit are compared before the search ends, on clusters that have more. As Kubernetes, which looks at a
/// part of a large cluster only, beginning where the last search ended.
const ENOUGH: usize = 100;

/// The best node for a pod, by name. `start` is where the search begins; it is moved on, so that the load spreads.
pub fn place(index: &ClusterIndex, pod: &Pod, start: &mut usize) -> Result<String, Unschedulable> {
    let nothing = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&nothing);
    let asked = request::of_pod(spec);
    let assumed = request::assumed(spec, &asked);
    let ports = ports::of_pod(spec);
    let slots = index.slots();
    let preempts = spec.preemption_policy.as_deref() != Some("Never");
    let mut refusal = Unschedulable::of(index.node_count(), preempts);
    let mut best: Option<(i64, &NodeSlot)> = None;
    let mut fitting = 0;
    for step in 0..slots.len() {
        let slot = &slots[(*start + step) % slots.len()];
        if slot.node.is_none() {
            continue;
        }
        if let Err(reasons) = fits(slot, spec, &asked, &ports) {
            refusal.add(reasons);
            continue;
        }
        let score = score(slot, assumed);
        if best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, slot));
        }
        fitting += 1;
        if fitting == ENOUGH {
            *start = (*start + step + 1) % slots.len();
            break;
        }
    }
    let name = best.and_then(|(_, slot)| slot.node.as_ref()?.metadata.name.clone());
    name.ok_or(refusal)
}

/// Whether a node can take the pod; if not, why. The first kind of reason found speaks, as in Kubernetes' order of filters.
fn fits(
    slot: &NodeSlot,
    spec: &PodSpec,
    asked: &Amounts,
    ports: &[HostPort],
) -> Result<(), Vec<Reason>> {
    let tolerations = spec.tolerations.as_deref().unwrap_or_default();
    let cordon = Taint {
        key: "node.kubernetes.io/unschedulable".into(),
        effect: "NoSchedule".into(),
        ..Default::default()
    };
    let lasting = |text: &str| Err(vec![reason(text, false)]);
    if slot.unschedulable && !tolerate(tolerations, &cordon) {
        return lasting("node(s) were unschedulable");
    }
    if slot
        .taints
        .iter()
        .any(|taint| !tolerate(tolerations, taint))
    {
        return lasting("node(s) had untolerated taint(s)");
    }
    let labels = slot
        .node
        .as_ref()
        .and_then(|node| node.metadata.labels.as_ref());
    let mut wanted = spec.node_selector.iter().flatten();
    if !wanted.all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value)) {
        return lasting("node(s) didn't match Pod's node affinity/selector");
    }
    if !slot.ports.have_room(ports) {
        let text = "node(s) didn't have free ports for the requested pod ports";
        return Err(vec![reason(text, true)]);
    }
    let missing = missing(slot, asked);
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing)
    }
}

fn reason(text: impl Into<String>, pods_are_in_the_way: bool) -> Reason {
    Reason {
        text: text.into(),
        pods_are_in_the_way,
    }
}

fn missing(slot: &NodeSlot, asked: &Amounts) -> Vec<Reason> {
    let mut missing = Vec::new();
    if slot.pods + 1 > slot.pod_limit {
        missing.push(reason("Too many pods", true));
    }
    let mut check = |name: &str, asked: i64, held: i64, there: i64| {
        if asked > 0 && asked > there - held {
            // More than the node has is not there without its pods either.
            missing.push(reason(format!("Insufficient {name}"), asked <= there));
        }
    };
    let (held, there) = (&slot.requested, &slot.allocatable);
    check("cpu", asked.cpu, held.cpu, there.cpu);
    check("memory", asked.memory, held.memory, there.memory);
    check(
        "ephemeral-storage",
        asked.ephemeral_storage,
        held.ephemeral_storage,
        there.ephemeral_storage,
    );
    for (name, amount) in &asked.other {
        let of = |amounts: &Amounts| amounts.other.get(name).copied().unwrap_or(0);
        check(name, *amount, of(held), of(there));
    }
    missing
}

/// Higher is better: much is left (NodeResourcesFit, LeastAllocated), and CPU and memory are used alike (BalancedAllocation).
fn score(slot: &NodeSlot, assumed: (i64, i64)) -> i64 {
    let share = |used: i64, there: i64| {
        if there <= 0 {
            1000
        } else {
            (used.saturating_mul(1000) / there).clamp(0, 1000)
        }
    };
    let cpu = share(slot.assumed.0 + assumed.0, slot.allocatable.cpu);
    let memory = share(slot.assumed.1 + assumed.1, slot.allocatable.memory);
    let left = (1000 - cpu) + (1000 - memory);
    left / 2 + (1000 - (cpu - memory).abs() / 2)
}
