//! LimitRanger: what pods and claims of a namespace may ask for, and what containers get where they say nothing.
//!
//! Follows Kubernetes' plugin of that name; the constraints are [`navarch_api::core::limit_range`]'s. Pods are looked at when they
//! are created and resized, claims whenever they are written; what is being deleted is let go.

use std::collections::HashSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{LimitRange, PersistentVolumeClaim, Pod};
use navarch_api::core::limit_range::{against_claim, against_pod, fill_in};
use navarch_api::strategy::Part;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Admitted, Attributes, Layer, Operation, written_pod};

pub(super) struct LimitRanger;

impl Layer for LimitRanger {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        old: Option<&dyn Object>,
    ) -> Result<()> {
        let Some(pod) = written_pod(object).filter(|_| sets_resources(attributes, old)) else {
            return Ok(());
        };
        for range in ranges(attributes)? {
            fill_in(&range, pod);
        }
        Ok(())
    }

    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        old: Option<&dyn Object>,
        _: &mut Admitted,
    ) -> Result<()> {
        let any = object.as_any();
        let pod = any.downcast_ref::<Pod>();
        let pod = pod.filter(|_| sets_resources(attributes, old));
        let claim = any.downcast_ref::<PersistentVolumeClaim>();
        let claim = claim.filter(|_| sets_claim(attributes, old));
        if pod.is_none() && claim.is_none() {
            return Ok(());
        }
        for range in ranges(attributes)? {
            let of_pod = pod.map(|pod| against_pod(&range, pod));
            let of_claim = claim.map(|claim| against_claim(&range, claim));
            let mut found = of_pod.or(of_claim).unwrap_or_default();
            let mut told = HashSet::new();
            found.retain(|why| told.insert(why.clone()));
            let why = match found.as_slice() {
                [] => continue,
                [one] => one.clone(),
                several => format!("[{}]", several.join(", ")),
            };
            let name = object.metadata().name.as_deref().unwrap_or_default();
            let plural = &attributes.served.def.plural;
            return Err(StatusError::forbidden("", plural, name, &why));
        }
        Ok(())
    }
}

fn sets_resources(attributes: &Attributes<'_>, old: Option<&dyn Object>) -> bool {
    match attributes.operation {
        Operation::Create => true,
        Operation::Update(Part::Other("resize")) => !is_going(old),
        _ => false,
    }
}

fn sets_claim(attributes: &Attributes<'_>, old: Option<&dyn Object>) -> bool {
    match attributes.operation {
        Operation::Create => true,
        Operation::Update(Part::Main) => !is_going(old),
        _ => false,
    }
}

fn is_going(old: Option<&dyn Object>) -> bool {
    old.is_some_and(|old| old.metadata().deletion_timestamp.is_some())
}

fn ranges(attributes: &Attributes<'_>) -> Result<Vec<Arc<LimitRange>>> {
    attributes.all_in(attributes.namespace)
}
