//! RuntimeClass: a pod that names a runtime class names one that is there, and takes over what it says: the overhead, and
//! where pods of it run.

use k8s_openapi::api::core::v1::{Pod, PodSpec, Toleration};
use k8s_openapi::api::node::v1::{RuntimeClass as Class, Scheduling};
use navarch_api::pod::same;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Admitted, Attributes, Layer, Operation, created_pod, told_name};

const MISMATCH: &str = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

pub(super) struct RuntimeClass;

impl Layer for RuntimeClass {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        _: Option<&dyn Object>,
    ) -> Result<()> {
        let Some(pod) = created_pod(attributes, object) else {
            return Ok(());
        };
        let Some(class) = class_of(attributes, pod)? else {
            return Ok(());
        };
        let name = told_name(attributes, pod);
        let spec = pod.spec.get_or_insert_default();
        let fixed = class.overhead.map(|it| it.pod_fixed.unwrap_or_default());
        if let Some(fixed) = fixed {
            let given = spec.overhead.as_ref().filter(|given| !given.is_empty());
            if given.is_some_and(|given| !same(given, &fixed)) {
                return Err(StatusError::forbidden("", "pods", &name, MISMATCH));
            }
            spec.overhead = (!fixed.is_empty()).then_some(fixed);
        }
        class
            .scheduling
            .map_or(Ok(()), |scheduling| schedule(spec, scheduling))
            .map_err(|why| StatusError::forbidden("", "pods", &name, &why))
    }

    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        _: Option<&dyn Object>,
        _: &mut Admitted,
    ) -> Result<()> {
        let pod = object.as_any().downcast_ref::<Pod>();
        let Some(pod) = pod.filter(|_| attributes.operation == Operation::Create) else {
            return Ok(());
        };
        let class = class_of(attributes, pod)?;
        let given = pod.spec.as_ref().and_then(|spec| spec.overhead.clone());
        let why = match class.and_then(|class| class.overhead) {
            Some(overhead) => {
                let fixed = overhead.pod_fixed.unwrap_or_default();
                (!same(&given.unwrap_or_default(), &fixed)).then_some(MISMATCH)
            }
            None => given.map(|_| {
                "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
            }),
        };
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        why.map_or(Ok(()), |why| {
            Err(StatusError::forbidden("", "pods", name, why))
        })
    }
}

/// The class that a pod names.
fn class_of(attributes: &Attributes<'_>, pod: &Pod) -> Result<Option<Class>> {
    let spec = pod.spec.as_ref();
    let Some(class) = spec.and_then(|spec| spec.runtime_class_name.as_deref()) else {
        return Ok(None);
    };
    if class.is_empty() {
        return Err(StatusError::new(500, "", "resource name may not be empty"));
    }
    let missing = || {
        let name = told_name(attributes, pod);
        let why = format!("pod rejected: RuntimeClass {class:?} not found");
        StatusError::forbidden("", "pods", &name, &why)
    };
    let served = attributes
        .directory
        .find("node.k8s.io", "v1", "runtimeclasses")
        .ok_or_else(missing)?;
    let entry = attributes
        .snapshot
        .get(&served.key("", class))
        .ok_or_else(missing)?;
    Ok(served.decode(&entry)?.as_any().downcast_ref().cloned())
}

/// Adds to where a pod runs. The error says what contradicts.
fn schedule(spec: &mut PodSpec, scheduling: Scheduling) -> std::result::Result<(), String> {
    for (key, value) in scheduling.node_selector.into_iter().flatten() {
        let selector = spec.node_selector.get_or_insert_default();
        match selector.get(&key) {
            Some(own) if *own != value => {
                return Err(format!(
                    "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {own}"
                ));
            }
            _ => selector.insert(key, value),
        };
    }
    let more = scheduling.tolerations.into_iter().flatten();
    let all = spec.tolerations.take().into_iter().flatten().chain(more);
    let all = merged(&all.collect::<Vec<_>>());
    spec.tolerations = (!all.is_empty()).then_some(all);
    Ok(())
}

/// Leaves out what another toleration tolerates already; of equal ones the first stays.
fn merged(all: &[Toleration]) -> Vec<Toleration> {
    let mut kept: Vec<Toleration> = Vec::with_capacity(all.len());
    for (at, one) in all.iter().enumerate() {
        let before = kept.iter().any(|other| includes(other, one));
        let mut later = all.iter().skip(at + 1);
        if !before && !later.any(|other| other != one && includes(other, one)) {
            kept.push(one.clone());
        }
    }
    kept
}

/// Whether `wide` tolerates all that `one` does.
fn includes(wide: &Toleration, one: &Toleration) -> bool {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    if wide == one {
        return true;
    }
    let operator = text(&wide.operator);
    let any_key = text(&wide.key).is_empty() && operator == "Exists";
    if text(&wide.key) != text(&one.key) && !any_key {
        return false;
    }
    let effect = text(&wide.effect);
    if !effect.is_empty() && effect != text(&one.effect) {
        return false;
    }
    let limited = (wide.toleration_seconds, one.toleration_seconds);
    let is_shorter = match limited {
        (Some(limit), Some(seconds)) => seconds > limit,
        (Some(_), None) => true,
        (None, _) => false,
    };
    if effect == "NoExecute" && is_shorter {
        return false;
    }
    match operator.as_str() {
        "Exists" => true,
        "Equal" | "" => text(&one.operator) == "Equal" && text(&wide.value) == text(&one.value),
        _ => false,
    }
}
