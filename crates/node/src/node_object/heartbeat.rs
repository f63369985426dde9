//! Registers the node, and tells its status when it changes and every five minutes.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, NodeStatus};
use navarch_machinery::status::StatusError;

use super::conditions::pressure;
use super::machine::Machine;
use super::object::{self, Facts};
use crate::options::NodeOptions;
use crate::worker::{Capacity, Worker};

/// How often the host is looked at, as the kubelet's `nodeStatusUpdateFrequency`.
const LOOK: Duration = Duration::from_secs(10);
/// How often a status is told that did not change, as `nodeStatusReportFrequency`.
const TELL: Duration = Duration::from_secs(300);
/// How often a status is tried on a newer version, as `nodeStatusUpdateRetry`.
const ATTEMPTS: u32 = 5;

/// Makes the Node or brings an old one up to date. `unready`: what keeps it from being ready.
pub(crate) async fn register(
    worker: &Worker,
    machine: &Machine,
    unready: Option<&str>,
) -> Result<Arc<Node>, StatusError> {
    let options = &worker.options;
    *worker.capacity.lock() = Capacity {
        memory: machine.memory,
        allocatable: machine.allocatable(options),
        labels: object::labels(options),
    };
    let images = worker.runtime.list_images().await.unwrap_or_default();
    let facts = Facts {
        options,
        machine,
        images: &images,
        pressure: pressure(options),
        unready,
        now: worker.clock.now(),
    };
    let fresh = object::new_node(options, object::status(None, &facts));
    match worker.client.create(fresh).await {
        Err(error) if error.is_already_exists() => {}
        answer => return answer,
    }
    let mut node = refresh(worker).await?;
    // Whoever wants logs now must find this process, not the last one. The rest of the status waits until all parts of the node stand.
    for _ in 1..ATTEMPTS {
        let mut next = (*node).clone();
        object::set_whereabouts(next.status.get_or_insert_default(), options);
        if next == *node {
            break;
        }
        match worker.client.update_status(next).await {
            Err(error) if error.is_conflict() => {
                node = worker.client.get::<Node>(None, &options.name).await?;
            }
            answer => return answer,
        }
    }
    Ok(node)
}

/// Has a Node that is there say what this node says of itself. Others change it meanwhile, as who taints it does: then it is tried on what they made of it.
async fn refresh(worker: &Worker) -> Result<Arc<Node>, StatusError> {
    let mut attempt = 1;
    loop {
        let old = worker
            .client
            .get::<Node>(None, &worker.options.name)
            .await?;
        let node = refreshed(&old, &worker.options);
        if node == *old {
            return Ok(old);
        }
        match worker.client.update(node).await {
            Err(error) if error.is_conflict() && attempt < ATTEMPTS => attempt += 1,
            answer => return answer,
        }
    }
}

fn refreshed(old: &Node, options: &NodeOptions) -> Node {
    let mut node = old.clone();
    // What it was told to give itself it gave itself when it was new, and may have been changed since.
    node.metadata
        .labels
        .get_or_insert_default()
        .append(&mut object::usual_labels(options));
    node.metadata
        .annotations
        .get_or_insert_default()
        .append(&mut options.annotations.clone());
    if let (Some(cidr), Some(spec)) = (&options.pod_cidr, node.spec.as_mut())
        && spec.pod_cidr.is_none()
    {
        spec.pod_cidr = Some(cidr.clone());
        spec.pod_cidrs = Some(vec![cidr.clone()]);
    }
    node
}

/// Tells the status for ever, and at once when the node is elsewhere.
pub(crate) async fn heartbeat(worker: Arc<Worker>, machine: Machine) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut told: Option<(NodeStatus, tokio::time::Instant)> = None;
    let mut addresses = worker.options.addresses.clone();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            // Others send to where its object says, and its pods say where it is, too.
            () = addresses.changed() => worker.resync(),
        }
        let why = unready(&worker).await;
        for attempt in 1..=ATTEMPTS {
            match tell(&worker, &machine, why.as_deref(), &mut told).await {
                Ok(()) => break,
                // A controller was faster.
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => {}
                Err(error) => {
                    tracing::warn!(%error, "the node's status could not be told");
                    break;
                }
            }
        }
    }
}

