//! Volumes, which claims are bound to.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolume;
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};

use super::keep_or_let_go;
use crate::{Controller, Plan, Watched};

const FINALIZER: &str = "kubernetes.io/pv-protection";

/// The controller. Its keys are volumes.
pub struct Volumes {
    /// Volumes.
    pub volumes: Informer<PersistentVolume>,
}

impl Controller for Volumes {
    const NAME: &'static str = "persistentvolume-protection-controller";
    const ACCOUNT: &'static str = "pv-protection-controller";
    type View = Snapshot<PersistentVolume>;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.volumes.on_change(move |_, new| {
            if let Some(volume) = new {
                q.add(ObjectKey::of(&volume.metadata));
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.volumes]
    }

    fn view(&self) -> Self::View {
        self.volumes.snapshot()
    }

    fn plan(&self, _now: Timestamp, view: &Self::View, key: &ObjectKey) -> Plan {
        plan(view, key)
    }
}

pub(super) fn plan(volumes: &Snapshot<PersistentVolume>, key: &ObjectKey) -> Plan {
    let Some(volume) = volumes.get(key) else {
        return Plan::nothing();
    };
    keep_or_let_go(&**volume, FINALIZER, || {
        let phase = volume
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        phase == Some("Bound")
    })
}
