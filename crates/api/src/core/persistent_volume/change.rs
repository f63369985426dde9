//! What may change of a volume.

use k8s_openapi::api::core::v1::{
    NodeSelectorRequirement, NodeSelectorTerm, PersistentVolume, PersistentVolumeSpec,
    VolumeNodeAffinity,
};
use navarch_machinery::field::{Error, ErrorList, Path};

use crate::check::immutable;
use crate::pod::absent::items;
use crate::pod::check::Json;
use crate::pod::{diff, node_selector_shape};

pub(super) fn errors(volume: &PersistentVolume, old: &PersistentVolume) -> ErrorList {
    let (Some(new), Some(old)) = (&volume.spec, &old.spec) else {
        return ErrorList::new();
    };
    let path = Path::new("spec");
    let mut errors: ErrorList = source(new, old).into_iter().collect();
    errors.extend(immutable(
        &new.volume_mode,
        &old.volume_mode,
        &Path::new("volumeMode"),
    ));
    if let Some(old) = &old.node_affinity {
        errors.extend(node_affinity(new.node_affinity.as_ref(), old));
    }
    if old.volume_attributes_class_name.is_some() && new.volume_attributes_class_name.is_none() {
        errors.push(Error::forbidden(
            &path.child("volumeAttributesClassName"),
            "update from non-nil value to nil is forbidden",
        ));
    }
    errors
}

/// Where the data is stays; the secret that resizing takes may be named later.
fn source(new: &PersistentVolumeSpec, old: &PersistentVolumeSpec) -> Option<Error> {
    let (mut new, old) = (source_of(new), source_of(old));
    if let (Some(new), Some(old)) = (&mut new.csi, &old.csi)
        && old.controller_expand_secret_ref.is_none()
    {
        new.controller_expand_secret_ref = None;
    }
    if new == old {
        return None;
    }
    let hint = diff::hint(&old, &new);
    let detail = format!("spec.persistentvolumesource is immutable after creation{hint}");
    Some(Error::forbidden(
        &Path::new("spec").child("persistentvolumesource"),
        detail,
    ))
}

fn source_of(spec: &PersistentVolumeSpec) -> PersistentVolumeSpec {
    PersistentVolumeSpec {
        access_modes: None,
        capacity: None,
        claim_ref: None,
        mount_options: None,
        node_affinity: None,
        persistent_volume_reclaim_policy: None,
        storage_class_name: None,
        volume_attributes_class_name: None,
        volume_mode: None,
        ..spec.clone()
    }
}

/// The nodes stay, but for labels that have got another name.
fn node_affinity(new: Option<&VolumeNodeAffinity>, old: &VolumeNodeAffinity) -> Option<Error> {
    let terms = |affinity: &VolumeNodeAffinity| {
        let needed = affinity.required.as_ref();
        needed.map(|needed| needed.node_selector_terms.clone())
    };
    let same = match (new.map(terms), terms(old)) {
        (Some(Some(new)), Some(old)) => {
            new.len() == old.len()
                && new
                    .iter()
                    .zip(&old)
                    .all(|(new, old)| is_same_term(new, old))
        }
        (Some(None), None) => true,
        _ => false,
    };
    if same {
        return None;
    }
    let shown = match new {
        Some(new) => Json::object(&[(
            "Required",
            Json::object_or_null(&new.required, node_selector_shape),
        )]),
        None => Json("null".to_owned()),
    };
    let detail = "field is immutable, except for updating from beta label to GA";
    Some(Error::invalid(&Path::new("nodeAffinity"), shown, detail))
}

fn is_same_term(new: &NodeSelectorTerm, old: &NodeSelectorTerm) -> bool {
    let same = |new: &[NodeSelectorRequirement], old: &[NodeSelectorRequirement]| {
        new.len() == old.len() && new.iter().zip(old).all(|(new, old)| is_same(new, old))
    };
    same(items(&new.match_expressions), items(&old.match_expressions))
        && same(items(&new.match_fields), items(&old.match_fields))
}

fn is_same(new: &NodeSelectorRequirement, old: &NodeSelectorRequirement) -> bool {
    let renamed = match old.key.as_str() {
        "failure-domain.beta.kubernetes.io/zone" => "topology.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region" => "topology.kubernetes.io/region",
        "beta.kubernetes.io/os" => "kubernetes.io/os",
        "beta.kubernetes.io/arch" => "kubernetes.io/arch",
        "beta.kubernetes.io/instance-type" => "node.kubernetes.io/instance-type",
        same => same,
    };
    (new.key == old.key || new.key == renamed)
        && new.operator == old.operator
        && items(&new.values) == items(&old.values)
}
