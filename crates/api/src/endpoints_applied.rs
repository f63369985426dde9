//! How nodes tell which endpoints they send traffic to, so that a pod is told to stop when none of them sends it any.
//!
//! Each node notes on its lease up to which revision of endpoint slices its rules are applied; a controller says in one config map what
//! all have that are ready. Why so: `docs/adr/0004-endpoints-applied.md`.

use std::collections::BTreeMap;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::ConfigMap;

/// The annotation of a node's lease.
pub const ANNOTATION: &str = "navarch.dev/endpoints-applied";
/// Where the config map is.
pub const NAMESPACE: &str = "kube-system";
/// What it is called.
pub const NAME: &str = "navarch-endpoints-applied";

const REVISION: &str = "revision";
const NODES: &str = "nodes";

/// What a node has noted.
pub fn of_lease(lease: &Lease) -> Option<u64> {
    let annotations = lease.metadata.annotations.as_ref()?;
    annotations.get(ANNOTATION)?.parse().ok()
}

/// What all nodes have that are ready and note it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Everywhere {
    /// The least revision of all of them.
    pub revision: u64,
    /// How many they are: rounded up to a power of two, so that a cluster that grows tells its nodes seldom.
    pub nodes: u64,
}

impl Everywhere {
    /// From what the nodes have noted.
    pub fn of_nodes(noted: impl Iterator<Item = u64>) -> Self {
        let (mut nodes, mut least) = (0, None);
        for revision in noted {
            nodes += 1;
            least = Some(least.map_or(revision, |least: u64| least.min(revision)));
        }
        Self {
            revision: least.unwrap_or(0),
            nodes: match nodes {
                0 => 0_u64,
                nodes => u64::next_power_of_two(nodes),
            },
        }
    }

    /// As it is read. `None`: it does not say it.
    pub fn read(map: &ConfigMap) -> Option<Self> {
        let data = map.data.as_ref()?;
        let number = |key: &str| data.get(key)?.parse().ok();
        Some(Self {
            revision: number(REVISION)?,
            nodes: number(NODES)?,
        })
    }

    /// As it is written.
    pub fn data(&self) -> BTreeMap<String, String> {
        [(REVISION, self.revision), (NODES, self.nodes)]
            .map(|(key, number)| (key.to_owned(), number.to_string()))
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_node_counts_and_their_number_is_rounded_up() {
        let of = |noted: &[u64]| {
            let all = Everywhere::of_nodes(noted.iter().copied());
            (all.revision, all.nodes)
        };
        assert_eq!(of(&[]), (0, 0));
        assert_eq!(of(&[7]), (7, 1));
        assert_eq!(of(&[7, 5]), (5, 2));
        assert_eq!(of(&[7, 9, 8]), (7, 4));
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let all = Everywhere {
            revision: 12,
            nodes: 4,
        };
        let mut map = ConfigMap {
            data: Some(all.data()),
            ..ConfigMap::default()
        };
        assert_eq!(Everywhere::read(&map), Some(all));
        map.data
            .as_mut()
            .unwrap()
            .insert("nodes".into(), "x".into());
        assert_eq!(Everywhere::read(&map), None);
    }
}
