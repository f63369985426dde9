//! What the ways from a node are made of.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use navarch_machinery::ranges::Ranges;
use tokio::sync::Notify;

use super::kernel::Settings;
use super::plan::{Here, gateway, outer};
use super::{mtu, tunnel};
use crate::wireguard::{self, PrivateKey};

/// How packets go to the pods of other nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// As they are to a node on the same segment, by VXLAN to one behind routers.
    #[default]
    Auto,
    /// By VXLAN to all: for segments that carry nobody's packets but the hosts' own.
    Vxlan,
}

/// How packets to other nodes' pods are encrypted: by WireGuard, whatever the transport.
#[derive(Debug, Clone)]
pub struct Encryption {
    /// What this node is known by.
    pub key: PrivateKey,
    /// The UDP port of this node that encrypted packets are sent to.
    pub port: NonZeroU16,
}

/// The ways from one node. All nodes of a cluster must have the same transport, and all encrypt or none.
#[derive(Debug, Clone)]
pub struct NodeRoutesConfig {
    /// The node's name.
    pub node: String,
    /// The node's addresses, until its object says them.
    pub addresses: Vec<IpAddr>,
    /// Where its own pods are.
    pub pod_cidrs: Ranges,
    /// Where the cluster's pods are: no way leads elsewhere, whatever a node claims.
    pub cluster_cidrs: Vec<IpNet>,
    /// The bridge of its pods, which has the node's address among them.
    pub bridge: String,
    /// The nftables table (family `inet`) that says who may use the tunnel; whatever else is in it goes.
    pub table: String,
    /// The largest packet of its pods.
    pub mtu: u32,
    /// How packets go.
    pub transport: Transport,
    /// How they are encrypted, if they are.
    pub encryption: Option<Encryption>,
    /// The file that says which nodes packets were encrypted for last, where there is to be one ([`super::KeptNodes`]).
    pub kept: Option<PathBuf>,
    /// The network namespace that the bridge is in; `None` is the one of the calling thread.
    pub netns: Option<PathBuf>,
}

impl NodeRoutesConfig {
    /// Of a node that is nowhere yet: its name and addresses are for the caller to say.
    pub fn new(pod_cidrs: Ranges, cluster_cidrs: Vec<IpNet>, bridge: &str, table: &str) -> Self {
        Self {
            node: String::new(),
            addresses: Vec::new(),
            pod_cidrs,
            cluster_cidrs,
            bridge: bridge.to_owned(),
            table: table.to_owned(),
            mtu: mtu::USUAL,
            transport: Transport::default(),
            encryption: None,
            kept: None,
            netns: None,
        }
    }

    /// Which of the node's addresses other nodes' packets come to, in whatever they are put: by it goes how large they may be. `None`: none do.
    pub fn outer(&self) -> Option<IpAddr> {
        outer(&self.addresses, &self.cluster_cidrs, self.pod_cidrs)
    }
}

/// What its ways are made by.
pub(super) fn settings(config: &NodeRoutesConfig) -> Settings {
    let changed = Arc::new(Notify::new());
    let gateways: Vec<IpAddr> = config.pod_cidrs.iter().map(gateway).collect();
    let encrypting = wireguard::name(&config.bridge);
    let encryption = config.encryption.clone();
    Settings {
        bridge: config.bridge.clone(),
        device: tunnel::name(&config.bridge),
        encryption: encryption.map(|it| wireguard::device::Settings {
            name: encrypting.clone(),
            key: it.key,
            port: it.port,
            mtu: config.mtu,
            gateways: gateways.clone(),
            ended: changed.clone(),
        }),
        encrypting,
        table: config.table.clone(),
        cluster_cidrs: config.cluster_cidrs.clone(),
        mtu: config.mtu,
        gateways,
        changed,
    }
}

/// What they are planned by.
pub(super) fn here(config: NodeRoutesConfig) -> Here {
    Here {
        name: config.node,
        addresses: config.addresses,
        pod_cidrs: config.pod_cidrs,
        cluster_cidrs: config.cluster_cidrs,
        always_tunnel: config.transport == Transport::Vxlan,
        key: config.encryption.map(|it| it.key.public()),
    }
}
