//! Storage classes: how volumes are made for claims.

use jiff::Timestamp;
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_machinery::field::{Error, ErrorList, Path};
use serde_json::Value;

use super::{parameters, topology};
use crate::cell;
use crate::check::{immutable, one_of};
use crate::def::Column;
use crate::empty::drop_empty;
use crate::naming;
use crate::pod::absent::{items, items_mut, text};
use crate::pod::deprecated_label;
use crate::strategy::{Hooks, MetadataRules, Part};

const DELETE: &str = "Delete";
const IMMEDIATE: &str = "Immediate";
/// Annotations of the class that claims without one get.
const IS_DEFAULT: &[&str] = &[
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];

/// Whether claims that name no class get this one.
pub fn is_default(meta: &ObjectMeta) -> bool {
    let annotations = meta.annotations.as_ref();
    let says = |key: &&str| {
        annotations
            .and_then(|all| all.get(*key))
            .is_some_and(|value| value == "true")
    };
    IS_DEFAULT.iter().any(says)
}

impl Hooks for StorageClass {
    const METADATA: MetadataRules = MetadataRules::WHOLE;
    const COLUMNS: &'static [Column] = &[
        cell::NAME,
        Column::of(
            "Provisioner",
            "string",
            "",
            0,
            "provisioner indicates the type of the provisioner.",
        ),
        Column::of(
            "ReclaimPolicy",
            "string",
            "",
            0,
            "reclaimPolicy controls the reclaimPolicy for dynamically provisioned PersistentVolumes of this storage class. \
            Defaults to Delete.",
        ),
        Column::of(
            "VolumeBindingMode",
            "string",
            "",
            0,
            "volumeBindingMode indicates how PersistentVolumeClaims should be provisioned and bound.  When unset, \
            VolumeBindingImmediate is used. This field is only honored by servers that enable the VolumeScheduling feature.",
        ),
        Column::of(
            "AllowVolumeExpansion",
            "string",
            "",
            0,
            "allowVolumeExpansion shows whether the storage class allow volume expand.",
        ),
        cell::AGE,
    ];

    fn apply_defaults(&mut self) {
        self.reclaim_policy.get_or_insert_with(|| DELETE.to_owned());
        self.volume_binding_mode
            .get_or_insert_with(|| IMMEDIATE.to_owned());
        drop_empty(&mut self.parameters);
        drop_empty(&mut self.mount_options);
        drop_empty(&mut self.allowed_topologies);
        for term in items_mut(&mut self.allowed_topologies) {
            drop_empty(&mut term.match_label_expressions);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        let mut errors =
            parameters::check_provisioner(&self.provisioner, &Path::new("provisioner"));
        errors.extend(parameters::check(
            self.parameters.as_ref(),
            &Path::new("parameters"),
        ));
        let policy = text(&self.reclaim_policy);
        if !policy.is_empty() {
            let path = Path::new("reclaimPolicy");
            errors.extend(one_of(policy, &[DELETE, "Retain"], &path));
        }
        let path = Path::new("volumeBindingMode");
        let modes = &[IMMEDIATE, "WaitForFirstConsumer"];
        match &self.volume_binding_mode {
            None => errors.push(Error::required(&path, "")),
            Some(mode) => errors.extend(one_of(mode, modes, &path)),
        }
        let topologies = items(&self.allowed_topologies);
        errors.extend(topology::check(topologies, &Path::new("allowedTopologies")));
        errors
    }

    fn validate_update(&self, _part: Part, old: &Self) -> ErrorList {
        let mut errors = immutable(&self.parameters, &old.parameters, &Path::new("parameters"));
        errors.extend(immutable(
            &self.provisioner,
            &old.provisioner,
            &Path::new("provisioner"),
        ));
        errors.extend(immutable(
            &self.reclaim_policy,
            &old.reclaim_policy,
            &Path::new("reclaimPolicy"),
        ));
        errors.extend(immutable(
            &self.volume_binding_mode,
            &old.volume_binding_mode,
            &Path::new("volumeBindingMode"),
        ));
        errors
    }

    fn warnings(&self, _old: Option<&Self>) -> Vec<String> {
        let mut warnings = Vec::new();
        for (at, term) in items(&self.allowed_topologies).iter().enumerate() {
            let path = Path::new("allowedTopologies").index(at);
            for (at, expression) in items(&term.match_label_expressions).iter().enumerate() {
                if let Some(message) = deprecated_label(&expression.key) {
                    let path = path.child("matchLabelExpressions").index(at).child("key");
                    warnings.push(format!("{path}: {message}"));
                }
            }
        }
        warnings
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let mut name = self.metadata.name.clone().unwrap_or_default();
        if is_default(&self.metadata) {
            name.push_str(" (default)");
        }
        vec![
            name.into(),
            self.provisioner.as_str().into(),
            self.reclaim_policy.as_deref().unwrap_or(DELETE).into(),
            self.volume_binding_mode
                .as_deref()
                .unwrap_or(IMMEDIATE)
                .into(),
            self.allow_volume_expansion.unwrap_or_default().into(),
            cell::age(&self.metadata, now),
        ]
    }
}
