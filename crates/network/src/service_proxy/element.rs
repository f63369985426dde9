//! What a service is in the kernel: elements of the maps and sets of [`super::layout`].

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::Protocol;
pub(crate) use crate::family::Family;

/// Where a service is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Frontend {
    /// At an address of the service's own: ClusterIP, external IP, load balancer's IP.
    Address(IpAddr, Protocol, u16),
    /// At every address of the node but loopback.
    NodePort(Family, Protocol, u16),
}

impl Frontend {
    pub(crate) fn family(&self) -> Family {
        match self {
            Self::Address(address, ..) => Family::of(*address),
            Self::NodePort(family, ..) => *family,
        }
    }
}

/// Whose packets an element is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    /// Of everybody for whom there is nothing more particular.
    All,
    /// Of the cluster's pods and of the node itself: what comes from them is no traffic from outside, wherever it goes.
    Inside,
}

/// A place in the tables. At most one [`Value`] is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    /// How the endpoint for a new connection is chosen.
    Dispatch(Scope, Frontend),
    /// The endpoint of that number.
    Endpoint(Scope, Frontend, u32),
    /// What becomes of the client's address.
    Source(Frontend),
    /// For how long a client stays with its endpoint.
    Remember(Frontend),
    /// What becomes of packets that are sent to no endpoint.
    Unserved(Frontend),
    /// An address of which unserved ports are refused.
    ClusterIp(IpAddr),
    /// Another address of a service: what is sent there is not for a node port.
    ExternalIp(IpAddr),
    /// An address that is nobody's but for its services: one node answers for it, and what none of them serves goes nowhere.
    Announced(IpAddr),
    /// A pod of this node that may reach itself through a service.
    Hairpin(IpAddr),
    /// A frontend that only some may use.
    Firewalled(Frontend),
    /// Those who may.
    Allowed(Frontend, IpNet),
}

impl Key {
    pub(crate) fn family(&self) -> Family {
        match self {
            Self::Dispatch(_, frontend)
            | Self::Endpoint(_, frontend, _)
            | Self::Source(frontend)
            | Self::Remember(frontend)
            | Self::Unserved(frontend)
            | Self::Firewalled(frontend)
            | Self::Allowed(frontend, _) => frontend.family(),
            Self::ClusterIp(address)
            | Self::ExternalIp(address)
            | Self::Announced(address)
            | Self::Hairpin(address) => Family::of(*address),
        }
    }

    /// The map or set that it is in.
    pub(crate) fn set(&self) -> &'static str {
        use Frontend::{Address, NodePort};
        use Scope::{All, Inside};
        match self {
            Self::Dispatch(All, Address(..)) => "services",
            Self::Dispatch(All, NodePort(..)) => "node-ports",
            Self::Dispatch(Inside, Address(..)) => "inside-services",
            Self::Dispatch(Inside, NodePort(..)) => "inside-node-ports",
            Self::Endpoint(All, Address(..), _) => "endpoints",
            Self::Endpoint(All, NodePort(..), _) => "node-port-endpoints",
            Self::Endpoint(Inside, Address(..), _) => "inside-endpoints",
            Self::Endpoint(Inside, NodePort(..), _) => "inside-node-port-endpoints",
            Self::Source(Address(..)) => "sources",
            Self::Source(NodePort(..)) => "node-port-sources",
            Self::Remember(Address(..)) => "remember-services",
            Self::Remember(NodePort(..)) => "remember-node-ports",
            Self::Unserved(Address(..)) => "unserved",
            Self::Unserved(NodePort(..)) => "unserved-node-ports",
            Self::ClusterIp(_) => "cluster-ips",
            Self::ExternalIp(_) => "external-ips",
            Self::Announced(_) => "announced",
            Self::Hairpin(_) => "hairpin",
            Self::Firewalled(_) => "firewalled",
            Self::Allowed(..) => "allowed-sources",
        }
    }
}

/// What becomes of a client's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SourceRule {
    /// Pods keep theirs; others take the node's, so that the answer comes back by it.
    Pods,
    /// All take the node's: the endpoint may be on another one.
    Nobody,
    /// All but the node itself keep theirs: the endpoint is here.
    Others,
}

/// What is at a [`Key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    /// Of sets, which hold keys alone.
    Present,
    /// One of so many endpoints, at random; with session affinity the one that the client had before.
    Choose {
        count: u32,
        sticky: bool,
    },
    Endpoint(SocketAddr),
    Source(SourceRule),
    /// For so many seconds.
    Remember(u32),
    /// The sender is told.
    Reject,
    /// The sender is not told.
    Drop,
}

impl fmt::Display for Frontend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address, protocol, port) => {
                write!(f, "{address} {} {port}", protocol.rule_name())
            }
            Self::NodePort(_, protocol, port) => write!(f, "{} {port}", protocol.rule_name()),
        }
    }
}
