//! PersistentVolumeClaimResize: only what is bound grows, and only where the class lets it.

use std::cmp::Ordering;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::storage::v1::StorageClass;
use navarch_api::core::persistent_volume::class;
use navarch_api::strategy::Part;
use navarch_machinery::object::Object;
use navarch_machinery::quantity::Quantity;
use navarch_machinery::status::{Result, StatusError};

use super::{Admitted, Attributes, Layer, Operation};

pub(super) struct PersistentVolumeClaimResize;

impl Layer for PersistentVolumeClaimResize {
    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        old: Option<&dyn Object>,
        _: &mut Admitted,
    ) -> Result<()> {
        let claim = |object: &dyn Object| {
            let claim = object.as_any().downcast_ref::<PersistentVolumeClaim>();
            claim.cloned()
        };
        let (Some(new), Some(old)) = (claim(object), old.and_then(claim)) else {
            return Ok(());
        };
        if attributes.operation != Operation::Update(Part::Main)
            || size(&new).cmp(&size(&old)) != Ordering::Greater
        {
            return Ok(());
        }
        let phase = old.status.as_ref().and_then(|it| it.phase.as_deref());
        let why = if phase != Some("Bound") {
            "Only bound persistent volume claims can be expanded"
        } else if !may_grow(attributes, &new, &old)? {
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
        } else {
            return Ok(());
        };
        let name = new.metadata.name.as_deref().unwrap_or_default();
        let plural = &attributes.served.def.plural;
        Err(StatusError::forbidden("", plural, name, why))
    }
}

fn size(claim: &PersistentVolumeClaim) -> Quantity {
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    let storage = requests.and_then(|requests| requests.get("storage"));
    storage
        .and_then(|size| Quantity::try_from(size).ok())
        .unwrap_or_default()
}

fn class_of(claim: &PersistentVolumeClaim) -> String {
    let field = claim
        .spec
        .as_ref()
        .and_then(|spec| spec.storage_class_name.clone());
    class(&claim.metadata, &field)
}

fn may_grow(
    attributes: &Attributes<'_>,
    new: &PersistentVolumeClaim,
    old: &PersistentVolumeClaim,
) -> Result<bool> {
    let name = class_of(new);
    if name.is_empty() || name != class_of(old) {
        return Ok(false);
    }
    let classes = attributes.all::<StorageClass>("storage.k8s.io", "storageclasses")?;
    let class = classes
        .iter()
        .find(|class| class.metadata.name.as_ref() == Some(&name));
    Ok(class.is_some_and(|class| class.allow_volume_expansion == Some(true)))
}
