//! A node's pod network, whoever's it is: this program's own, or that of plugins.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use ipnet::IpNet;
use navarch_network::CniNetwork;
use navarch_node::{Addresses, Network};

use crate::checks::ClusterRanges;
use crate::pod_network::LateNetwork;

/// One of them.
pub(crate) enum NodeNetwork {
    /// This program's.
    Own(Arc<LateNetwork>),
    /// That of plugins, on a node at these addresses.
    Plugins(Arc<CniNetwork>, Addresses),
}

/// An address, once it is known.
type Later = Pin<Box<dyn Future<Output = Option<IpAddr>> + Send>>;

impl NodeNetwork {
    /// The node's address among its pods, once there is a network; `None` where there will be none.
    pub(crate) fn gateway(&self) -> Later {
        match self {
            Self::Own(network) => Box::pin(network.gateway()),
            Self::Plugins(..) => Box::pin(std::future::ready(None)),
        }
    }

    /// Where pods reach the node, once that is known: cluster DNS answers there.
    pub(crate) fn reached_at(&self) -> Later {
        match self {
            Self::Own(_) => self.gateway(),
            Self::Plugins(_, addresses) => {
                let first = addresses.now().into_iter().next();
                Box::pin(std::future::ready(first))
            }
        }
    }

    /// By whose change that is elsewhere: among its pods a node stays where it is.
    pub(crate) fn moved_by(&self) -> Addresses {
        match self {
            Self::Own(_) => Vec::new().into(),
            Self::Plugins(_, addresses) => addresses.clone(),
        }
    }

    /// Whose questions cluster DNS answers: everybody's where only pods reach it. At the node's own address, those of pods, of nodes and of the
    /// node itself.
    pub(crate) fn clients(&self, ranges: &ClusterRanges) -> Vec<IpNet> {
        match self {
            Self::Own(_) => Vec::new(),
            Self::Plugins(_, addresses) => {
                let loopback = [
                    IpNet::new_assert([127, 0, 0, 0].into(), 8),
                    IpAddr::from(std::net::Ipv6Addr::LOCALHOST).into(),
                ];
                let own = addresses.now().into_iter().map(IpNet::from);
                ranges.pods.iter().chain(own).chain(loopback).collect()
            }
        }
    }

    /// Holds pods to their policies where they ask cluster DNS. Those of plugins are the plugins' affair.
    pub(crate) fn judge_dns_at(&self, address: SocketAddr) {
        if let Self::Own(network) = self {
            network.judge_dns_at(address);
        }
    }

    /// As the node's agent uses it.
    pub(crate) fn of_pods(&self) -> Arc<dyn Network> {
        match self {
            Self::Own(network) => network.clone(),
            Self::Plugins(network, _) => network.clone(),
        }
    }
}
