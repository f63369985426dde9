//! What the network knows of one pod.

use std::{net::IpAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{bandwidth::Bandwidth, host_port::HostPort, policy::PodName};

/// A pod's place in the network: its interface `eth0`, its addresses, and the end of the pair that the host has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The sandbox that was attached.
    pub sandbox_id: String,
    /// Whose it is; `None` in what an older version has written: then no network policy is for it.
    #[serde(default)]
    pub pod: Option<PodName>,
    /// Its network namespace, as it was given.
    pub netns: PathBuf,
    /// The pod's addresses, the first its `status.podIP`.
    pub ips: Vec<IpAddr>,
    /// Its default route: the bridge.
    pub gateway: IpAddr,
    /// The prefix length of its addresses, that of the node's pod CIDR.
    pub prefix_len: u8,
    /// Its hardware address, as `0a:58:0a:f4:00:02`.
    pub mac: String,
    /// The name of the host's end.
    pub host_interface: String,
    /// The host's ports that lead to it.
    #[serde(default)]
    pub host_ports: Vec<HostPort>,
    /// How fast it may be.
    #[serde(default)]
    pub bandwidth: Bandwidth,
}

/// How an attachment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// The pair is there, on the bridge, and both ends are up.
    Up,
    /// The sandbox is attached, but its pair is gone or down. Attaching it again mends it, with the same address.
    Broken,
    /// The sandbox is not attached.
    Absent,
}
