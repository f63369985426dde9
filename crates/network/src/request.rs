//! What a pod asks of its network.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{HostPort, PodName};

/// A pod that is to be connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodRequest {
    /// Whose it is.
    #[serde(rename = "pod")]
    pub name: PodName,
    /// The host's ports that are to lead to it.
    pub ports: Vec<HostPort>,
    /// The pod's annotations, of which two limit its bandwidth: plugins of others may look at more.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Whom it asks for names; `None`: nobody of the cluster's.
    #[serde(default)]
    pub dns: Option<PodDns>,
}

impl PodRequest {
    /// One that asks for nothing but an interface, and these ports of the host.
    pub fn new(name: PodName, ports: Vec<HostPort>) -> Self {
        Self {
            name,
            ports,
            annotations: BTreeMap::new(),
            dns: None,
        }
    }
}

/// As in `resolv.conf`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodDns {
    /// `nameserver`.
    pub servers: Vec<String>,
    /// `search`.
    pub searches: Vec<String>,
    /// `options`.
    pub options: Vec<String>,
}
