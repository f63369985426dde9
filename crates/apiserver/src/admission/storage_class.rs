//! DefaultStorageClass: a claim that names no class gets the newest of the default ones.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::storage::v1::StorageClass;
use navarch_api::core::persistent_volume::CLASS;
use navarch_api::storage::storage_class::is_default;
use navarch_machinery::object::Object;
use navarch_machinery::status::Result;

use super::{Attributes, Layer, Operation};

pub(super) struct DefaultStorageClass;

impl Layer for DefaultStorageClass {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        _: Option<&dyn Object>,
    ) -> Result<()> {
        let claim = object
            .as_any_mut()
            .downcast_mut::<PersistentVolumeClaim>()
            .filter(|_| attributes.operation == Operation::Create);
        let Some(claim) = claim else {
            return Ok(());
        };
        let annotations = claim.metadata.annotations.as_ref();
        let spec = claim.spec.get_or_insert_default();
        let named = spec.storage_class_name.is_some()
            || annotations.is_some_and(|all| all.contains_key(CLASS));
        if !named {
            spec.storage_class_name = default_class(attributes)?;
        }
        Ok(())
    }
}

fn default_class(attributes: &Attributes<'_>) -> Result<Option<String>> {
    let classes = attributes.all::<StorageClass>("storage.k8s.io", "storageclasses")?;
    let mut defaults: Vec<_> = classes
        .iter()
        .map(|class| &class.metadata)
        .filter(|meta| is_default(meta))
        .collect();
    defaults.sort_by(|one, other| {
        let newest = |meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| {
            std::cmp::Reverse(meta.creation_timestamp.as_ref().map(|time| time.0))
        };
        (newest(one), &one.name).cmp(&(newest(other), &other.name))
    });
    Ok(defaults.first().and_then(|meta| meta.name.clone()))
}
