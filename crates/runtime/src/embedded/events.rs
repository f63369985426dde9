//! Telling the node what changed.

use futures::stream;
use tokio::sync::broadcast::error::RecvError;

use super::Embedded;
use crate::cri::{ContainerEvent, EventStream};

impl Embedded {
    pub(super) fn subscribe(&self) -> EventStream {
        let containers = stream::unfold(self.events.subscribe(), |mut receiver| async {
            match receiver.recv().await {
                Ok(event) => Some((event, receiver)),
                Err(RecvError::Lagged(_)) => Some((ContainerEvent::Lagged, receiver)),
                Err(RecvError::Closed) => None,
            }
        });
        let images = stream::unfold(self.images.changes(), |mut changes| async {
            changes.changed().await.ok()?;
            Some((ContainerEvent::Images, changes))
        });
        Box::pin(stream::select(containers, images))
    }
}
