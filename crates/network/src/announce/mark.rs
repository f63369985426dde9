//! By which nodes of one cluster know each other's answers from those of strangers. It stands where nobody else looks: behind a message of ARP,
//! where a frame is only filled up, and in an option of neighbour discovery that is kept for such things.

use sha2::{Digest, Sha256};

/// A cluster's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(pub(super) [u8; Mark::OCTETS]);

impl Mark {
    /// With so many behind it a message of ARP is as long as the shortest frame.
    pub(super) const OCTETS: usize = 18;

    /// Of the cluster that is called so by all of its nodes.
    pub(super) fn of(cluster: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(cluster.as_bytes()).into();
        Self(std::array::from_fn(|at| digest[at]))
    }
}