/// What keeps the node from being ready: a runtime or a network that does not answer, as the kubelet says it.
pub(crate) async fn unready(worker: &Worker) -> Option<String> {
    let runtime = worker.runtime.list_sandboxes().await.err();
    let network = worker.network.ready().await.err();
    explain(
        runtime.map(|e| e.to_string()),
        network.map(|e| e.to_string()),
    )
}

/// From what runtime and network complain of.
fn explain(runtime: Option<String>, network: Option<String>) -> Option<String> {
    let runtime = runtime.map(|error| format!("container runtime is down: {error}"));
    let network = network.map(|error| {
        format!("container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:{error}")
    });
    match (runtime, network) {
        (Some(one), Some(other)) => Some(format!("[{one}, {other}]")),
        (one, other) => one.or(other),
    }
}

async fn tell(
    worker: &Worker,
    machine: &Machine,
    unready: Option<&str>,
    told: &mut Option<(NodeStatus, tokio::time::Instant)>,
) -> Result<(), StatusError> {
    let options = &worker.options;
    let images = worker.runtime.list_images().await.unwrap_or_default();
    let facts = Facts {
        options,
        machine,
        images: &images,
        pressure: pressure(options),
        unready,
        now: worker.clock.now(),
    };
    // Not there: it was removed, and is to stay so. The next start registers it again.
    let node = worker.client.get::<Node>(None, &options.name).await?;
    let next = object::status(node.status.as_ref(), &facts);
    let as_told = told
        .as_ref()
        .is_some_and(|(last, at)| same(last, &next) && at.elapsed() < TELL);
    if as_told
        && node
            .status
            .as_ref()
            .is_some_and(|present| same(present, &next))
    {
        return Ok(());
    }
    let mut node = (*node).clone();
    node.status = Some(next.clone());
    worker.client.update_status(node).await?;
    *told = Some((next, tokio::time::Instant::now()));
    Ok(())
}

/// Equal but for the time of the heartbeat.
fn same(a: &NodeStatus, b: &NodeStatus) -> bool {
    let still = |status: &NodeStatus| {
        let mut status = status.clone();
        for condition in status.conditions.iter_mut().flatten() {
            condition.last_heartbeat_time = None;
        }
        status
    };
    still(a) == still(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that ran with another pod network, say.
    #[test]
    fn a_node_says_anew_what_an_earlier_one_said_otherwise() {
        let mut options = NodeOptions::new("n", [192, 0, 2, 1].into(), "/nowhere".into());
        options.annotations = [("whose".to_owned(), "mine".to_owned())].into();
        let mut old = Node::default();
        let said = [("whose", "theirs"), ("other", "stays")];
        let said = said.map(|(key, value)| (key.to_owned(), value.to_owned()));
        old.metadata.annotations = Some(said.into());
        let new = refreshed(&old, &options);
        let said = new.metadata.annotations.clone().unwrap();
        assert_eq!((&*said["whose"], &*said["other"]), ("mine", "stays"));
        assert_eq!(refreshed(&new, &options), new);
    }

    #[test]
    fn a_node_without_runtime_or_network_says_so() {
        let why = |text: &str| Some(text.to_owned());
        assert_eq!(explain(None, None), None);
        assert_eq!(
            explain(why("x"), None).unwrap(),
            "container runtime is down: x"
        );
        let network = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:y";
        assert_eq!(explain(None, why("y")).unwrap(), network);
        assert_eq!(
            explain(why("x"), why("y")).unwrap(),
            format!("[container runtime is down: x, {network}]")
        );
    }
}
