//! Claims, which pods use.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use navarch_client::{Index, Informer, ObjectKey, Queue, Snapshot};

use super::keep_or_let_go;
use crate::{Controller, Plan, Watched};

const FINALIZER: &str = "kubernetes.io/pvc-protection";

/// Pods by `NAMESPACE/NAME` of the claims that they use.
pub fn pods_by_claim() -> Index<Pod> {
    Index {
        name: "claim",
        values: claims_of,
    }
}

fn claims_of(pod: &Pod) -> Vec<String> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    let volumes = pod
        .spec
        .iter()
        .flat_map(|spec| spec.volumes.iter().flatten());
    let names = volumes.filter_map(|volume| match &volume.persistent_volume_claim {
        Some(source) => Some(source.claim_name.clone()),
        // The claim of a generic ephemeral volume is named after both.
        None => volume
            .ephemeral
            .as_ref()
            .map(|_| format!("{pod_name}-{}", volume.name)),
    });
    names.map(|name| format!("{namespace}/{name}")).collect()
}

/// The controller. Its keys are claims; pods need the index [`pods_by_claim`].
pub struct Claims {
    /// Claims.
    pub claims: Informer<PersistentVolumeClaim>,
    /// Pods.
    pub pods: Informer<Pod>,
}

/// What a plan looks at.
pub struct View {
    pub(super) claims: Snapshot<PersistentVolumeClaim>,
    pub(super) pods: Snapshot<Pod>,
}

impl Controller for Claims {
    const NAME: &'static str = "persistentvolumeclaim-protection-controller";
    const ACCOUNT: &'static str = "pvc-protection-controller";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.claims.on_change(move |_, new| {
            if let Some(claim) = new {
                q.add(ObjectKey::of(&claim.metadata));
            }
        });
        let q = queue.clone();
        self.pods.on_change(move |old, new| {
            // Only a pod's end lets a claim go: what it uses it uses for all of its life.
            if let (Some(pod), None) = (old, new) {
                for claim in claims_of(pod) {
                    let (namespace, name) = claim.split_once('/').unwrap_or(("", &claim));
                    q.add(ObjectKey::new(namespace, name));
                }
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.claims, &self.pods]
    }

    fn view(&self) -> View {
        View {
            claims: self.claims.snapshot(),
            pods: self.pods.snapshot(),
        }
    }

    fn plan(&self, _now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan(view, key)
    }
}

/// A pod that has no node does not count: no node starts one whose claim is being deleted.
pub(super) fn plan(view: &View, key: &ObjectKey) -> Plan {
    let Some(claim) = view.claims.get(key) else {
        return Plan::nothing();
    };
    let of_claim = format!("{}/{}", key.namespace, key.name);
    keep_or_let_go(&**claim, FINALIZER, || {
        let mut pods = view.pods.by_index(pods_by_claim(), &of_claim);
        pods.any(|pod| {
            let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
            node.is_some_and(|node| !node.is_empty())
        })
    })
}
