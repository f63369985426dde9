//! RuntimeClass: a pod that names a runtime class names one that is there.

use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Attributes, Layer, created_pod};

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
        let Some(class) = pod
            .spec
            .as_ref()
            .and_then(|spec| spec.runtime_class_name.as_deref())
        else {
            return Ok(());
        };
        let served = attributes
            .directory
            .find("node.k8s.io", "v1", "runtimeclasses");
        if served.is_some_and(|served| attributes.snapshot.get(&served.key("", class)).is_some()) {
            return Ok(());
        }
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let why = format!("pod rejected: RuntimeClass {class:?} not found");
        Err(StatusError::forbidden("", "pods", name, &why))
    }
}
