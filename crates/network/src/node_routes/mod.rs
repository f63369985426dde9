//! The way to the pods of other nodes: straight to a node that is on this one's segment, through a tunnel (VXLAN) to one behind routers; or, where
//! packets between hosts are encrypted, by WireGuard to all.
//!
//! [`plan`] says purely what there is to be; [`kernel`] has routes, neighbours and the tunnel's device be so; [`shell`] follows the
//! API's nodes and the host's own interfaces. Nothing is agreed upon between nodes: what one must know of another (its address, its pods'
//! range) is in its object, and the rest is derived from that.

mod before;
mod claims;
mod config;
mod encrypted;
mod entries;
mod gate;
mod guard;
mod holders;
pub(crate) mod interfaces;
mod kept;
mod kernel;
mod mtu;
mod peer;
mod plan;
mod publish;
mod routes;
mod shell;
mod tunnel;
mod without;

#[cfg(test)]
mod tests;

pub use config::{Encryption, NodeRoutesConfig, Transport};
pub use interfaces::HostInterfaces;
pub use kept::KeptNodes;
pub use mtu::pod_mtu;
pub(crate) use plan::is_reachable;
pub use shell::NodeRoutes;
pub(crate) use tunnel::{PORT as TUNNEL_PORT, name as tunnel_name, number as tunnel_number};
