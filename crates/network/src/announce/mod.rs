//! Answers for the addresses of load balancers on the segments that this node is on (see [`navarch_api::segment_addresses`]): one node for
//! each address, with its own hardware address. No interface has such an address: what comes for it is led on by the tables of services.
//!
//! [`plan`] says purely for which addresses this node is the one. All nodes come to the same answer without asking each other: it is the
//! first by a digest of address and node, of those that are ready, on the segment, and have endpoints where the traffic is to stay on its
//! node. [`arp`] and [`ndp`] are what is asked and answered, as octets; [`voice`] asks and answers on one interface; [`shell`] follows the
//! API and the host's interfaces. [`doubt`] is what becomes of it while the API is not heard.

mod arp;
mod doubt;
mod groups;
mod interfaces;
mod ndp;
mod packets;
mod plan;
mod shell;
mod voice;

#[cfg(test)]
mod tests;

pub use shell::{Announcer, AnnouncerConfig};

/// A hardware address of Ethernet.
type Mac = [u8; 6];
/// Every host of a segment.
const EVERYBODY: Mac = [0xff; 6];
