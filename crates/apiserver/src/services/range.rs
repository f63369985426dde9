//! The networks that cluster addresses come from.

use std::net::IpAddr;

use ipnet::IpNet;
use k8s_openapi::api::networking::v1::ServiceCIDR;
use navarch_api::networking::service_cidr::{self, cidrs, is_ready};
use navarch_machinery::ranges::nth;
use navarch_machinery::status::Result;
use navarch_store::Snapshot;

use super::{Services, choose};
use crate::served::Directory;

/// The most addresses of one network that are looked among: IPv6 networks may have more than can be counted.
const MOST: u32 = 1 << 30;

/// A network's addresses that services can have: all but its own and, in IPv4, the broadcast address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range(pub(super) IpNet);

impl Range {
    /// Address number `index`; the range's own where it has none.
    pub(super) fn at(self, index: u32) -> IpAddr {
        nth(self.0, index.saturating_add(1)).unwrap_or(self.0.network())
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        let is_broadcast = address.is_ipv4() && address == self.0.broadcast();
        self.0.contains(&address) && address != self.0.network() && !is_broadcast
    }

    fn total(self) -> u32 {
        let host_bits = u32::from(self.0.max_prefix_len() - self.0.prefix_len());
        let all = 1u32.checked_shl(host_bits).unwrap_or(u32::MAX);
        let unusable = if self.0.addr().is_ipv4() { 2 } else { 1 };
        all.saturating_sub(unusable).min(MOST)
    }

    /// Kubernetes keeps a sixteenth, at least 16 and at most 256, for addresses that are asked for.
    fn reserved(self) -> u32 {
        match self.total() {
            0..=16 => 0,
            total => (total / 16).clamp(16, 256),
        }
    }

    /// An address that is free.
    pub(super) fn choose(self, is_free: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
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
        let own = self.addresses.iter().map(Range);
        let Some(served) = directory.of::<ServiceCIDR>() else {
            return Ok(own.collect());
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
            ranges.splice(0..0, own);
        }
        broken.map_or(Ok(ranges), Err)
    }
}

fn ready_ranges(object: &ServiceCIDR) -> impl Iterator<Item = Range> {
    let cidrs = cidrs(object).iter().filter(|_| is_ready(object));
    cidrs.filter_map(|cidr| cidr.parse().ok()).map(Range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_either_family_has_its_addresses() {
        let range = |text: &str| Range(text.parse().unwrap());
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let four = range("10.96.0.0/24");
        assert_eq!((four.at(0), four.total()), (ip("10.96.0.1"), 254));
        assert!(!four.contains(ip("10.96.0.0")) && !four.contains(ip("10.96.0.255")));
        let six = range("fd00::/112");
        assert_eq!((six.at(0), six.total()), (ip("fd00::1"), 65_535));
        assert!(!six.contains(ip("fd00::")) && six.contains(ip("fd00::ffff")));
        assert!(!six.contains(ip("10.96.0.1")));
        assert_eq!(range("fd00::/64").total(), MOST);
        assert_eq!(range("10.96.0.7/32").total(), 0);
    }
}
