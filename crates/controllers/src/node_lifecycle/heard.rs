//! When each node was last heard of, by this process' clock: the nodes' own clocks are not trusted.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_client::ObjectKey;

use super::{condition, ready};

/// What nodes and their leases tell of when they were alive.
#[derive(Default)]
pub(super) struct Heard {
    last: imbl::OrdMap<Arc<str>, Timestamp>,
    ready: BTreeSet<Arc<str>>,
}

impl Heard {
    /// By node.
    pub(super) fn last(&self) -> imbl::OrdMap<Arc<str>, Timestamp> {
        self.last.clone()
    }

    /// Takes in that a node came, changed or went. `true`: all nodes must be looked at again, for the first of them is ready after
    /// none was. Then it was rather this part of the cluster that was cut off, and each has its whole grace anew.
    pub(super) fn of_node(
        &mut self,
        now: Timestamp,
        old: Option<&Node>,
        new: Option<&Node>,
    ) -> bool {
        let Some(name) = new.or(old).map(|node| ObjectKey::of(&node.metadata).name) else {
            return false;
        };
        match (old, new) {
            // A node that comes back has time to renew its lease, whatever the last one said.
            (None, Some(_)) => drop(self.last.insert(name.clone(), now)),
            (Some(old), Some(new)) if heartbeat(old) != heartbeat(new) => {
                self.last.insert(name.clone(), now);
            }
            (_, None) => drop(self.last.remove(&name)),
            _ => {}
        }
        let none_was = self.ready.is_empty();
        if new.is_some_and(|node| ready(node) == Some("True")) {
            self.ready.insert(name);
        } else {
            self.ready.remove(&name);
        }
        let ends = none_was && !self.ready.is_empty();
        if ends {
            self.last = self.last.keys().map(|name| (name.clone(), now)).collect();
        }
        ends
    }

    /// Takes in that a node's lease was renewed. `false`: there is no such node, and its lease says nothing.
    pub(super) fn of_lease(&mut self, now: Timestamp, node: &str) -> bool {
        self.last.get_mut(node).map(|at| *at = now).is_some()
    }
}

/// When the node's agent last wrote its status.
fn heartbeat(node: &Node) -> Option<&Time> {
    condition(node, "Ready")?.last_heartbeat_time.as_ref()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;

    fn node(name: &str, ready: &str, heartbeat: i64) -> Node {
        let at = Time(Timestamp::from_second(heartbeat).unwrap());
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
            "status": {"conditions": [{"type": "Ready", "status": ready, "lastHeartbeatTime": at}]},
        }))
        .unwrap()
    }

    #[test]
    fn a_node_is_heard_by_its_status_and_its_lease_and_gone_when_it_goes() {
        let at = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let mut heard = Heard::default();
        heard.of_node(at(1), None, Some(&node("n", "True", 1)));
        // A change that is not the node's own is none of its heartbeats.
        heard.of_node(
            at(2),
            Some(&node("n", "True", 1)),
            Some(&node("n", "True", 1)),
        );
        assert_eq!(heard.last().get("n"), Some(&at(1)));
        heard.of_node(
            at(3),
            Some(&node("n", "True", 1)),
            Some(&node("n", "True", 2)),
        );
        assert_eq!(heard.last().get("n"), Some(&at(3)));
        assert!(heard.of_lease(at(4), "n"));
        assert_eq!(heard.last().get("n"), Some(&at(4)));
        heard.of_node(at(5), Some(&node("n", "True", 2)), None);
        assert!(!heard.of_lease(at(6), "n"));
        assert!(heard.last().is_empty());
    }

    #[test]
    fn the_first_ready_node_after_none_gives_all_their_grace_anew() {
        let at = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let mut heard = Heard::default();
        heard.of_node(at(1), None, Some(&node("a", "Unknown", 1)));
        heard.of_node(at(1), None, Some(&node("b", "Unknown", 1)));
        assert!(heard.of_node(
            at(9),
            Some(&node("a", "Unknown", 1)),
            Some(&node("a", "True", 9))
        ));
        assert_eq!(heard.last().get("b"), Some(&at(9)));
        assert!(!heard.of_node(
            at(10),
            Some(&node("b", "Unknown", 1)),
            Some(&node("b", "True", 10))
        ));
        assert_eq!(heard.last().get("a"), Some(&at(9)));
    }
}
