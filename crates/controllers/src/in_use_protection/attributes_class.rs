//! Volume attributes classes, which claims and volumes name.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::VolumeAttributesClass;
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};

use super::keep_or_let_go;
use crate::{Controller, Plan, Watched};

const FINALIZER: &str = "kubernetes.io/vac-protection";

/// The controller. Its keys are classes.
pub struct AttributesClasses {
    /// Classes.
    pub classes: Informer<VolumeAttributesClass>,
    /// Claims.
    pub claims: Informer<PersistentVolumeClaim>,
    /// Volumes.
    pub volumes: Informer<PersistentVolume>,
}

/// What a plan looks at.
pub struct View {
    pub(super) classes: Snapshot<VolumeAttributesClass>,
    pub(super) claims: Snapshot<PersistentVolumeClaim>,
    pub(super) volumes: Snapshot<PersistentVolume>,
}

/// The class that a claim wants, and the one that it has.
fn classes_of_claim(claim: &PersistentVolumeClaim) -> impl Iterator<Item = &String> {
    let wanted = claim
        .spec
        .iter()
        .flat_map(|spec| &spec.volume_attributes_class_name);
    let status = claim.status.iter();
    wanted.chain(status.flat_map(|status| &status.current_volume_attributes_class_name))
}

fn class_of_volume(volume: &PersistentVolume) -> Option<&String> {
    volume.spec.as_ref()?.volume_attributes_class_name.as_ref()
}

impl Controller for AttributesClasses {
    const NAME: &'static str = "volumeattributesclass-protection-controller";
    const ACCOUNT: &'static str = "volumeattributesclass-protection-controller";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.classes.on_change(move |_, new| {
            if let Some(class) = new {
                q.add(ObjectKey::of(&class.metadata));
            }
        });
        let q = queue.clone();
        self.claims.on_change(move |old, _| {
            for class in old.into_iter().flat_map(|claim| classes_of_claim(claim)) {
                q.add(ObjectKey::new("", class));
            }
        });
        let q = queue.clone();
        self.volumes.on_change(move |old, _| {
            if let Some(class) = old.and_then(|volume| class_of_volume(volume)) {
                q.add(ObjectKey::new("", class));
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.classes, &self.claims, &self.volumes]
    }

    fn view(&self) -> View {
        View {
            classes: self.classes.snapshot(),
            claims: self.claims.snapshot(),
            volumes: self.volumes.snapshot(),
        }
    }

    fn plan(&self, _now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan(view, key)
    }
}

/// Classes are few and seldom deleted: only then all claims and volumes are gone through.
pub(super) fn plan(view: &View, key: &ObjectKey) -> Plan {
    let Some(class) = view.classes.get(key) else {
        return Plan::nothing();
    };
    keep_or_let_go(&**class, FINALIZER, || {
        let is_this = |name: &String| **name == *key.name;
        let mut claims = view.claims.iter();
        let mut volumes = view.volumes.iter();
        claims.any(|claim| classes_of_claim(claim).any(is_this))
            || volumes.any(|volume| class_of_volume(volume).is_some_and(is_this))
    })
}
