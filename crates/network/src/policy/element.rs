//! What policies are in the kernel: elements of the maps and sets of [`super::layout`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::compiled::Direction;
use super::id::Id;
use super::ports::PortRange;
use crate::family::Family;

/// Where something is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    /// A pod of this node that policies select; and that it reaches itself.
    Isolated(IpAddr),
    Itself(IpAddr),
    /// Which policies they are: pods that the same ones select are one group.
    Group(Direction, IpAddr),
    /// Whom policies take a pod for: pods that the same peers select are one identity.
    Identity(IpAddr),
    /// What an identity may in a group.
    Pair(Direction, Family, Id, Id),
    /// What addresses from one to another may in a group.
    Block(Direction, Id, IpAddr, IpAddr),
    /// The ports of a set.
    Ports(Family, Id, PortRange),
}

/// What is at a [`Key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Value {
    /// Of sets, which hold keys alone.
    Present,
    /// A group, an identity or a set of ports.
    Id(Id),
}

/// Everything that is in the tables.
pub(crate) type Elements = BTreeMap<Key, Value>;

impl Key {
    pub(crate) fn family(&self) -> Family {
        match self {
            Self::Isolated(address)
            | Self::Itself(address)
            | Self::Group(_, address)
            | Self::Identity(address)
            | Self::Block(_, _, address, _) => Family::of(*address),
            Self::Pair(_, family, ..) | Self::Ports(family, ..) => *family,
        }
    }

    /// The set or map that it is a key of.
    pub(crate) fn set(&self) -> &'static str {
        match self {
            Self::Isolated(_) => "isolated",
            Self::Itself(_) => "itself",
            Self::Group(Direction::Ingress, _) => "ingress-groups",
            Self::Group(Direction::Egress, _) => "egress-groups",
            Self::Identity(_) => "identities",
            Self::Pair(Direction::Ingress, ..) => "ingress-pairs",
            Self::Pair(Direction::Egress, ..) => "egress-pairs",
            Self::Block(Direction::Ingress, ..) => "ingress-blocks",
            Self::Block(Direction::Egress, ..) => "egress-blocks",
            Self::Ports(..) => "ports",
        }
    }

    /// Whether there being less of it can only let less through. Isolation is the other way round.
    pub(crate) fn permits(&self) -> bool {
        !matches!(self, Self::Isolated(_) | Self::Group(..))
    }
}
