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

/// How long what nodes note is gathered: many do so at once, and each plan looks at all of them.
const GATHER: Duration = Duration::from_millis(5);

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
        self.leases.on_change(move |old, new| {
            let noted = |lease: Option<&Arc<Lease>>| lease.and_then(|lease| of_lease(lease));
            if noted(old) != noted(new) {
                q.add_after(key(), GATHER);
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

    fn plan(&self, _now: Timestamp, view: &View, _key: &ObjectKey) -> Plan {
        plan(view)
    }
}

fn key() -> ObjectKey {
    ObjectKey::new(NAMESPACE, NAME)
}

fn is_ready(node: Option<&Arc<Node>>) -> bool {
    node.is_some_and(|node| ready(node) == Some("True"))
}

/// A node that is not ready is waited for no more: it may never come back. One that notes nothing has no such rules.
pub fn plan(view: &View) -> Plan {
    let ready = view.nodes.iter().filter(|node| is_ready(Some(node)));
    let noted = ready.filter_map(|node| {
        let name = node.metadata.name.as_deref()?;
        of_lease(view.leases.get(&ObjectKey::new(LEASES, name))?)
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
                data: Some(everywhere.data()),
                ..ConfigMap::default()
            };
            plan.then(Action::create(map).idempotent());
        }
        Some(map) if Everywhere::read(map) != Some(everywhere) => {
            let mut next = (**map).clone();
            next.data = Some(everywhere.data());
            plan.then(Action::update(next));
        }
        _ => {}
    }
    plan
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

    fn map(revision: u64, nodes: u64) -> ConfigMap {
        let data = Everywhere { revision, nodes }.data();
        let metadata = json!({"name": NAME, "namespace": NAMESPACE, "resourceVersion": "1"});
        serde_json::from_value(json!({"metadata": metadata, "data": data})).unwrap()
    }

    /// What is said anew.
    fn said(nodes: Vec<Node>, leases: Vec<Lease>, maps: Vec<ConfigMap>) -> Option<(u64, u64)> {
        let view = View {
            nodes: Snapshot::of(nodes, &[]),
            leases: Snapshot::of(leases, &[]),
            maps: Snapshot::of(maps, &[]),
        };
        let plan = plan(&view);
        let mut said = plan.actions().map(|action| match &action.call.body {
            Body::Object(object) => {
                let map: &ConfigMap = object.as_any().downcast_ref().unwrap();
                let all = Everywhere::read(map).unwrap();
                (all.revision, all.nodes)
            }
            other => panic!("{other:?}"),
        });
        let first = said.next();
        assert_eq!(said.next(), None);
        first
    }

    #[test]
    fn the_slowest_ready_node_that_notes_something_counts() {
        let nodes = || {
            vec![
                node("a", "True"),
                node("b", "True"),
                node("gone", "Unknown"),
                node("other", "True"),
            ]
        };
        let leases = |a, b| {
            vec![
                lease("a", Some(a)),
                lease("b", Some(b)),
                lease("gone", Some("1")),
                lease("other", None),
                lease("none", Some("1")),
            ]
        };
        assert_eq!(said(nodes(), leases("7", "5"), vec![]), Some((5, 2)));
        assert_eq!(said(nodes(), leases("7", "5"), vec![map(5, 2)]), None);
        assert_eq!(
            said(nodes(), leases("7", "8"), vec![map(5, 2)]),
            Some((7, 2))
        );
        assert_eq!(
            said(nodes(), leases("7", "x"), vec![map(5, 2)]),
            Some((7, 1))
        );
    }

    #[test]
    fn where_no_node_notes_anything_nothing_is_made() {
        let nodes = || vec![node("a", "True")];
        assert_eq!(said(nodes(), vec![], vec![]), None);
        assert_eq!(said(nodes(), vec![], vec![map(5, 2)]), Some((0, 0)));
        assert_eq!(said(nodes(), vec![], vec![map(0, 0)]), None);
    }

    #[test]
    fn the_map_that_is_watched_is_the_one_that_is_written() {
        assert_eq!(
            EndpointsApplied::CONFIG_MAP_FIELDS,
            format!("metadata.name={NAME}")
        );
    }
}
