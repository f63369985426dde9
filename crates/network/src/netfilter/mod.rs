//! Netfilter's netlink: elements of nftables sets, and the connections that are tracked. `nft` makes tables; for a single element it
//! takes too long to start, and reads every set that it is to change.

mod attributes;
pub(crate) mod chains;
pub(crate) mod conntrack;
pub(crate) mod elements;
pub(crate) mod entry;
pub(crate) mod kept;
mod socket;
pub(crate) mod steps;
mod structure;
pub(crate) mod tables;
pub(crate) mod watch;

pub(crate) use socket::Netfilter;

#[cfg(test)]
mod tests;
