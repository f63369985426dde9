//! Pod interfaces, addresses and packet rules of a node.
//!
//! Pure: [`AddressPool`] says which address is whose, and `masquerade` which packet rules there are. [`PodNetwork`] is what
//! applies them: it owns a thread in the node's network namespace that speaks netlink, runs `nft`, and keeps a file for each
//! attachment, so that a restart neither leaks an address nor gives one out twice.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod addresses;
mod announce;
mod attachment;
mod bandwidth;
mod bridge;
pub mod check;
mod cni;
mod config;
mod dns;
mod ear;
mod error;
mod family;
mod flow_table;
mod forwarding;
mod host_port;
mod interface;
mod keeping;
mod kept_file;
mod masquerade;
mod namespace;
mod neighbours;
mod netfilter;
mod netlink;
mod nft;
mod node;
mod node_routes;
mod owned;
mod pod_network;
mod policy;
mod pools;
mod records;
mod removal;
mod remover;
mod request;
mod service_proxy;
mod shaping;
mod sources;
mod task;
mod wireguard;

pub use addresses::{AddressPool, CidrTooSmall, Unavailable};
pub use announce::{Announcer, AnnouncerConfig};
pub use attachment::{Attachment, Connection};
pub use bandwidth::{Bandwidth, InvalidBandwidth};
pub use cni::{CniConfig, CniError, CniNetwork};
pub use config::Config;
pub use dns::{DnsConfig, DnsServer, DnsSettings};
pub use error::{Degradation, Error, NodeRoutesError, PolicyError, RulesError, ServiceProxyError};
pub use flow_table::{FlowTable, FlowTableConfig};
pub use host_port::{HostPort, Protocol};
pub use ipnet::IpNet;
pub use node_routes::{
    Encryption, HostInterfaces, KeptNodes, NodeRoutes, NodeRoutesConfig, Transport, pod_mtu,
};
pub use pod_network::PodNetwork;
pub use policy::{NetworkPolicies, NetworkPoliciesConfig, PodName};
pub use request::{PodDns, PodRequest};
pub use service_proxy::{ServiceProxy, ServiceProxyConfig, ServiceView};
pub use wireguard::{PrivateKey, PublicKey};
