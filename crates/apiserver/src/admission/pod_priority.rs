//! Priority: what a pod's priority is, from the class that it names or the one for all; and that there is one such at most.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use navarch_api::scheduling::SYSTEM_CLASSES;
use navarch_api::strategy::Part;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Admitted, Attributes, Layer, Operation, created_pod, told_name, written_pod};
use crate::served::Served;

const PREEMPTION: &str = "PreemptLowerPriority";
const GROUP: &str = "scheduling.k8s.io";
const PLURAL: &str = "priorityclasses";

pub(super) struct Priority;

impl Layer for Priority {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        old: Option<&dyn Object>,
    ) -> Result<()> {
        if attributes.operation == Operation::Update(Part::Main) {
            keep(object, old);
        }
        let Some(pod) = created_pod(attributes, object) else {
            return Ok(());
        };
        let name = told_name(attributes, pod);
        let Some(spec) = pod.spec.as_mut() else {
            return Ok(());
        };
        let forbidden = |why: &str| Err(StatusError::forbidden("", "pods", &name, why));
        let asked = spec.priority_class_name.as_deref().unwrap_or_default();
        let class = match asked {
            "" => default_class(attributes)?,
            asked => match class(attributes, asked)? {
                Some(class) => Some(class),
                None => {
                    return forbidden(&format!("no PriorityClass with name {asked} was found"));
                }
            },
        };
        let class = class.unwrap_or_else(|| PriorityClass {
            value: Some(0),
            preemption_policy: Some(PREEMPTION.to_owned()),
            ..PriorityClass::default()
        });
        let priority = class.value.unwrap_or_default();
        if let Some(given) = spec.priority.filter(|given| *given != priority) {
            return forbidden(&format!(
                "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller \
                 computed {priority} from the given PriorityClass name"
            ));
        }
        if let Some(policy) = class.preemption_policy {
            if let Some(given) = spec.preemption_policy.as_ref().filter(|it| **it != policy) {
                return forbidden(&format!(
                    "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission \
                     controller computed {policy} from the given PriorityClass name"
                ));
            }
            spec.preemption_policy = Some(policy);
        }
        spec.priority = Some(priority);
        if let Some(name) = class.metadata.name {
            spec.priority_class_name = Some(name);
        }
        Ok(())
    }

    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        _: Option<&dyn Object>,
        _: &mut Admitted,
    ) -> Result<()> {
        let Some(class) = object.as_any().downcast_ref::<PriorityClass>() else {
            return Ok(());
        };
        let name = class.metadata.name.as_deref().unwrap_or_default();
        let forbidden = |why: &str| Err(StatusError::forbidden(GROUP, PLURAL, name, why));
        if attributes.operation == Operation::Delete {
            return if SYSTEM_CLASSES.iter().any(|known| known.name == name) {
                forbidden("this is a system priority class and cannot be deleted")
            } else {
                Ok(())
            };
        }
        let other = match class.global_default {
            Some(true) => default_class(attributes)?.and_then(|other| other.metadata.name),
            _ => None,
        };
        match other {
            Some(other) if attributes.operation == Operation::Create || other != name => {
                forbidden(&format!(
                    "PriorityClass {other} is already marked as default. Only one default can exist"
                ))
            }
            _ => Ok(()),
        }
    }
}

/// An update that leaves out what was filled in when the pod was created does not mean to change it.
fn keep(object: &mut dyn Object, old: Option<&dyn Object>) {
    let old = old.and_then(|old| old.as_any().downcast_ref::<Pod>());
    let old = old.and_then(|old| old.spec.as_ref());
    let new = written_pod(object).and_then(|pod| pod.spec.as_mut());
    if let (Some(new), Some(old)) = (new, old) {
        new.priority = new.priority.or(old.priority);
        let policy = new.preemption_policy.take();
        new.preemption_policy = policy.or_else(|| old.preemption_policy.clone());
    }
}

fn served<'a>(attributes: &Attributes<'a>) -> Result<&'a Served> {
    let served = attributes.directory.find(GROUP, "v1", PLURAL);
    served
        .map(|served| &**served)
        .ok_or_else(|| StatusError::internal("there are no priority classes"))
}

fn class(attributes: &Attributes<'_>, name: &str) -> Result<Option<PriorityClass>> {
    let served = served(attributes)?;
    let Some(entry) = attributes.snapshot.get(&served.key("", name)) else {
        return Ok(None);
    };
    Ok(served.decode(&entry)?.as_any().downcast_ref().cloned())
}

/// The class of pods that name none. Should there be more than one, the one that matters least.
fn default_class(attributes: &Attributes<'_>) -> Result<Option<PriorityClass>> {
    let served = served(attributes)?;
    let mut entries = Vec::new();
    attributes
        .snapshot
        .scan(&served.scope_prefix(""), None, &mut |entry| {
            entries.push(entry.clone());
            true
        });
    let mut least: Option<PriorityClass> = None;
    for entry in entries {
        let object = served.decode(&entry)?;
        let class = object.as_any().downcast_ref::<PriorityClass>();
        let class = class.filter(|class| class.global_default == Some(true));
        let is_less =
            |class: &&PriorityClass| least.as_ref().is_none_or(|it| class.value < it.value);
        if let Some(class) = class.filter(is_less) {
            least = Some(class.clone());
        }
    }
    Ok(least)
}
