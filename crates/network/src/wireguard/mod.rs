//! WireGuard: one device that carries packets to the pods of other nodes, encrypted for the node whose they are.
//!
//! [`keys`] are what a node is known by, [`told`] what it says of itself in its object. [`device`] is the kernel's device where the kernel has
//! them ([`kernel`], by [`generic`] netlink), and this program's otherwise ([`user`]). Both have the same peers: a node each, at the address
//! that its object has, for the ranges of its pods and no others.

pub(crate) mod device;
mod generic;
mod kernel;
mod keys;
mod link;
mod peers;
pub(crate) mod told;
mod user;

#[cfg(test)]
mod tests;

/// Octets that are put around a packet: WireGuard 32, UDP 8, IPv4 20.
pub(crate) const OVERHEAD_V4: u32 = 60;
/// The same where the nodes' addresses are of IPv6, whose head has 40.
pub(crate) const OVERHEAD_V6: u32 = 80;

pub(crate) use device::Provider;
pub use keys::{PrivateKey, PublicKey};
pub(crate) use link::{name, remove};
pub(crate) use peers::{Peer, Peers};
