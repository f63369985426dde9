//! Which nodes packets were encrypted for last, in a file: so that a start while the API is away goes on with them.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use ipnet::IpNet;
use navarch_machinery::ranges::Ranges;
use serde::{Deserialize, Serialize};

use super::holders::Holders;
use super::plan::Plan;
use crate::kept_file;
use crate::wireguard::{Peer, Peers, PublicKey};

/// What the API said last, as far as encrypted ways are made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptNodes {
    /// Where this node's own pods are.
    pub pod_cidrs: Ranges,
    /// The largest packet of its pods.
    pub mtu: u32,
    nodes: Vec<KeptNode>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptNode {
    name: String,
    public_key: String,
    endpoint: SocketAddr,
    ranges: Vec<IpNet>,
}

impl KeptNodes {
    /// From the file; `None` where there is none that could be used.
    pub fn read(path: &Path) -> Option<Self> {
        kept_file::read(path)
    }

    /// Of a plan.
    pub(super) fn of(pod_cidrs: Ranges, mtu: u32, plan: &Plan) -> Self {
        let node = |(key, peer): (&PublicKey, &Peer)| {
            Some(KeptNode {
                name: plan.holders.get(key)?.clone(),
                public_key: key.to_string(),
                endpoint: peer.endpoint,
                ranges: peer.ranges.iter().copied().collect(),
            })
        };
        Self {
            pod_cidrs,
            mtu,
            nodes: plan.encrypted.iter().filter_map(node).collect(),
        }
    }

    /// Replaces the file.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        kept_file::write(path, self)
    }

    /// The ways that there were.
    pub(super) fn plan(&self) -> Plan {
        let (mut encrypted, mut holders) = (Peers::new(), Holders::new());
        for node in &self.nodes {
            if let Ok(key) = node.public_key.parse() {
                let peer = Peer {
                    endpoint: node.endpoint,
                    ranges: node.ranges.iter().copied().collect(),
                };
                encrypted.insert(key, peer);
                holders.insert(key, node.name.clone());
            }
        }
        Plan {
            encrypted,
            holders,
            ..Plan::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_kept_is_found_again_by_its_owner() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("wireguard.nodes");
        assert_eq!(KeptNodes::read(&path), None);
        let key = PublicKey([3; 32]);
        let peer = Peer {
            endpoint: "[fd01::2]:51820".parse().unwrap(),
            ranges: ["10.244.1.0/24", "fd00:1:0:1::/64"]
                .map(|range| range.parse().unwrap())
                .into(),
        };
        let plan = Plan {
            encrypted: [(key, peer)].into(),
            holders: [(key, "b".to_owned())].into(),
            ..Plan::default()
        };
        let kept = KeptNodes::of("10.244.0.0/24".parse().unwrap(), 1440, &plan);
        kept.write(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let read = KeptNodes::read(&path).unwrap();
        assert_eq!((&read, read.plan()), (&kept, plan));
        std::fs::write(&path, "{").unwrap();
        assert_eq!(KeptNodes::read(&path), None);
    }
}
