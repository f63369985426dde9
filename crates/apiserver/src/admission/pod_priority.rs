//! Priority: what a pod's priority is when it names no class.

use navarch_machinery::field::Path;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Attributes, Layer, created_pod};

const PREEMPTION: &str = "PreemptLowerPriority";
/// The classes that are always there, with their values.
const SYSTEM: [(&str, i32); 2] = [
    ("system-cluster-critical", 2_000_000_000),
    ("system-node-critical", 2_000_001_000),
];

pub(super) struct Priority;

impl Layer for Priority {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        _: Option<&dyn Object>,
    ) -> Result<()> {
        let Some(pod) = created_pod(attributes, object) else {
            return Ok(());
        };
        let name = pod
            .metadata
            .name
            .clone()
            .or_else(|| pod.metadata.generate_name.clone())
            .unwrap_or_default();
        let Some(spec) = pod.spec.as_mut() else {
            return Ok(());
        };
        let class = spec.priority_class_name.clone().unwrap_or_default();
        let forbidden = |why: &str| Err(StatusError::forbidden("", "pods", &name, why));
        let priority = match SYSTEM.iter().find(|(name, _)| *name == class) {
            Some((_, value)) => *value,
            None if class.is_empty() => 0,
            None => return forbidden(&format!("no PriorityClass with name {class} was found")),
        };
        if let Some(given) = spec.priority.filter(|given| *given != priority) {
            return forbidden(&format!(
                "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller \
                 computed {priority} from the given PriorityClass name"
            ));
        }
        if spec
            .preemption_policy
            .as_deref()
            .is_some_and(|given| given != PREEMPTION)
        {
            let path = Path::new("spec").child("preemptionPolicy");
            let given = spec.preemption_policy.as_deref().unwrap_or_default();
            return forbidden(&format!(
                "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller \
                 computed {PREEMPTION} from the given PriorityClass name: {path}"
            ));
        }
        spec.priority = Some(priority);
        spec.preemption_policy = Some(PREEMPTION.into());
        Ok(())
    }
}
