//! The part of a node's state that is packet rules: masquerading and host ports.

use crate::{
    Attachment, Degradation, Error, HostPort, forwarding,
    masquerade::{self, Exposed},
    neighbours,
};

use super::Node;

impl Node {
    pub(super) fn set_up_routing(&mut self) {
        if let Err(degradation) = forwarding::enable(self.pool.gateway()) {
            self.degradations.push(degradation);
        }
        if let Err(degradation) = forwarding::ignore_routers(&self.config.bridge) {
            self.degradations.push(degradation);
        }
        let exposed = self.attachments.values().map(exposed);
        let rules = masquerade::ruleset(&self.config, exposed);
        if let Err(error) = self.nft.clone().and_then(|nft| nft.apply(&rules)) {
            self.nft = Err(error.clone());
            self.degradations.push(Degradation::NoRules(error));
        } else if self.pool.gateway().is_ipv4()
            && let Err(degradation) = forwarding::let_loopback_out(&self.config.bridge)
        {
            self.degradations.push(degradation);
        }
        let neighbours = neighbours::ruleset(&self.config, self.pool.gateway());
        if let Ok(nft) = &self.nft
            && let Err(error) = nft.apply(&neighbours)
        {
            self.degradations.push(Degradation::Neighbours(error));
        }
        self.look_for_other_filters();
        for degradation in &self.degradations {
            tracing::warn!(bridge = %self.config.bridge, %degradation, "the pod network is degraded");
        }
    }

    /// Says which tables of others drop what pods send. Not knowing is no fault.
    fn look_for_other_filters(&mut self) {
        match self.nft.clone().and_then(|nft| nft.tables_that_drop()) {
            Ok(tables) => {
                let filtered = tables
                    .into_iter()
                    .map(|table| Degradation::ForwardingFiltered { table });
                self.degradations.extend(filtered);
            }
            Err(error) => {
                tracing::debug!(%error, "cannot tell whether other rules drop forwarded packets");
            }
        }
    }

    pub(super) fn refuse_taken_ports(&self, id: &str, ports: &[HostPort]) -> Result<(), Error> {
        let others = self
            .attachments
            .values()
            .filter(|other| other.sandbox_id != id);
        for (holder, held) in
            others.flat_map(|other| other.host_ports.iter().map(move |port| (other, port)))
        {
            if let Some(port) = ports.iter().find(|port| port.conflicts_with(held)) {
                return Err(Error::HostPortInUse {
                    port: port.clone(),
                    holder: holder.sandbox_id.clone(),
                });
            }
        }
        Ok(())
    }

    /// Host ports that cannot be served do not keep a pod from running.
    pub(super) fn expose(&mut self, attachment: &Attachment) {
        if attachment.host_ports.is_empty() {
            return;
        }
        let rules = masquerade::expose(&self.config, exposed(attachment));
        let Err(reason) = self.nft.clone().and_then(|nft| nft.apply(&rules)) else {
            return;
        };
        let sandbox_id = attachment.sandbox_id.clone();
        let degradation = Degradation::NoHostPorts {
            sandbox_id,
            address: exposed(attachment).address,
            reason,
        };
        tracing::warn!(%degradation, "the pod runs without its host ports");
        self.unserved
            .insert(attachment.sandbox_id.clone(), degradation);
    }

    /// An address must not be free while a host port leads to it, so a failure here is one of detaching.
    pub(super) fn conceal(&mut self, id: &str) -> Result<(), Error> {
        let was_unserved = self.unserved.remove(id).is_some();
        let Some(attachment) = self.attachments.get(id) else {
            return Ok(());
        };
        if let Ok(nft) = &self.nft
            && !attachment.host_ports.is_empty()
            && !was_unserved
        {
            nft.apply(&masquerade::conceal(&self.config, exposed(attachment)))?;
        }
        Ok(())
    }
}

/// The pod's first address and its ports. Every attachment has an address; without one the ports lead nowhere.
fn exposed(attachment: &Attachment) -> Exposed<'_> {
    match attachment.ips.first() {
        Some(address) => Exposed {
            address: *address,
            ports: &attachment.host_ports,
        },
        None => Exposed {
            address: attachment.gateway,
            ports: &[],
        },
    }
}
