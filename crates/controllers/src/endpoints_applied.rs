//! Says up to which revision of endpoint slices the rules of all nodes are applied. Nodes wait for that before they tell a pod's
//! containers to stop.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Node};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_api::endpoints_applied::{Everywhere, NAME, NAMESPACE, of_lease};
use navarch_client::{Informer, ObjectKey, Queue, Snapshot};

use crate::node_lifecycle::{LEASES, ready};
use crate::{Action, Controller, Plan, Watched};

/// How long what nodes note is gathered, at the least: many do so at once, and each plan looks at all of them.
const GATHER: Duration = Duration::from_millis(5);
/// And for each node there is, for all of them are told what comes of it: 20,000 times in a second at most.
const GATHER_FOR_EACH: Duration = Duration::from_micros(50);
/// Whoever is no further after so long is the one that others wait for.
const STANDS: Duration = Duration::from_secs(3);

/// The controller. It has one key.
pub struct EndpointsApplied {
    /// Nodes.
    pub nodes: Informer<Node>,
    /// Leases in [`LEASES`].
    pub leases: Informer<Lease>,
    /// The config map that says it.
    pub maps: Informer<ConfigMap>,
}

/// What a plan looks at.
pub struct View {
    /// Nodes.
    pub nodes: Snapshot<Node>,
    /// Their leases.
    pub leases: Snapshot<Lease>,
    /// The config map that says it.
    pub maps: Snapshot<ConfigMap>,
}

impl EndpointsApplied {
    /// Which config map the informer needs to hold, of the namespace `kube-system`.
    pub const CONFIG_MAP_FIELDS: &'static str = "metadata.name=navarch-endpoints-applied";
}

impl Controller for EndpointsApplied {
    const NAME: &'static str = "endpoints-applied-controller";
    const ACCOUNT: &'static str = "endpoints-applied-controller";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.nodes.on_change(move |old, new| {
            if is_ready(old) != is_ready(new) {
                q.add_after(key(), GATHER);
            }
        });
        let q = queue.clone();
        let nodes = self.nodes.clone();
        self.leases.on_change(move |old, new| {
            let noted = |lease: Option<&Arc<Lease>>| lease.and_then(|lease| of_lease(lease));
            if noted(old) != noted(new) {
                q.add_after(key(), gather(nodes.snapshot().len()));
            }
        });
        let q = queue.clone();
        self.maps.on_change(move |_, _| q.add_after(key(), GATHER));
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.nodes, &self.leases, &self.maps]
    }

    fn view(&self) -> View {
        View {
            nodes: self.nodes.snapshot(),
            leases: self.leases.snapshot(),
            maps: self.maps.snapshot(),
        }
    }

    fn plan(&self, now: Timestamp, view: &View, _key: &ObjectKey) -> Plan {
        plan(now, view)
    }
}

fn key() -> ObjectKey {
    ObjectKey::new(NAMESPACE, NAME)
}

fn is_ready(node: Option<&Arc<Node>>) -> bool {
    node.is_some_and(|node| ready(node) == Some("True"))
}

/// How long it is gathered what so many nodes note.
fn gather(nodes: usize) -> Duration {
    let for_all = GATHER_FOR_EACH.saturating_mul(u32::try_from(nodes).unwrap_or(u32::MAX));
    GATHER.max(for_all)
}

/// A node that is not ready is waited for no more: it may never come back. One that notes nothing has no such rules.
pub fn plan(now: Timestamp, view: &View) -> Plan {
    let ready = view.nodes.iter().filter(|node| is_ready(Some(node)));
    let noted = ready.filter_map(|node| {
        let name = node.metadata.name.as_deref()?;
        let lease = view.leases.get(&ObjectKey::new(LEASES, name))?;
        Some((name, of_lease(lease)?))
    });
    let everywhere = Everywhere::of_nodes(noted);
    let mut plan = Plan::nothing();
    match view.maps.get(&key()) {
        None if everywhere.nodes > 0 => {
            let metadata = ObjectMeta {
                namespace: Some(NAMESPACE.to_owned()),
                name: Some(NAME.to_owned()),
                ..ObjectMeta::default()
            };
            let map = ConfigMap {
                metadata,
                data: Some(everywhere.data(now)),
                ..ConfigMap::default()
            };
            plan.then(Action::create(map).idempotent());
        }
        Some(map) => say_again(&mut plan, now, map, &everywhere),
        _ => {}
    }
    plan
}

