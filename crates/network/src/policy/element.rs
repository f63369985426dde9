//! What policies are in the kernel: elements of the maps and sets of [`super::layout`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::compiled::Direction;
use super::ports::PortRange;
use crate::family::Family;

/// Where something is looked up. The pod is always one of this node, its peer is at the connection's other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    /// A pod that policies select; and that it reaches itself.
    Isolated(IpAddr),
    Itself(IpAddr),
    /// A pod that policies select in a direction.
    IsolatedIn(Direction, IpAddr),
    /// Whom policies take a peer for: pods that the same rules select are one identity.
    Identity(Direction, IpAddr),
    /// What an identity may with a pod.
    Pair(Direction, u32, IpAddr),
    /// What peers from an address to another may with a pod.
    Block(Direction, IpAddr, IpAddr, IpAddr),
    /// What is judged although it is sent to the node: by address, protocol and port.
    Here(IpAddr, u8, u16),
    /// The ports of a set.
    Ports(Family, u32, PortRange),
}

/// What is at a [`Key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Value {
    /// Of sets, which hold keys alone.
    Present,
    /// The number of an identity.
    Identity(u32),
    /// Everything is allowed, whatever the protocol.
    Everything,
    /// The number of the set of ports that are allowed.
    Ports(u32),
}

/// Everything that is in the tables.
pub(crate) type Elements = BTreeMap<Key, Value>;

impl Key {
    pub(crate) fn family(&self) -> Family {
        match self {
            Self::Isolated(address)
            | Self::Itself(address)
            | Self::IsolatedIn(_, address)
            | Self::Identity(_, address)
            | Self::Pair(_, _, address)
            | Self::Here(address, ..)
            | Self::Block(_, address, ..) => Family::of(*address),
            Self::Ports(family, ..) => *family,
        }
    }

    /// The set or map that it is a key of.
    pub(crate) fn set(&self) -> &'static str {
        use Direction::{Egress, Ingress};
        match self {
            Self::Isolated(_) => "isolated",
            Self::Itself(_) => "itself",
            Self::IsolatedIn(Ingress, _) => "ingress-isolated",
            Self::IsolatedIn(Egress, _) => "egress-isolated",
            Self::Identity(Ingress, _) => "ingress-identities",
            Self::Identity(Egress, _) => "egress-identities",
            Self::Pair(Ingress, ..) => "ingress-pairs",
            Self::Pair(Egress, ..) => "egress-pairs",
            Self::Block(Ingress, ..) => "ingress-blocks",
            Self::Block(Egress, ..) => "egress-blocks",
            Self::Here(..) => "here",
            Self::Ports(..) => "ports",
        }
    }

    /// Whether there being less of it can only let less through. Isolation is the other way round, and so is what is
    /// judged at all.
    pub(crate) fn permits(&self) -> bool {
        !matches!(
            self,
            Self::Isolated(_) | Self::IsolatedIn(..) | Self::Here(..)
        )
    }

    /// Whose connections there being more or less of it is about; `None` where that shows in what leads there.
    pub(crate) fn about(&self) -> Option<IpAddr> {
        match self {
            Self::Isolated(address)
            | Self::Itself(address)
            | Self::IsolatedIn(_, address)
            | Self::Identity(_, address)
            | Self::Pair(_, _, address)
            | Self::Here(address, ..)
            | Self::Block(_, address, ..) => Some(*address),
            Self::Ports(..) => None,
        }
    }
}
