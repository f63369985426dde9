//! TaintNodesByCondition: a new node takes no pods before it has said that it is ready.

use k8s_openapi::api::core::v1::{Node, Taint};
use navarch_machinery::object::Object;
use navarch_machinery::status::Result;

use super::{Attributes, Layer, Operation};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const EFFECT: &str = "NoSchedule";

pub(super) struct TaintNodesByCondition;

impl Layer for TaintNodesByCondition {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        _: Option<&dyn Object>,
    ) -> Result<()> {
        let node = object.as_any_mut().downcast_mut::<Node>();
        let Some(node) = node.filter(|_| attributes.operation == Operation::Create) else {
            return Ok(());
        };
        let taints = node
            .spec
            .get_or_insert_default()
            .taints
            .get_or_insert_default();
        if !taints
            .iter()
            .any(|taint| taint.key == NOT_READY && taint.effect == EFFECT)
        {
            taints.push(Taint {
                key: NOT_READY.into(),
                effect: EFFECT.into(),
                ..Taint::default()
            });
        }
        Ok(())
    }
}
