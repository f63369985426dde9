//! NodeDeclaredFeatureValidator: a pod that has its node is asked nothing that the node does not declare to know.

use k8s_openapi::api::core::v1::{Node, Pod};
use navarch_api::pod::same;
use navarch_api::strategy::Part;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Admitted, Attributes, Layer, Operation};

/// A change of what a pod is given as a whole.
const POD_LEVEL: &str = "InPlacePodLevelResourcesVerticalScaling";
/// A change of what a container is given that runs before the others, and ends.
const INIT: &str = "InPlacePodVerticalScalingInitContainers";

pub(super) struct NodeDeclaredFeatures;

impl Layer for NodeDeclaredFeatures {
    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        old: Option<&dyn Object>,
        _: &mut Admitted,
    ) -> Result<()> {
        let (Operation::Update(Part::Main) | Operation::Update(Part::Other("resize"))) =
            attributes.operation
        else {
            return Ok(());
        };
        let pod = |it: &dyn Object| it.as_any().downcast_ref::<Pod>().cloned();
        let (Some(new), Some(old)) = (pod(object), old.and_then(pod)) else {
            return Ok(());
        };
        let Some(name) =
            node_of(&new).filter(|_| new.metadata.generation != old.metadata.generation)
        else {
            return Ok(());
        };
        let needed = needed(&new, &old);
        if needed.is_empty() {
            return Ok(());
        }
        let refused = |why: String| {
            StatusError::forbidden(
                "",
                "pods",
                new.metadata.name.as_deref().unwrap_or_default(),
                &why,
            )
        };
        let node = attributes.get::<Node>("", name)?;
        let node = node.ok_or_else(|| refused(format!("node {name:?} not found")))?;
        let status = node.status.as_ref();
        let declared = status.and_then(|status| status.declared_features.as_deref());
        let knows = |feature: &str| declared.unwrap_or_default().iter().any(|it| it == feature);
        let missing: Vec<_> = needed
            .into_iter()
            .filter(|feature| !knows(feature))
            .collect();
        match missing.as_slice() {
            [] => Ok(()),
            _ => Err(refused(format!(
                "pod update requires features {} which are not available on node {name:?}",
                missing.join(", ")
            ))),
        }
    }
}

fn node_of(pod: &Pod) -> Option<&str> {
    let node = pod.spec.as_ref()?.node_name.as_deref()?;
    (!node.is_empty()).then_some(node)
}

/// What a node must know for the change, in the order of the alphabet.
fn needed(new: &Pod, old: &Pod) -> Vec<&'static str> {
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else {
        return Vec::new();
    };
    let mut needed = Vec::new();
    if !same(&new.resources, &old.resources) {
        needed.push(POD_LEVEL);
    }
    let (now, before) = (new.init_containers.iter(), old.init_containers.iter());
    let changes = now.flatten().zip(before.flatten()).any(|(now, before)| {
        before.restart_policy.as_deref() != Some("Always")
            && !same(&now.resources, &before.resources)
    });
    if changes {
        needed.push(INIT);
    }
    needed
}
