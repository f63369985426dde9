//! The cluster as placement sees it: changed in place by each event, never built anew.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod, Taint};
use navarch_client::ObjectKey;
use navarch_machinery::quantity::Quantity;

use crate::ports::{self, HostPort, TakenPorts};
use crate::request::{self, Amounts};

/// A node with what is reserved on it.
#[derive(Debug, Clone)]
pub struct NodeSlot {
    /// The node; `None` where pods name a node that is not (or no longer) there.
    pub node: Option<Arc<Node>>,
    /// What its pods may use.
    pub allocatable: Amounts,
    /// How many pods it takes.
    pub pod_limit: i64,
    /// What its pods have asked for.
    pub requested: Amounts,
    /// The same for scoring: CPU and memory, with something assumed for pods that ask for nothing.
    pub assumed: (i64, i64),
    /// How many pods it has.
    pub pods: i64,
    /// The ports that they have of it.
    pub ports: TakenPorts,
    /// Taints that keep pods away: `NoSchedule` and `NoExecute`.
    pub taints: Vec<Taint>,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
}

impl NodeSlot {
    fn empty() -> Self {
        Self {
            node: None,
            allocatable: Amounts::default(),
            pod_limit: 0,
            requested: Amounts::default(),
            assumed: (0, 0),
            pods: 0,
            ports: TakenPorts::default(),
            taints: Vec::new(),
            unschedulable: false,
        }
    }
}

/// What a placed pod holds on its node.
#[derive(Debug, Clone)]
struct Placed {
    slot: usize,
    asked: Amounts,
    assumed: (i64, i64),
    ports: Vec<HostPort>,
}

/// Nodes and what their pods hold.
#[derive(Debug, Default)]
pub struct ClusterIndex {
    slots: Vec<NodeSlot>,
    by_name: HashMap<String, usize>,
    free: Vec<usize>,
    placed: HashMap<ObjectKey, Placed>,
    nodes: usize,
}

impl ClusterIndex {
    /// The slots of nodes that exist, with their numbers.
    pub fn nodes(&self) -> impl Iterator<Item = (usize, &NodeSlot)> {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.node.is_some())
    }

    /// All slots. Those without a node are to be passed over.
    pub fn slots(&self) -> &[NodeSlot] {
        &self.slots
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.nodes
    }

    /// A node came or changed.
    pub fn put_node(&mut self, node: &Arc<Node>) {
        let name = node.metadata.name.clone().unwrap_or_default();
        let slot = self.slot_of(&name);
        let status = node.status.as_ref();
        let capacity =
            status.and_then(|status| status.allocatable.as_ref().or(status.capacity.as_ref()));
        let spec = node.spec.as_ref();
        let slot = &mut self.slots[slot];
        self.nodes += usize::from(slot.node.is_none());
        slot.node = Some(node.clone());
        slot.allocatable = Amounts::of(capacity);
        slot.pod_limit = capacity
            .and_then(|list| list.get("pods"))
            .and_then(|n| Quantity::try_from(n).ok())
            .map_or(0, |n| n.value());
        slot.unschedulable = spec.and_then(|spec| spec.unschedulable) == Some(true);
        let taints = spec
            .and_then(|spec| spec.taints.clone())
            .unwrap_or_default();
        slot.taints = taints
            .into_iter()
            .filter(|taint| taint.effect != "PreferNoSchedule")
            .collect();
    }

    /// A node is gone. What its pods hold stays until they are gone too.
    pub fn remove_node(&mut self, name: &str) {
        let Some(&at) = self.by_name.get(name) else {
            return;
        };
        self.nodes -= usize::from(self.slots[at].node.is_some());
        let slot = &mut self.slots[at];
        *slot = NodeSlot {
            requested: slot.requested.clone(),
            assumed: slot.assumed,
            pods: slot.pods,
            ports: slot.ports.clone(),
            ..NodeSlot::empty()
        };
        self.release_if_unused(at);
    }

    /// A pod is on a node, or is about to be. Idempotent. Answers whether it gave up something else that it held.
    pub fn put_pod(&mut self, key: &ObjectKey, pod: &Pod, node: &str) -> bool {
        let Some(spec) = &pod.spec else { return false };
        let asked = request::held(pod);
        let assumed = request::assumed(spec, &asked);
        let ports = ports::of_pod(spec);
        let slot = self.slot_of(node);
        let same = |held: &Placed| held.slot == slot && held.asked == asked && held.ports == ports;
        if self.placed.get(key).is_some_and(same) {
            return false;
        }
        let gave_up = self.remove_pod(key);
        let slot = self.slot_of(node);
        self.hold(slot, &asked, assumed, 1);
        self.slots[slot].ports.take(&ports);
        self.placed.insert(
            key.clone(),
            Placed {
                slot,
                asked,
                assumed,
                ports,
            },
        );
        gave_up
    }

    /// A pod holds nothing any more. Idempotent. Answers whether it held something.
    pub fn remove_pod(&mut self, key: &ObjectKey) -> bool {
        let Some(held) = self.placed.remove(key) else {
            return false;
        };
        self.hold(held.slot, &held.asked, held.assumed, -1);
        self.slots[held.slot].ports.release(&held.ports);
        self.release_if_unused(held.slot);
        true
    }

    fn hold(&mut self, slot: usize, asked: &Amounts, assumed: (i64, i64), sign: i64) {
        let slot = &mut self.slots[slot];
        slot.requested.add(asked, sign);
        slot.assumed = (
            slot.assumed.0 + sign * assumed.0,
            slot.assumed.1 + sign * assumed.1,
        );
        slot.pods += sign;
    }

    fn slot_of(&mut self, name: &str) -> usize {
        if let Some(&at) = self.by_name.get(name) {
            return at;
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(NodeSlot::empty());
            self.slots.len() - 1
        });
        self.by_name.insert(name.to_owned(), at);
        at
    }

    fn release_if_unused(&mut self, at: usize) {
        let slot = &self.slots[at];
        if slot.node.is_none() && slot.pods == 0 {
            self.slots[at] = NodeSlot::empty();
            self.by_name.retain(|_, slot| *slot != at);
            self.free.push(at);
        }
    }
}
