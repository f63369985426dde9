//! The pods of a check, followed.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use navarch_client::{Client, Informer, InformerOptions, ListOptions, ObjectKey};
use tokio::sync::watch;

/// The pods of a namespace, as they are.
pub(super) struct Pods {
    informer: Informer<Pod>,
    changes: watch::Receiver<()>,
}

impl Pods {
    pub(super) fn follow(client: &Client, namespace: &str) -> Self {
        let options = InformerOptions {
            list: ListOptions {
                namespace: Some(namespace.to_owned()),
                ..ListOptions::default()
            },
            indices: Vec::new(),
        };
        let informer = Informer::start(client.clone(), options);
        let (changed, changes) = watch::channel(());
        informer.on_change(move |_, _| {
            changed.send_replace(());
        });
        Self { informer, changes }
    }

    pub(super) fn now(&self, pod: &Arc<Pod>) -> Arc<Pod> {
        let known = self.informer.get(&ObjectKey::of(&pod.metadata));
        known.unwrap_or_else(|| pod.clone())
    }

    /// Waits until something is so, which is looked at whenever a pod has changed.
    pub(super) async fn until(&self, is_so: impl Fn() -> bool) {
        let mut changes = self.changes.clone();
        // It fails when nothing is heard of pods any more, which does not happen while they are followed.
        let _ = changes.wait_for(|()| is_so()).await;
    }
}
