//! One pod, one node, within what the node has.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use navarch_machinery::quantity::Quantity;

use super::is_over;
use crate::witness::{Change, Invariant, State};

/// A pod that has a node keeps it.
pub struct BoundOnce;

impl Invariant for BoundOnce {
    fn see(&mut self, change: &Change, _: &State) -> Result<(), String> {
        let Change::Pod(Some(before), Some(after)) = change else {
            return Ok(());
        };
        let same = before.metadata.uid == after.metadata.uid;
        match (node(before), node(after)) {
            (Some(was), is) if same && is != Some(was) => {
                Err(format!("it was on {was}, and is on {is:?}"))
            }
            _ => Ok(()),
        }
    }
}

/// What the pods of a node ask for is there.
pub struct FitsItsNode;

impl Invariant for FitsItsNode {
    fn see(&mut self, change: &Change, state: &State) -> Result<(), String> {
        let Change::Pod(before, Some(after)) = change else {
            return Ok(());
        };
        let Some(name) = node(after) else {
            return Ok(());
        };
        if before.as_ref().is_some_and(|before| node(before).is_some()) {
            return Ok(());
        }
        let Some(on) = state.nodes.get(&format!("nodes/{name}")) else {
            return Ok(());
        };
        let here = state.pods.values();
        let here = here.filter(|pod| node(pod) == Some(name) && !is_over(pod));
        let here: Vec<&Pod> = here.map(|pod| &**pod).collect();
        for resource in ["cpu", "memory"] {
            let asked: Quantity = here.iter().map(|pod| request(pod, resource)).sum();
            let there = allocatable(on, resource);
            if asked > there {
                let (asked, there) = (asked.canonical(), there.canonical());
                return Err(format!(
                    "{name} has {there} {resource}, and its pods ask for {asked}"
                ));
            }
        }
        let room = usize::try_from(allocatable(on, "pods").value()).unwrap_or(usize::MAX);
        if here.len() > room {
            return Err(format!("{name} takes {room} pods, and has {}", here.len()));
        }
        Ok(())
    }
}

fn node(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

fn request(pod: &Pod, resource: &str) -> Quantity {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let requests =
        containers.filter_map(|container| container.resources.as_ref()?.requests.as_ref());
    requests.map(|all| amount(all, resource)).sum()
}

fn allocatable(node: &Node, resource: &str) -> Quantity {
    let all = node
        .status
        .as_ref()
        .and_then(|status| status.allocatable.as_ref());
    all.map_or_else(Quantity::default, |all| amount(all, resource))
}

fn amount(all: &BTreeMap<String, ApiQuantity>, resource: &str) -> Quantity {
    let text = all.get(resource);
    text.and_then(|text| Quantity::parse(&text.0).ok())
        .unwrap_or_default()
}
