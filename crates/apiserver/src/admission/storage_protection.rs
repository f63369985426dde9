//! StorageObjectInUseProtection: what is used does not go before its users; the finalizers say so.

use navarch_machinery::object::Object;
use navarch_machinery::status::Result;

use super::{Attributes, Layer, Operation};

const PROTECTED: &[(&str, &str, &str)] = &[
    ("", "persistentvolumes", "kubernetes.io/pv-protection"),
    ("", "persistentvolumeclaims", "kubernetes.io/pvc-protection"),
    (
        "storage.k8s.io",
        "volumeattributesclasses",
        "kubernetes.io/vac-protection",
    ),
];

pub(super) struct StorageObjectInUseProtection;

impl Layer for StorageObjectInUseProtection {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        _: Option<&dyn Object>,
    ) -> Result<()> {
        if attributes.operation != Operation::Create {
            return Ok(());
        }
        let def = &attributes.served.def;
        let protected = PROTECTED
            .iter()
            .find(|(group, plural, _)| (*group, *plural) == (&*def.group, &*def.plural));
        if let Some((_, _, finalizer)) = protected {
            let finalizers = object.metadata_mut().finalizers.get_or_insert_default();
            if !finalizers.iter().any(|it| it == finalizer) {
                finalizers.push((*finalizer).to_owned());
            }
        }
        Ok(())
    }
}
