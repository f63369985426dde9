//! Tells the API of a pod's status.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodStatus};

use super::Worker;
use crate::spec;

impl Worker {
    /// Writes the status if it is news. `false`: somebody else was faster or the API is away; look again.
    pub(super) async fn tell_status(&self, uid: &str, pod: &Arc<Pod>, status: &PodStatus) -> bool {
        if spec::status(pod) == status {
            return true;
        }
        let mut next = (**pod).clone();
        next.status = Some(status.clone());
        match self.client.update_status(next).await {
            Ok(written) => {
                self.memories.remember(uid, written);
                true
            }
            // Gone, or another pod has its name now: the informer will tell.
            Err(error) if error.is_not_found() => true,
            Err(error) => {
                if !error.is_conflict() {
                    tracing::warn!(pod = spec::full_name(pod), %error, "a pod's status could not be told");
                }
                false
            }
        }
    }
}
