//! What this node says of its encryption, at its own object.

use std::num::NonZeroU16;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_api::call::PatchKind;
use navarch_client::{Client, EventRecorder, EventType, SystemClock};

use super::config::NodeRoutesConfig;
use crate::error::NodeRoutesError;
use crate::wireguard::told::{self, Told};
use crate::wireguard::{Provider, PublicKey};

/// Says it, and again where the object is another.
pub(super) struct Publisher {
    client: Client,
    node: String,
    told: Option<(PublicKey, NonZeroU16)>,
    /// Only where something is encrypted.
    events: Option<EventRecorder>,
    /// Of which an event has told.
    provider: Option<Provider>,
}

impl Publisher {
    pub(super) fn new(client: Client, config: &NodeRoutesConfig) -> Self {
        let told = config.encryption.as_ref();
        let told = told.map(|it| (it.key.public(), it.port));
        let events = told.map(|_| {
            let (client, clock) = (client.clone(), Arc::new(SystemClock));
            EventRecorder::start(client, "node-routes", &config.node, clock)
        });
        Self {
            client,
            node: config.node.clone(),
            told,
            events,
            provider: None,
        }
    }

    /// Has the node's object say by what packets to it are encrypted, and who does that here; or that nobody does.
    pub(super) async fn publish(
        &mut self,
        own: &Node,
        provider: Option<Provider>,
    ) -> Result<(), NodeRoutesError> {
        let wanted = self.told.zip(provider);
        let wanted = wanted.map(|((key, port), provider)| (Told { key, port }, provider));
        if let Some(change) = told::change(own, wanted) {
            let kind = PatchKind::Merge;
            let changed = self.client.patch::<Node>(None, &self.node, kind, change);
            changed.await.map_err(NodeRoutesError::NotPublished)?;
        }
        if let Some(provider) = provider.filter(|it| self.provider != Some(*it)) {
            let by = match provider {
                Provider::Kernel => "the kernel",
                Provider::Userspace => "this program, for the kernel has no WireGuard",
            };
            tracing::info!("packets to other nodes' pods are encrypted by {by}");
            let told = format!("packets to other nodes' pods are encrypted by {by}");
            self.event(EventType::Normal, "PodEncryption", told);
            self.provider = Some(provider);
        }
        Ok(())
    }

    /// Tells of a node to whose pods no way leads.
    pub(super) fn tell_of(&self, node: &str, why: &str) {
        let told = format!("pods of node {node} cannot be reached from here: {why}");
        self.event(EventType::Warning, "PodsUnreachable", told);
    }

    fn event(&self, kind: EventType, reason: &str, told: String) {
        // By its name instead of its uid, as kubelets do: so it is found where people look for it.
        let about = Node {
            metadata: ObjectMeta {
                name: Some(self.node.clone()),
                uid: Some(self.node.clone()),
                ..ObjectMeta::default()
            },
            ..Node::default()
        };
        if let Some(events) = &self.events {
            events.event(&about, kind, reason, told);
        }
    }
}
