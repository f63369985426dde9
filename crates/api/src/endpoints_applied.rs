//! How nodes tell which endpoints they send traffic to, so that a pod is told to stop when none of them sends it any.
//!
//! Each node notes on its lease up to which revision of endpoint slices its rules are applied; a controller says in one config map what
//! all have that are ready. Why so: `docs/adr/0004-endpoints-applied.md`.

use std::collections::BTreeMap;

use jiff::Timestamp;
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
const SLOWEST: &str = "slowest";
const SINCE: &str = "since";

/// What a node has noted.
pub fn of_lease(lease: &Lease) -> Option<u64> {
    let annotations = lease.metadata.annotations.as_ref()?;
    annotations.get(ANNOTATION)?.parse().ok()
}

/// What all nodes have that are ready and note it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Everywhere {
    /// The least revision of all of them.
    pub revision: u64,
    /// How many they are: rounded up to a power of two, so that a cluster that grows tells its nodes seldom.
    pub nodes: u64,
    /// A node that is no further. It may be another by now, where this was said only a moment ago.
    pub slowest: String,
}

impl Everywhere {
    /// From the nodes' names and what they have noted.
    pub fn of_nodes<'a>(noted: impl Iterator<Item = (&'a str, u64)>) -> Self {
        let (mut nodes, mut least) = (0, None);
        for (name, revision) in noted {
            nodes += 1;
            let this = (revision, name);
            least = Some(least.map_or(this, |least: (u64, &str)| least.min(this)));
        }
        let (revision, slowest) = least.unwrap_or_default();
        Self {
            revision,
            nodes: match nodes {
                0 => 0_u64,
                nodes => u64::next_power_of_two(nodes),
            },
            slowest: slowest.to_owned(),
        }
    }

    /// As it is read. `None`: it does not say it.
    pub fn read(map: &ConfigMap) -> Option<Self> {
        let data = map.data.as_ref()?;
        let number = |key: &str| data.get(key)?.parse().ok();
        Some(Self {
            revision: number(REVISION)?,
            nodes: number(NODES)?,
            slowest: data.get(SLOWEST).cloned().unwrap_or_default(),
        })
    }

    /// Since when it is said that all are so far.
    pub fn since(map: &ConfigMap) -> Option<Timestamp> {
        map.data.as_ref()?.get(SINCE)?.parse().ok()
    }

    /// As it is written.
    pub fn data(&self, since: Timestamp) -> BTreeMap<String, String> {
        let number = |number: u64| number.to_string();
        [
            (REVISION, number(self.revision)),
            (NODES, number(self.nodes)),
            (SLOWEST, self.slowest.clone()),
            (SINCE, since.to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_node_counts_and_their_number_is_rounded_up() {
        let of = |noted: &[(&str, u64)]| {
            let all = Everywhere::of_nodes(noted.iter().copied());
            (all.revision, all.nodes, all.slowest)
        };
        assert_eq!(of(&[]), (0, 0, String::new()));
        assert_eq!(of(&[("a", 7)]), (7, 1, "a".into()));
        assert_eq!(of(&[("a", 7), ("b", 5)]), (5, 2, "b".into()));
        assert_eq!(of(&[("c", 7), ("a", 9), ("b", 7)]), (7, 4, "b".into()));
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let all = Everywhere {
            revision: 12,
            nodes: 4,
            slowest: "b".into(),
        };
        let since = Timestamp::UNIX_EPOCH;
        let mut map = ConfigMap {
            data: Some(all.data(since)),
            ..ConfigMap::default()
        };
        assert_eq!(Everywhere::read(&map), Some(all));
        assert_eq!(Everywhere::since(&map), Some(since));
        map.data
            .as_mut()
            .unwrap()
            .insert("nodes".into(), "x".into());
        assert_eq!(Everywhere::read(&map), None);
    }
}
