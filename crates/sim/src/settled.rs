//! Whether a cluster has come to rest, and as it should.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Pod};
use navarch_store::Store;

use crate::cluster::Cluster;
use crate::invariants::{is_ready, replicas};
use crate::witness::{State, Witness};

/// How long a cluster may take that nothing goes wrong in any more: the longest back-off and the time after which nodes that do not answer
/// are given up are in it.
const PATIENCE: Duration = Duration::from_secs(20 * 60);
/// How long those take who saw the last of it late.
const LULL: Duration = Duration::from_secs(60);
/// How long nothing may be written then.
const QUIET: Duration = Duration::from_secs(10 * 60);
/// How often is looked.
const STEP: Duration = Duration::from_secs(1);

impl Cluster {
    /// Waits until everything is as it should be.
    ///
    /// # Errors
    /// What an invariant says, or what is not as it should be after twenty minutes.
    pub async fn settles(&self, witness: &mut Witness) -> Result<(), String> {
        let begun = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(STEP).await;
            witness.look()?;
            if let Some(call) = self.faults.circle() {
                return Err(format!(
                    "{call} is called again and again, and no time passes"
                ));
            }
            match self.unsettled(witness.state()) {
                None => return Ok(()),
                Some(why) if begun.elapsed() > PATIENCE => {
                    let waiting = witness.state().pods.values().filter(|pod| !is_ready(pod));
                    let waiting: Vec<_> = waiting
                        .map(|pod| (&pod.metadata.name, &pod.status))
                        .collect();
                    return Err(format!("{why}\n{waiting:#?}\n{}", witness.story()));
                }
                Some(_) => {}
            }
        }
    }

    /// Looks on, after a minute, for ten minutes in which nothing should be written but signs of life.
    ///
    /// # Errors
    /// What was written.
    pub async fn rests(&self) -> Result<(), String> {
        tokio::time::sleep(LULL).await;
        let before = self.written();
        tokio::time::sleep(QUIET).await;
        let after = self.written();
        let changed = after
            .iter()
            .filter(|(key, at)| before.get(*key) != Some(at));
        let gone = before.keys().filter(|key| !after.contains_key(*key));
        let all: Vec<&String> = changed.map(|(key, _)| key).chain(gone).collect();
        if all.is_empty() {
            return Ok(());
        }
        Err(format!("still written when all had settled: {all:?}"))
    }

    /// The revision of every object that does not live by being written.
    fn written(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        self.store.snapshot().scan("", None, &mut |entry| {
            let key = entry.key.to_string();
            // Leases and a node's status are signs of life; events are about what has been, and expire.
            let alive = ["leases.", "nodes/", "events/", "events."];
            if !alive.iter().any(|bucket| key.starts_with(bucket)) {
                all.insert(key, entry.modified);
            }
            true
        });
        all
    }

    /// What is not as it should be.
    fn unsettled(&self, state: &State) -> Option<String> {
        let deployments = state.deployments.values();
        let nodes = state.nodes.values();
        let of_api = deployments.filter_map(|deployment| incomplete(deployment));
        let of_nodes = nodes.filter_map(|node| not_ready(node));
        let left = state
            .pods
            .values()
            .find(|pod| pod.metadata.deletion_timestamp.is_some());
        let left = left.map(|pod| format!("pod {:?} has not gone", pod.metadata.name));
        let machines = self.nodes.iter().filter_map(|node| {
            let here = |pod: &&std::sync::Arc<Pod>| {
                pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(&node.name)
            };
            let pods = state.pods.values().filter(here);
            let wanted = pods.filter(|pod| is_ready(pod)).count();
            let machine = &node.machine;
            let (sandboxes, running, attached) =
                (machine.sandboxes().len(), machine.running().len(), machine.attached());
            let same = sandboxes == wanted && running == wanted && attached == wanted;
            (!same).then(|| {
                format!(
                    "{} has {wanted} pods that serve, {sandboxes} sandboxes, {running} containers, {attached} addresses",
                    node.name
                )
            })
        });
        of_api.chain(of_nodes).chain(left).chain(machines).next()
    }
}

fn incomplete(deployment: &Deployment) -> Option<String> {
    let (status, wanted) = (
        deployment.status.clone().unwrap_or_default(),
        replicas(deployment),
    );
    let count = |count: Option<i32>| count.unwrap_or(0) == wanted;
    let done = status.observed_generation == deployment.metadata.generation
        && count(status.replicas)
        && count(status.updated_replicas)
        && count(status.available_replicas)
        && deployment.metadata.deletion_timestamp.is_none();
    (!done).then(|| format!("deployment {:?}: {status:?}", deployment.metadata.name))
}

fn not_ready(node: &Node) -> Option<String> {
    let conditions = node
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    let ready =
        conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let tainted = node.spec.as_ref().is_some_and(|spec| spec.taints.is_some());
    (!ready || tainted).then(|| format!("node {:?} is not ready", node.metadata.name))
}
