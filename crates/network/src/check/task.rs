//! What an asker is told to ask.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// Where an asker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Place {
    /// On the node itself, in its network.
    Node,
    /// In a pod on it.
    Pod,
}

impl Place {
    /// As people read it.
    pub(crate) fn called(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Pod => "pod",
        }
    }
}

/// All that one asker asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    /// The node it is on.
    pub(crate) node: String,
    pub(crate) place: Place,
    /// The answerers.
    pub(crate) pods: Vec<Target>,
    /// The nodes' own API.
    pub(crate) nodes: Vec<Target>,
    /// The addresses of the service that leads to all answerers.
    pub(crate) services: Vec<SocketAddr>,
    /// Those by which pods reach the API server.
    pub(crate) api: Vec<SocketAddr>,
    /// What is known by which name.
    pub(crate) names: Vec<Named>,
    /// How long all of it may take, in seconds.
    pub(crate) patience: u64,
}

/// Something on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) node: String,
    pub(crate) address: SocketAddr,
    /// Whether it is a pod that plugins connect.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) of_plugins: bool,
}

/// A service, as names have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named {
    /// As `kubernetes.default`: what stands before `svc` and the cluster's domain.
    pub(crate) name: String,
    pub(crate) addresses: Vec<IpAddr>,
}
