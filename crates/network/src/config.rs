//! What a node's pod network is made of.

use std::{net::IpAddr, num::NonZeroU16, path::PathBuf};

use ipnet::IpNet;
use navarch_machinery::ranges::Ranges;
use sha2::{Digest, Sha256};

use crate::Error;

/// The longest name Linux gives an interface, without the closing zero.
const MAX_INTERFACE_NAME: usize = 15;
/// The least an IPv6 link must carry; also the least that is of use to IPv4.
pub(crate) const MIN_MTU: u32 = 1280;
pub(crate) const MAX_MTU: u32 = 65_535;

/// A node's pod network. Nodes that share a network namespace need a bridge, a table, a pod CIDR and a state directory each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The name of the bridge the pods are attached to.
    pub bridge: String,
    /// The addresses of this node's pods, of one family or of both; the first of each is the bridge's own.
    pub pod_cidrs: Ranges,
    /// Where pods are in the whole cluster: traffic to there keeps the pod's address.
    pub cluster_cidrs: Vec<IpNet>,
    /// The largest packet in octets, on the bridge and in the pods.
    pub mtu: u32,
    /// A directory of this network's own, for one small file a pod. Made if it is not there.
    pub state_dir: PathBuf,
    /// The nftables table (family `inet`) that holds the rules; whatever else is in it goes.
    pub table: String,
    /// The UDP port of this host that other nodes' encrypted packets come to, where they are encrypted: it is no pod's, and what goes to other
    /// nodes' pods comes from this node's.
    pub wireguard_port: Option<NonZeroU16>,
    /// The network namespace the bridge is in; `None` is the one of the calling thread.
    pub netns: Option<PathBuf>,
}

impl Config {
    /// The names and sizes a machine with one node uses.
    pub fn new(pod_cidrs: Ranges, cluster_cidrs: Vec<IpNet>, state_dir: PathBuf) -> Self {
        Self {
            bridge: "navarch0".to_owned(),
            pod_cidrs,
            cluster_cidrs,
            mtu: 1500,
            state_dir,
            table: "navarch".to_owned(),
            wireguard_port: None,
            netns: None,
        }
    }

    /// Refuses what the kernel or `nft` would refuse later, or take for something else.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |what: String| Err(Error::InvalidConfig(what));
        if !is_interface_name(&self.bridge) {
            return refuse(format!("bridge {:?} is not an interface name", self.bridge));
        }
        if !is_table_name(&self.table) {
            return refuse(format!("table {:?} is not a table name", self.table));
        }
        if !(MIN_MTU..=MAX_MTU).contains(&self.mtu) {
            return refuse(format!(
                "mtu {} is not within {MIN_MTU}..={MAX_MTU}",
                self.mtu
            ));
        }
        Ok(())
    }
}

/// The hardware address that goes with an IP address: `0a:58` (locally administered) and its last four octets. Derived, so that
/// a neighbour's cache stays right when an address moves to another pod of the node.
pub(crate) fn mac_address(ip: IpAddr) -> [u8; 6] {
    let [a, b, c, d] = match ip {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(ip) => {
            let [.., a, b, c, d] = ip.octets();
            [a, b, c, d]
        }
    };
    [0x0a, 0x58, a, b, c, d]
}

/// The name of an interface that goes with another, of which it says what it is for.
pub(crate) fn interface_beside(other: &str, what: &str) -> String {
    let name = format!("{other}-{what}");
    if name.len() <= MAX_INTERFACE_NAME {
        return name;
    }
    let digest = Sha256::digest(other.as_bytes());
    let hex: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut name = format!("{what}-{hex}");
    name.truncate(MAX_INTERFACE_NAME);
    name
}

/// Whether it is a name that an interface may have, and that means nothing else to `nft`.
pub(crate) fn is_interface_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_INTERFACE_NAME
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

fn is_table_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new(
            "10.244.0.0/24".parse().unwrap(),
            Vec::new(),
            "/nowhere".into(),
        )
    }

    #[test]
    fn names_that_could_mean_something_else_are_refused() {
        assert!(config().validate().is_ok());
        for bridge in ["", ".", "a/b", "sixteen-letters-", "a b", "x\0"] {
            let config = Config {
                bridge: bridge.to_owned(),
                ..config()
            };
            assert!(
                matches!(config.validate(), Err(Error::InvalidConfig(_))),
                "{bridge:?}"
            );
        }
        for table in ["", "a b", "x; flush ruleset", "1a", "x}\n"] {
            let config = Config {
                table: table.to_owned(),
                ..config()
            };
            assert!(
                matches!(config.validate(), Err(Error::InvalidConfig(_))),
                "{table:?}"
            );
        }
        for mtu in [0, 1279, 65_536] {
            assert!(Config { mtu, ..config() }.validate().is_err(), "{mtu}");
        }
    }

    #[test]
    fn hardware_addresses_follow_addresses() {
        assert_eq!(
            mac_address("10.244.0.7".parse().unwrap()),
            [0x0a, 0x58, 10, 244, 0, 7]
        );
        assert_eq!(
            mac_address("fd00::1:2".parse().unwrap()),
            [0x0a, 0x58, 0, 1, 0, 2]
        );
    }
}
