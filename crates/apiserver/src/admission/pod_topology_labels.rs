//! PodTopologyLabels: a pod that has a node says in which zone and region it is, as the node does.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Binding, Node};
use navarch_machinery::object::Object;
use navarch_machinery::status::Result;

use super::{Attributes, Layer, Operation, created_pod};

const LABELS: [&str; 2] = [
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
];

pub(super) struct PodTopologyLabels;

impl Layer for PodTopologyLabels {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        _: Option<&dyn Object>,
    ) -> Result<()> {
        if let Some(binding) = object.as_any_mut().downcast_mut::<Binding>() {
            // What a binding is labelled with its pod will be.
            let target = &binding.target;
            if attributes.operation == Operation::Create && target.kind.as_deref() == Some("Node") {
                let name = target.name.clone().unwrap_or_default();
                put(attributes, &name, &mut binding.metadata.labels)?;
            }
            return Ok(());
        }
        let Some(pod) = created_pod(attributes, object) else {
            return Ok(());
        };
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
        match node.filter(|name| !name.is_empty()) {
            Some(name) => put(attributes, &name, &mut pod.metadata.labels),
            None => Ok(()),
        }
    }
}

/// Takes over where a node is, in the place of what was said before. A node that is not there is nowhere.
fn put(
    attributes: &Attributes<'_>,
    node: &str,
    labels: &mut Option<BTreeMap<String, String>>,
) -> Result<()> {
    let node = attributes.get::<Node>("", node)?;
    let of_node = node.as_ref().and_then(|node| node.metadata.labels.as_ref());
    for name in LABELS {
        if let Some(value) = of_node.and_then(|labels| labels.get(name)) {
            let labels = labels.get_or_insert_default();
            labels.insert(name.to_owned(), value.clone());
        }
    }
    Ok(())
}
