//! Who says that an address is theirs.

use std::net::IpAddr;

use super::Mac;
use super::mark::Mark;

/// Somebody says that an address is at their hardware address: by an answer, or unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) ip: IpAddr,
    pub(super) mac: Mac,
    /// What stands where nodes of a cluster have their mark.
    pub(super) mark: Option<Mark>,
}
