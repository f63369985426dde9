//! Which addresses of a node's pod CIDR are in use. Pure state: nothing here touches a file or the kernel.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;

#[cfg(test)]
mod tests;

/// The most addresses one node hands out; a wider CIDR is used up to here, so that the bitmap stays at 8 KiB.
const MAX_ADDRESSES: u128 = 1 << 16;
const WORD: u32 = u64::BITS;

/// The addresses of one CIDR, counted from its first: 0 is the network, 1 the gateway, and in IPv4 the last is broadcast;
/// none of these is handed out. A released address is the last to be used again, so that whoever still remembers its former
/// owner does not meet a stranger there soon.
#[derive(Debug, Clone)]
pub struct AddressPool {
    cidr: IpNet,
    /// One past the last offset that may be handed out.
    end: u32,
    used: Vec<u64>,
    /// Where the next search begins.
    next: u32,
    owners: HashMap<String, u32>,
}

/// The CIDR leaves no address for a pod beside the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("pod CIDR {0} has no room for a pod")]
pub struct CidrTooSmall(pub IpNet);

/// Why an address was not handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// All are in use.
    #[error("every address is in use")]
    Exhausted,
    /// The address is the network's, the gateway's, broadcast, or of another CIDR.
    #[error("address is not one of this pool")]
    Foreign,
    /// Another owner has it.
    #[error("address is in use")]
    Taken,
}

impl AddressPool {
    const GATEWAY: u32 = 1;
    const FIRST: u32 = 2;

    /// An unused pool over a CIDR of either family; bits beyond its prefix are ignored.
    pub fn new(cidr: IpNet) -> Result<Self, CidrTooSmall> {
        let cidr = cidr.trunc();
        let host_bits = u32::from(cidr.max_prefix_len() - cidr.prefix_len());
        let size = 1u128.checked_shl(host_bits).unwrap_or(u128::MAX);
        let usable = if cidr.addr().is_ipv4() {
            size.saturating_sub(1)
        } else {
            size
        };
        // Cannot be cut short: MAX_ADDRESSES fits.
        let end = usable.min(MAX_ADDRESSES) as u32;
        if end <= Self::FIRST {
            return Err(CidrTooSmall(cidr));
        }
        let used = vec![0; end.div_ceil(WORD) as usize];
        Ok(Self {
            cidr,
            end,
            used,
            next: Self::FIRST,
            owners: HashMap::new(),
        })
    }

    /// The CIDR the addresses are of.
    pub fn cidr(&self) -> IpNet {
        self.cidr
    }

    /// The node's own address among its pods: the bridge, and the pods' default route.
    pub fn gateway(&self) -> IpAddr {
        self.address(Self::GATEWAY)
    }

    /// How many pods can have an address at once.
    pub fn capacity(&self) -> usize {
        (self.end - Self::FIRST) as usize
    }

    /// How many have one.
    pub fn in_use(&self) -> usize {
        self.owners.len()
    }

    /// The owner's address, if it has one.
    pub fn address_of(&self, owner: &str) -> Option<IpAddr> {
        self.owners.get(owner).map(|offset| self.address(*offset))
    }

    /// The owner's address: the one it has, or the free one that was not used for longest.
    pub fn allocate(&mut self, owner: &str) -> Result<IpAddr, Unavailable> {
        if let Some(address) = self.address_of(owner) {
            return Ok(address);
        }
        let offset = self
            .first_free(self.next, self.end)
            .or_else(|| self.first_free(Self::FIRST, self.next))
            .ok_or(Unavailable::Exhausted)?;
        self.take(owner, offset);
        Ok(self.address(offset))
    }

    /// Records that the owner has this very address, as found after a restart.
    pub fn claim(&mut self, owner: &str, address: IpAddr) -> Result<(), Unavailable> {
        let offset = self.offset(address).ok_or(Unavailable::Foreign)?;
        if self.owners.get(owner) == Some(&offset) {
            return Ok(());
        }
        if self.is_used(offset) || self.owners.contains_key(owner) {
            return Err(Unavailable::Taken);
        }
        self.take(owner, offset);
        Ok(())
    }

    /// Gives the owner's address back and returns it; `None` if it had none.
    pub fn release(&mut self, owner: &str) -> Option<IpAddr> {
        let offset = self.owners.remove(owner)?;
        self.used[(offset / WORD) as usize] &= !(1 << (offset % WORD));
        Some(self.address(offset))
    }

    /// Begins the next search after this address: the one that was handed out last before a restart.
    pub fn resume_after(&mut self, last: IpAddr) {
        if let Some(offset) = self.offset(last) {
            self.next = offset + 1;
        }
    }

    fn take(&mut self, owner: &str, offset: u32) {
        self.used[(offset / WORD) as usize] |= 1 << (offset % WORD);
        self.owners.insert(owner.to_owned(), offset);
        self.next = offset + 1;
    }

    fn is_used(&self, offset: u32) -> bool {
        self.used[(offset / WORD) as usize] & (1 << (offset % WORD)) != 0
    }

    /// The lowest free offset of `from..to`, a word of the bitmap at a time.
    fn first_free(&self, from: u32, to: u32) -> Option<u32> {
        let mut at = from;
        while at < to {
            let free = !self.used[(at / WORD) as usize] >> (at % WORD);
            if free != 0 {
                let found = at + free.trailing_zeros();
                return (found < to).then_some(found);
            }
            at = (at / WORD + 1) * WORD;
        }
        None
    }

    fn address(&self, offset: u32) -> IpAddr {
        match self.cidr.network() {
            IpAddr::V4(network) => Ipv4Addr::from_bits(network.to_bits() + offset).into(),
            IpAddr::V6(network) => {
                Ipv6Addr::from_bits(network.to_bits() + u128::from(offset)).into()
            }
        }
    }

    fn offset(&self, address: IpAddr) -> Option<u32> {
        let offset = match (self.cidr.network(), address) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => ip.to_bits().checked_sub(network.to_bits())?,
            (IpAddr::V6(network), IpAddr::V6(ip)) => {
                u32::try_from(ip.to_bits().checked_sub(network.to_bits())?).ok()?
            }
            _ => return None,
        };
        (Self::FIRST..self.end).contains(&offset).then_some(offset)
    }
}
