//! Tells people of addresses that strangers have.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use navarch_client::{Client, EventRecorder, EventType, SystemClock};

use super::{Mac, plan};
use crate::service_proxy::ServiceView;

/// Writes events of the services whose addresses they are.
pub(super) struct Conflicts {
    view: ServiceView,
    node: String,
    client: Client,
    /// Begun with the first: there are none, as a rule.
    events: OnceLock<EventRecorder>,
}

impl Conflicts {
    pub(super) fn new(view: ServiceView, node: &str, client: Client) -> Self {
        Self {
            view,
            node: node.to_owned(),
            client,
            events: OnceLock::new(),
        }
    }

    /// To be called where tokio runs.
    pub(super) fn tell(&self, ip: IpAddr, mac: Mac) {
        let octets = mac.map(|octet| format!("{octet:02x}"));
        let told = format!(
            "{ip} is another host's on the segment of node {} already (at {}), and is not answered for until that gives it up",
            self.node,
            octets.join(":")
        );
        tracing::warn!("a load balancer's address: {told}");
        let asked_for = plan::asked_for(&self.view.services.snapshot());
        if let Some(service) = asked_for.get(&ip) {
            let begin = || {
                let clock = Arc::new(SystemClock);
                EventRecorder::start(self.client.clone(), "announcer", &self.node, clock)
            };
            let events = self.events.get_or_init(begin);
            events.event(&**service, EventType::Warning, "AddressInUse", told);
        }
    }
}
