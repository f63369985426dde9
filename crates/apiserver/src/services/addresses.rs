//! Cluster addresses.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::ServiceSpec;
use navarch_api::core::service::allocate;
use navarch_machinery::field::Path;
use navarch_store::Snapshot;
use serde_json::json;

use super::{Refused, Services, address_key, choose};

impl Services {
    /// The address of the service `kubernetes`: the first there is.
    pub(crate) fn first(&self) -> Ipv4Addr {
        self.at(0)
    }

    /// Address number `index`; the network's own address is none.
    fn at(&self, index: u32) -> Ipv4Addr {
        Ipv4Addr::from(
            u32::from(self.addresses.network())
                .saturating_add(index)
                .saturating_add(1),
        )
    }

    /// Without the network's and the broadcast address.
    fn total(&self) -> u32 {
        u32::from(self.addresses.broadcast())
            .saturating_sub(u32::from(self.addresses.network()))
            .saturating_sub(1)
    }

    /// Kubernetes keeps a sixteenth, at least 16 and at most 256, for addresses that are asked for.
    fn reserved(&self) -> u32 {
        let total = self.total();
        if total <= 16 {
            0
        } else {
            (total / 16).clamp(16, 256)
        }
    }

    pub(super) fn choose_address(
        &self,
        snapshot: &dyn Snapshot,
        spec: &mut ServiceSpec,
        before: Option<Ipv4Addr>,
    ) -> Result<(), Refused> {
        let mut given = Vec::new();
        for (_, asked) in allocate::wanted_cluster_ips(spec) {
            given.push(match asked {
                Some(text) => {
                    self.check(snapshot, &text, before)?;
                    text
                }
                None => {
                    let free = |index| snapshot.get(&address_key(self.at(index))).is_none();
                    let index = choose(self.total(), self.reserved(), free);
                    let full = Refused::Full("failed to allocate a serviceIP: range is full");
                    self.at(index.ok_or(full)?).to_string()
                }
            });
        }
        if !given.is_empty() {
            allocate::put_cluster_ips(spec, given);
        }
        Ok(())
    }

    fn check(
        &self,
        snapshot: &dyn Snapshot,
        text: &str,
        before: Option<Ipv4Addr>,
    ) -> Result<(), Refused> {
        let address: Option<Ipv4Addr> = text.parse().ok();
        if address.is_some() && address == before {
            return Ok(());
        }
        let refuse = |why: String| {
            let path = Path::new("spec").child("clusterIPs");
            Err(Refused::invalid(
                &path,
                json!([text]),
                format!("failed to allocate IP {text}: {why}"),
            ))
        };
        let network = self.addresses;
        match address {
            Some(address) if snapshot.get(&address_key(address)).is_some() => {
                refuse("provided IP is already allocated".into())
            }
            Some(address)
                if network.contains(&address)
                    && address != network.network()
                    && address != network.broadcast() =>
            {
                Ok(())
            }
            _ => refuse("the provided network does not match the current range".into()),
        }
    }
}
