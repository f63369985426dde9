//! The networks that cluster addresses come from.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use k8s_openapi::api::networking::v1::ServiceCIDR;
use navarch_api::networking::service_cidr::{self, cidrs, is_ready};
use navarch_machinery::status::Result;
use navarch_store::Snapshot;

use super::{Services, choose};
use crate::served::Directory;

/// A network's addresses that services can have: all but its own and the broadcast address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range(pub(super) Ipv4Net);

impl Range {
    /// Address number `index`.
    pub(super) fn at(self, index: u32) -> Ipv4Addr {
        let network = u32::from(self.0.network());
        Ipv4Addr::from(network.saturating_add(index).saturating_add(1))
    }

    pub(super) fn contains(self, address: Ipv4Addr) -> bool {
        self.0.contains(&address) && address != self.0.network() && address != self.0.broadcast()
    }

    fn total(self) -> u32 {
        let (first, last) = (u32::from(self.0.network()), u32::from(self.0.broadcast()));
        last.saturating_sub(first).saturating_sub(1)
    }

    /// Kubernetes keeps a sixteenth, at least 16 and at most 256, for addresses that are asked for.
    fn reserved(self) -> u32 {
        match self.total() {
            0..=16 => 0,
            total => (total / 16).clamp(16, 256),
        }
    }

    /// An address that is free.
    pub(super) fn choose(self, is_free: impl Fn(Ipv4Addr) -> bool) -> Option<Ipv4Addr> {
        let index = choose(self.total(), self.reserved(), |index| {
            is_free(self.at(index))
        });
        index.map(|index| self.at(index))
    }
}

impl Services {
    /// The ranges that addresses may be taken from now: those of all ServiceCIDRs that are ready. As long as the default one is
    /// not there, the server's own configuration stands in for it.
    pub(super) fn ranges(
        &self,
        snapshot: &dyn Snapshot,
        directory: &Directory,
    ) -> Result<Vec<Range>> {
        let Some(served) = directory.of::<ServiceCIDR>() else {
            return Ok(vec![Range(self.addresses)]);
        };
        let mut ranges = Vec::new();
        let mut broken = None;
        let mut has_default = false;
        snapshot.scan(&served.prefix, None, &mut |entry| {
            match served.decode(entry) {
                Ok(object) => {
                    if let Some(object) = object.as_any().downcast_ref::<ServiceCIDR>() {
                        has_default |=
                            object.metadata.name.as_deref() == Some(service_cidr::DEFAULT);
                        ranges.extend(ready_ranges(object));
                    }
                }
                Err(error) => broken = Some(error),
            }
            broken.is_none()
        });
        if !has_default {
            ranges.insert(0, Range(self.addresses));
        }
        broken.map_or(Ok(ranges), Err)
    }
}

fn ready_ranges(object: &ServiceCIDR) -> Vec<Range> {
    let cidrs = cidrs(object).iter().filter(|_| is_ready(object));
    // The cluster's services have IPv4 addresses only.
    cidrs
        .filter_map(|cidr| cidr.parse::<Ipv4Net>().ok())
        .map(Range)
        .collect()
}
