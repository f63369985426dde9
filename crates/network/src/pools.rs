//! The addresses of a node's pods, one of each family that the node has. Pure state, as [`AddressPool`].

use std::net::IpAddr;

use ipnet::IpNet;
use navarch_machinery::ranges::Ranges;

use crate::addresses::{AddressPool, CidrTooSmall, Unavailable};

/// A pool for each range.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    first: AddressPool,
    second: Option<AddressPool>,
}

impl Pools {
    pub(crate) fn new(ranges: &Ranges) -> Result<Self, CidrTooSmall> {
        Ok(Self {
            first: AddressPool::new(ranges.first())?,
            second: ranges.second().map(AddressPool::new).transpose()?,
        })
    }

    fn each(&self) -> impl Iterator<Item = &AddressPool> {
        std::iter::once(&self.first).chain(&self.second)
    }

    fn each_mut(&mut self) -> impl Iterator<Item = &mut AddressPool> {
        std::iter::once(&mut self.first).chain(&mut self.second)
    }

    /// The node's own addresses among its pods, with the lengths of their prefixes.
    pub(crate) fn gateways(&self) -> Vec<IpNet> {
        let gateway =
            |pool: &AddressPool| IpNet::new_assert(pool.gateway(), pool.cidr().prefix_len());
        self.each().map(gateway).collect()
    }

    /// The first of them: the one that pods are told of.
    pub(crate) fn gateway(&self) -> IpAddr {
        self.first.gateway()
    }

    /// The owner's addresses: those it has, or one of each family.
    ///
    /// # Errors
    /// The range that is used up. The owner has what it had before.
    pub(crate) fn allocate(&mut self, owner: &str) -> Result<Vec<IpAddr>, IpNet> {
        let had_first = self.first.address_of(owner).is_some();
        let first = self.first.allocate(owner).map_err(|_| self.first.cidr())?;
        let Some(second) = &mut self.second else {
            return Ok(vec![first]);
        };
        match second.allocate(owner) {
            Ok(address) => Ok(vec![first, address]),
            Err(_) => {
                let full = second.cidr();
                if !had_first {
                    self.first.release(owner);
                }
                Err(full)
            }
        }
    }

    /// Records that the owner has these very addresses, all or none of them.
    pub(crate) fn claim(&mut self, owner: &str, addresses: &[IpAddr]) -> Result<(), Unavailable> {
        let claimed = addresses.iter().try_for_each(|address| {
            let mut pools = self.each_mut();
            let pool = pools.find(|pool| pool.cidr().contains(address));
            pool.ok_or(Unavailable::Foreign)?.claim(owner, *address)
        });
        if claimed.is_err() {
            self.release(owner);
        }
        claimed
    }

    /// Gives the owner's addresses back.
    pub(crate) fn release(&mut self, owner: &str) {
        for pool in self.each_mut() {
            pool.release(owner);
        }
    }

    /// Begins the next searches after these: those that were handed out last before a restart.
    pub(crate) fn resume_after(&mut self, last: &[IpAddr]) {
        for pool in self.each_mut() {
            for address in last {
                pool.resume_after(*address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pools(ranges: &str) -> Pools {
        Pools::new(&ranges.parse().unwrap()).unwrap()
    }

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_pod_has_an_address_of_each_family() {
        let mut pools = pools("10.244.1.0/24,fd00::/64");
        assert_eq!(
            pools.gateways(),
            ["10.244.1.1/24", "fd00::1/64"].map(|it| it.parse().unwrap())
        );
        assert_eq!(
            pools.allocate("a").unwrap(),
            ips(&["10.244.1.2", "fd00::2"])
        );
        assert_eq!(
            pools.allocate("a").unwrap(),
            ips(&["10.244.1.2", "fd00::2"])
        );
        assert_eq!(
            pools.allocate("b").unwrap(),
            ips(&["10.244.1.3", "fd00::3"])
        );
        pools.release("a");
        pools.resume_after(&ips(&["10.244.1.8", "fd00::7"]));
        assert_eq!(
            pools.allocate("c").unwrap(),
            ips(&["10.244.1.9", "fd00::8"])
        );
    }

    #[test]
    fn where_one_family_is_used_up_nothing_is_given() {
        let mut pools = pools("10.244.1.0/24,fd00::/126");
        pools.allocate("a").unwrap();
        pools.allocate("b").unwrap();
        assert_eq!(pools.allocate("c"), Err("fd00::/126".parse().unwrap()));
        assert_eq!(pools.first.in_use(), 2);
        // A pod that had an address of one family keeps it.
        pools.claim("old", &ips(&["10.244.1.9"])).unwrap();
        assert!(pools.allocate("old").is_err());
        assert_eq!(pools.first.address_of("old"), Some(ips(&["10.244.1.9"])[0]));
    }

    #[test]
    fn all_addresses_are_claimed_or_none() {
        let mut pools = pools("10.244.1.0/24,fd00::/64");
        pools.claim("a", &ips(&["10.244.1.2", "fd00::2"])).unwrap();
        assert_eq!(
            pools.claim("b", &ips(&["10.244.1.3", "fd00::2"])),
            Err(Unavailable::Taken)
        );
        assert_eq!(
            pools.claim("b", &ips(&["10.244.2.3"])),
            Err(Unavailable::Foreign)
        );
        assert_eq!(pools.first.in_use(), 1);
    }
}
