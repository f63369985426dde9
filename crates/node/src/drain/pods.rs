//! The pods that a node has, as long as somebody waits for them to go.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use navarch_client::{Client, Informer, InformerOptions, ListOptions, ObjectKey};
use tokio::sync::watch;

use super::plan::name;

/// Those of this node.
pub(super) fn selection(node: &str) -> ListOptions {
    ListOptions {
        field_selector: format!("spec.nodeName={node}"),
        ..ListOptions::default()
    }
}

/// The pods that a node has.
pub(super) struct Pods {
    informer: Informer<Pod>,
    changes: watch::Receiver<()>,
}

impl Pods {
    /// Returns when it is known which there are.
    pub(super) async fn of(client: &Client, node: &str) -> Self {
        let options = InformerOptions {
            list: selection(node),
            indices: Vec::new(),
        };
        let informer = Informer::start(client.clone(), options);
        let (changed, changes) = watch::channel(());
        informer.on_change(move |_, _| {
            changed.send_replace(());
        });
        informer.synced().await;
        Self { informer, changes }
    }

    fn has(&self, pod: &Pod) -> bool {
        let there = self.informer.get(&ObjectKey::of(&pod.metadata));
        there.is_some_and(|there| there.metadata.uid == pod.metadata.uid)
    }

    /// Waits until the pod is gone.
    pub(super) async fn without(&self, pod: &Pod) {
        let mut changes = self.changes.clone();
        // Fails when nothing is heard of pods any more, which does not happen while this is there.
        let _ = changes.wait_for(|()| !self.has(pod)).await;
    }

    pub(super) fn left(&self, of: &[Arc<Pod>]) -> Vec<String> {
        let left = of.iter().filter(|pod| self.has(pod));
        left.map(|pod| name(pod)).collect()
    }
}
