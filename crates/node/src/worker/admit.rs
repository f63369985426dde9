//! Whether a pod that was sent here is let in: looked at once, with all that runs here.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use navarch_client::EventType;
use navarch_machinery::status::StatusError;

use super::Worker;
use crate::{admission, spec};

impl Worker {
    /// Learns the node's labels anew where those that are known keep a pod away that was sent here: others have given it some since.
    /// Only for a pod that is to be let in or refused: what runs or ends here waits for nobody.
    pub(super) async fn learn_labels(&self, uid: &str, pod: &Pod) -> Result<(), StatusError> {
        let is_known = admission::is_selected(pod, &self.capacity.lock().labels);
        if is_known || !self.memories.is_new(uid) || self.is_settled(uid, pod) {
            return Ok(());
        }
        match self.client.get::<Node>(None, &self.options.name).await {
            Ok(node) => {
                self.capacity.lock().labels = node.metadata.labels.clone().unwrap_or_default();
                Ok(())
            }
            // It was removed, and has no others than it had.
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether it ends, or runs here since before it was looked at.
    fn is_settled(&self, uid: &str, pod: &Pod) -> bool {
        spec::is_terminal(pod)
            || pod.metadata.deletion_timestamp.is_some()
            || !self.view.of_pod(uid).sandboxes.is_empty()
    }

    /// Refuses a pod that does not fit, the first time it is seen.
    pub(super) fn admit(&self, uid: &str, pod: &Pod) {
        let _admitting = self.admitting.lock();
        let ended = spec::is_terminal(pod) || pod.metadata.deletion_timestamp.is_some();
        if ended || !self.memories.first_look(uid) || !self.view.of_pod(uid).sandboxes.is_empty() {
            return;
        }
        let capacity = self.capacity.lock().clone();
        let others: Vec<Arc<Pod>> = (self.pods.snapshot().iter())
            .filter(|p| spec::uid(p) != uid && self.memories.accepted(spec::uid(p)))
            .map(|p| self.memories.allocated(spec::uid(p), p))
            .collect();
        let others: Vec<&Arc<Pod>> = others.iter().collect();
        let refusal = admission::admit(pod, &others, &capacity.allocatable, &capacity.labels);
        if let Some(refusal) = &refusal {
            self.events.event(
                pod,
                EventType::Warning,
                &refusal.reason,
                refusal.message.clone(),
            );
        }
        self.memories
            .change(uid, |history| history.refusal = refusal);
    }
}
