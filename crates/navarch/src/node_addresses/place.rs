//! Which addresses a node may be at, and when it goes to another. Pure.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipnet::IpNet;

/// How long the host has had the node's address no more when the node goes to one of another interface: a link that is down for a moment, whose
/// address comes back with it, moves nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// What there is of a node's address on its host.
pub(super) enum Seen {
    /// It is there, on this interface, where that is known.
    Own(Option<String>),
    /// Another is, by which servers are reached, on this interface.
    Other(IpAddr, String),
    Nothing,
}

/// Whether others reach a node there; as the kubelet judges it, but that a node may be on its server's own host.
pub(super) fn may_be_a_node_s(address: IpAddr) -> bool {
    let is_of_the_link = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(address.is_unspecified() || address.is_multicast() || is_of_the_link)
}

/// The same of one that is the next: other nodes reach this one in the family in which they did.
pub(super) fn may_be_next(address: IpAddr, own: IpAddr, inside: &[IpNet]) -> bool {
    may_be_a_node_s(address)
        && address.is_ipv4() == own.is_ipv4()
        && (own.is_loopback() || !address.is_loopback())
        && !inside.iter().any(|range| range.contains(&address))
}

/// Where a node is.
pub(super) struct Place {
    pub(super) address: IpAddr,
    /// On which its host had that when it was looked last.
    interface: Option<String>,
    /// Since when its host has that no more.
    pub(super) gone: Option<Instant>,
}

impl Place {
    pub(super) fn at(address: IpAddr) -> Self {
        Self {
            address,
            interface: None,
            gone: None,
        }
    }

    /// Whether the node is elsewhere by that.
    pub(super) fn follow(&mut self, seen: Seen, now: Instant) -> bool {
        let (address, interface) = match seen {
            Seen::Own(interface) => {
                self.interface = interface.or(self.interface.take());
                self.gone = None;
                return false;
            }
            Seen::Nothing => {
                self.gone.get_or_insert(now);
                return false;
            }
            Seen::Other(address, interface) => (address, interface),
        };
        let gone = *self.gone.get_or_insert(now);
        // On the same interface it was exchanged.
        let is_exchanged = self.interface.as_ref() == Some(&interface);
        if !is_exchanged && now.saturating_duration_since(gone) < PATIENCE {
            return false;
        }
        *self = Self {
            interface: Some(interface),
            ..Self::at(address)
        };
        true
    }
}