/// What all have is said whenever it changes; who alone is the slowest only when it has been so for a while, for while pods end that is another
/// at each moment.
fn say_again(plan: &mut Plan, now: Timestamp, map: &ConfigMap, everywhere: &Everywhere) {
    let said = Everywhere::read(map);
    if said.as_ref() == Some(everywhere) {
        return;
    }
    let is_same =
        |said: &Everywhere| (said.revision, said.nodes) == (everywhere.revision, everywhere.nodes);
    let mut since = now;
    if said.as_ref().is_some_and(is_same)
        && let Some(known) = Everywhere::since(map)
    {
        let stands = known.checked_add(STANDS).unwrap_or(now);
        if stands > now {
            // No later than if it had only been said now: a clock may have been wrong.
            plan.wake_at(stands.min(now.checked_add(STANDS).unwrap_or(now)));
            return;
        }
        since = known;
    }
    let mut next = map.clone();
    next.data = Some(everywhere.data(since));
    plan.then(Action::update(next));
}

#[cfg(test)]
mod tests {
    use navarch_api::call::Body;
    use navarch_api::endpoints_applied::ANNOTATION;
    use serde_json::json;

    use super::*;

    fn node(name: &str, ready: &str) -> Node {
        let ready = json!([{"type": "Ready", "status": ready}]);
        serde_json::from_value(json!({"metadata": {"name": name}, "status": {"conditions": ready}}))
            .unwrap()
    }

    fn lease(name: &str, noted: Option<&str>) -> Lease {
        let annotations = noted.map(|noted| json!({ANNOTATION: noted}));
        let metadata = json!({"name": name, "namespace": LEASES, "annotations": annotations});
        serde_json::from_value(json!({"metadata": metadata})).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn map((revision, nodes, slowest): (u64, u64, &str)) -> ConfigMap {
        let slowest = slowest.to_owned();
        let data = Everywhere {
            revision,
            nodes,
            slowest,
        }
        .data(at(0));
        let metadata = json!({"name": NAME, "namespace": NAMESPACE, "resourceVersion": "1"});
        serde_json::from_value(json!({"metadata": metadata, "data": data})).unwrap()
    }

    /// What is said anew, and when it is looked again.
    fn said(
        second: i64,
        nodes: Vec<Node>,
        leases: Vec<Lease>,
        maps: Vec<ConfigMap>,
    ) -> (Option<(u64, u64, String)>, Option<Timestamp>) {
        let view = View {
            nodes: Snapshot::of(nodes, &[]),
            leases: Snapshot::of(leases, &[]),
            maps: Snapshot::of(maps, &[]),
        };
        let plan = plan(at(second), &view);
        let mut said = plan.actions().map(|action| match &action.call.body {
            Body::Object(object) => {
                let map: &ConfigMap = object.as_any().downcast_ref().unwrap();
                let all = Everywhere::read(map).unwrap();
                (all.revision, all.nodes, all.slowest)
            }
            other => panic!("{other:?}"),
        });
        let first = said.next();
        assert_eq!(said.next(), None);
        drop(said);
        (first, plan.wake)
    }

    fn nodes() -> Vec<Node> {
        vec![
            node("a", "True"),
            node("b", "True"),
            node("gone", "Unknown"),
            node("other", "True"),
        ]
    }

    fn leases(a: &str, b: &str) -> Vec<Lease> {
        vec![
            lease("a", Some(a)),
            lease("b", Some(b)),
            lease("gone", Some("1")),
            lease("other", None),
            lease("none", Some("1")),
        ]
    }

    #[test]
    fn the_slowest_ready_node_that_notes_something_counts() {
        let said = |a, b, maps| said(0, nodes(), leases(a, b), maps).0;
        let by_b = || vec![map((5, 2, "b"))];
        assert_eq!(said("7", "5", vec![]), Some((5, 2, "b".into())));
        assert_eq!(said("7", "5", by_b()), None);
        assert_eq!(said("7", "8", by_b()), Some((7, 2, "a".into())));
        assert_eq!(said("7", "x", by_b()), Some((7, 1, "a".into())));
    }

    #[test]
    fn who_is_slowest_is_said_when_it_is_so_for_a_while() {
        let said = |second| said(second, nodes(), leases("7", "5"), vec![map((5, 2, "a"))]);
        assert_eq!(said(0), (None, Some(at(3))));
        assert_eq!(said(3), (Some((5, 2, "b".into())), None));
    }

    #[test]
    fn where_no_node_notes_anything_nothing_is_made() {
        let nodes = || vec![node("a", "True")];
        let said = |maps| said(0, nodes(), vec![], maps).0;
        assert_eq!(said(vec![]), None);
        assert_eq!(said(vec![map((5, 2, "a"))]), Some((0, 0, String::new())));
        assert_eq!(said(vec![map((0, 0, ""))]), None);
    }

    /// All nodes are told each time.
    #[test]
    fn the_more_nodes_there_are_the_longer_it_is_gathered() {
        assert_eq!(gather(3), GATHER);
        assert_eq!(gather(5000), Duration::from_millis(250));
    }

    #[test]
    fn the_map_that_is_watched_is_the_one_that_is_written() {
        assert_eq!(
            EndpointsApplied::CONFIG_MAP_FIELDS,
            format!("metadata.name={NAME}")
        );
    }
}
