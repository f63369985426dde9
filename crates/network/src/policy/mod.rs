//! Network policies: which packets pods may get and send, as nftables look-ups that cost the same for one policy and for thousands.
//!
//! Pure: [`compiled`] reads a NetworkPolicy, [`plan`] says what all of them are on this node, as elements of maps and sets
//! ([`element`]), and [`verdict`] what those elements say of a connection. The tables ([`layout`], [`chains`]) have the same rules whatever
//! there is. [`kernel`] applies the elements by netlink, [`shell`] follows the API, and [`policies`] is what the node asks before it
//! lets a pod begin.

mod blocks;
mod bounds;
mod chains;
mod compiled;
mod cuts;
mod dns;
mod element;
mod encode;
mod id;
mod kernel;
mod layout;
mod local;
mod plan;
mod pods;
mod policies;
mod ports;
mod shell;
mod verdict;

pub use local::PodName;
pub use policies::{NetworkPolicies, NetworkPoliciesConfig};

#[cfg(test)]
mod tests;
