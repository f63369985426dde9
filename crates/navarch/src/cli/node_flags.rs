//! What a node is told, in `up` as in `agent`.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How packets go to the pods of other nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PodRoutes {
    /// As they are to a node on the same segment, by VXLAN to others.
    Auto,
    /// By VXLAN to all: where the segment carries nothing but what hosts send under their own addresses.
    Vxlan,
}

/// What passes connections of pods on that go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FlowTableUse {
    /// The kernel's flow table, where it has one and nothing is encrypted.
    Auto,
    /// All rules of the host, packet by packet.
    Off,
}

/// Who can read what pods of different nodes say to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PodEncryption {
    /// Whoever is between the hosts.
    None,
    /// Their nodes alone: all goes by WireGuard.
    Wireguard,
}

/// Whose pod network it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PodNetworkOf {
    /// The node's own.
    Navarch,
    /// That of plugins.
    Cni,
}

/// The node.
#[derive(Debug, Clone, Args)]
pub(crate) struct NodeArgs {
    /// The node's name [default: the host's name].
    #[arg(long, env = "NAVARCH_NODE_NAME", value_name = "NAME")]
    pub(crate) node_name: Option<String>,
    /// The node's address, or one of each family, parted by a comma, the main one first [default: that of the API's listener (of the host's
    /// default route where that is any), or of the way to the API, which an agent follows when the host has it no more].
    #[arg(
        long,
        env = "NAVARCH_NODE_IP",
        value_name = "IP",
        value_delimiter = ','
    )]
    pub(crate) node_ip: Vec<IpAddr>,
    /// The port of the node's own API (logs, exec), over HTTPS.
    #[arg(
        long,
        env = "NAVARCH_NODE_PORT",
        default_value_t = 10250,
        value_name = "N"
    )]
    pub(crate) node_port: u16,
    /// Labels that the node gives itself when it registers: key=value, several parted by commas. Of Kubernetes' own domains only those that
    /// nodes may give themselves.
    #[arg(
        long,
        env = "NAVARCH_NODE_LABELS",
        value_name = "LABELS",
        value_delimiter = ','
    )]
    pub(crate) node_labels: Vec<String>,
    /// Taints that the node registers with: key=value:effect, several parted by commas.
    #[arg(
        long,
        env = "NAVARCH_REGISTER_WITH_TAINTS",
        value_name = "TAINTS",
        value_delimiter = ','
    )]
    pub(crate) register_with_taints: Vec<String>,
    /// The bridge that pods are attached to.
    #[arg(
        long,
        env = "NAVARCH_BRIDGE",
        default_value = "navarch0",
        value_name = "NAME"
    )]
    pub(crate) bridge: String,
    /// Whose pod network it is: the node's own, or that of plugins which others have put on the host (CNI), as Cilium and Calico are.
    #[arg(
        long,
        env = "NAVARCH_POD_NETWORK",
        value_enum,
        default_value_t = PodNetworkOf::Navarch,
        value_name = "WHOSE"
    )]
    pub(crate) pod_network: PodNetworkOf,
    /// Where the configurations of plugins are, of which the first counts.
    #[arg(
        long,
        env = "NAVARCH_CNI_CONF_DIR",
        default_value = "/etc/cni/net.d",
        value_name = "DIRECTORY"
    )]
    pub(crate) cni_conf_dir: PathBuf,
    /// Where plugins are, several parted by commas.
    #[arg(
        long,
        env = "NAVARCH_CNI_BIN_DIR",
        default_value = "/opt/cni/bin",
        value_name = "DIRECTORIES",
        value_delimiter = ','
    )]
    pub(crate) cni_bin_dir: Vec<PathBuf>,
    /// Has plugins forget all pods but this node's, some time after the start and every six hours (`GC`), where nobody else on the host uses the
    /// same plugins' state: no other runtime, and no other data directory.
    #[arg(long, env = "NAVARCH_CNI_GC")]
    pub(crate) cni_gc: bool,
    /// How packets go to the pods of other nodes: as they are to a node on the same segment and by VXLAN to others, or by VXLAN to all. The
    /// same on all nodes.
    #[arg(
        long,
        env = "NAVARCH_POD_ROUTES",
        value_enum,
        default_value_t = PodRoutes::Auto,
        value_name = "HOW"
    )]
    pub(crate) pod_routes: PodRoutes,
    /// Whether TCP connections of pods, once they are made, are passed on by the kernel's flow table, past all rules of the host: where the kernel
    /// has one and packets are not encrypted (`auto`), or not (`off`).
    #[arg(
        long,
        env = "NAVARCH_FLOW_TABLE",
        value_enum,
        default_value_t = FlowTableUse::Auto,
        value_name = "WHEN"
    )]
    pub(crate) flow_table: FlowTableUse,
    /// How packets to the pods of other nodes are encrypted: not at all, or by WireGuard, of the kernel where it has it and of this program's
    /// otherwise; then all go that way, whatever `--pod-routes` says, and none to nodes that do not. The same on all nodes.
    #[arg(
        long,
        env = "NAVARCH_POD_ENCRYPTION",
        value_enum,
        default_value_t = PodEncryption::None,
        value_name = "HOW"
    )]
    pub(crate) pod_encryption: PodEncryption,
    /// The UDP port that encrypted packets come to.
    #[arg(
        long,
        env = "NAVARCH_WIREGUARD_PORT",
        default_value = "51820",
        value_name = "N"
    )]
    pub(crate) wireguard_port: NonZeroU16,
    /// The cluster's DNS domain.
    #[arg(
        long,
        env = "NAVARCH_CLUSTER_DOMAIN",
        default_value = "cluster.local",
        value_name = "DOMAIN"
    )]
    pub(crate) cluster_domain: String,
}
