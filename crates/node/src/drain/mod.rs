//! Takes a node's pods away, as `kubectl drain` does: no new ones come, and those there are evicted as their budgets allow.

mod evict;
mod plan;
mod pods;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Node, Pod};
use navarch_api::call::PatchKind;
use navarch_client::{Client, DeleteOptions};
use navarch_machinery::status::StatusError;
use serde_json::json;

use evict::Evictions;
pub use plan::Permitted;
use plan::{Plan, daemon_set, has_ended, name, plan};
use pods::Pods;

/// How a node is drained.
#[derive(Debug, Clone, Default)]
pub struct DrainOptions {
    /// What may be taken away.
    pub permitted: Permitted,
    /// The seconds that pods get to end; `None` is what each asks for itself.
    pub grace_period: Option<i64>,
    /// The longest that it may take; `None` is for ever.
    pub timeout: Option<Duration>,
    /// Deletes pods, whatever their budgets say.
    pub disable_eviction: bool,
}

/// Why a node is not drained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrainError {
    /// Something would be lost that may not be.
    #[error("{}", .0.join("\n"))]
    Refused(Vec<String>),
    /// The API refused a call.
    #[error("{what}: {source}")]
    Api {
        /// What was attempted, as "evict pod default/a".
        what: String,
        /// What it said.
        source: StatusError,
    },
    /// It took too long. These pods are still there.
    #[error("global timeout reached: {after:?}; still there: {}", .left.join(", "))]
    Timeout {
        /// How long it was allowed to take.
        after: Duration,
        /// Namespace and name of each.
        left: Vec<String>,
    },
}

/// Drains the node, and says what it does, a line each.
///
/// # Errors
/// [`DrainError`]. No new pods come to the node all the same.
pub async fn drain(
    client: &Client,
    node: &str,
    options: &DrainOptions,
    tell: &(impl Fn(&str) + Sync),
) -> Result<(), DrainError> {
    cordon(client, node, tell).await?;
    let going = OnceLock::new();
    let drained = take_away(client, node, options, &going, tell);
    match options.timeout {
        None => drained.await?,
        Some(after) => {
            let timed = tokio::time::timeout(after, drained).await;
            timed.map_err(|_| DrainError::Timeout {
                after,
                left: left(going.get()),
            })??;
        }
    }
    tell(&format!("node/{node} drained"));
    Ok(())
}

/// The pods that are to go.
struct Going {
    all: Vec<Arc<Pod>>,
    /// What is there of them.
    present: Pods,
}

fn left(of: Option<&Going>) -> Vec<String> {
    match of {
        Some(going) => going.present.left(&going.all),
        None => vec!["pods that could not be listed".to_owned()],
    }
}

/// Returns when all are gone that may go.
async fn take_away(
    client: &Client,
    node: &str,
    options: &DrainOptions,
    going: &OnceLock<Going>,
    tell: &(impl Fn(&str) + Sync),
) -> Result<(), DrainError> {
    let plan = look(client, node, options).await?;
    for warning in &plan.warnings {
        tell(&format!("Warning: {warning}"));
    }
    if !plan.refusals.is_empty() {
        return Err(DrainError::Refused(plan.refusals));
    }
    let present = Pods::of(client, node).await;
    let going = going.get_or_init(|| Going {
        all: plan.evict,
        present,
    });
    let evictions = Evictions::new(client, options);
    let (all, gone) = (going.all.len(), AtomicUsize::new(0));
    // Side by side, as many as the node has: one that may not go for now is in nobody's way, who may have to go first.
    let one = |pod| {
        let (evictions, gone) = (&evictions, &gone);
        async move {
            evictions.evict(pod, tell).await?;
            going.present.without(pod).await;
            let number = 1 + gone.fetch_add(1, Ordering::Relaxed);
            tell(&format!("pod/{} evicted ({number} of {all})", name(pod)));
            Ok(())
        }
    };
    let mut leaving: FuturesUnordered<_> = going.all.iter().map(|pod| one(pod)).collect();
    let mut first = Ok(());
    while let Some(left) = leaving.next().await {
        if let (Err(_), Err(another)) = (&first, &left) {
            tell(&format!("error: {another}"));
        }
        first = first.and(left);
    }
    first
}

/// Removes the node from the cluster: its object goes, and with it the other nodes' ways to it.
///
/// # Errors
/// What the API said.
pub async fn remove(
    client: &Client,
    node: &str,
    tell: &(impl Fn(&str) + Sync),
) -> Result<(), DrainError> {
    let deleted = client.delete::<Node>(None, node, DeleteOptions::default());
    deleted
        .await
        .map_err(failed(format!("delete node {node}")))?;
    tell(&format!("node/{node} deleted"));
    Ok(())
}

async fn cordon(
    client: &Client,
    node: &str,
    tell: &(impl Fn(&str) + Sync),
) -> Result<(), DrainError> {
    let found = client.get::<Node>(None, node).await;
    let found = found.map_err(failed(format!("find node {node}")))?;
    let spec = found.spec.as_ref();
    if spec.is_some_and(|spec| spec.unschedulable == Some(true)) {
        tell(&format!("node/{node} already cordoned"));
        return Ok(());
    }
    let patch = json!({"spec": {"unschedulable": true}});
    let patched = client.patch::<Node>(None, node, PatchKind::Strategic, patch);
    patched
        .await
        .map_err(failed(format!("cordon node {node}")))?;
    tell(&format!("node/{node} cordoned"));
    Ok(())
}

async fn look(client: &Client, node: &str, options: &DrainOptions) -> Result<Plan, DrainError> {
    let listed = client.list::<Pod>(&pods::selection(node)).await;
    let listed = listed.map_err(failed(format!("list pods of node {node}")))?;
    let pods = listed.items;
    let mut orphans = Vec::new();
    for pod in &pods {
        let Some(set) = daemon_set(pod).filter(|_| !has_ended(pod)) else {
            continue;
        };
        let namespace = pod.metadata.namespace.as_deref();
        match client.get::<DaemonSet>(namespace, set).await {
            Ok(_) => {}
            Err(error) if error.is_not_found() => orphans.push(name(pod)),
            Err(error) => return Err(failed(format!("find daemon set {set}"))(error)),
        }
    }
    let is_orphan = |pod: &Pod| orphans.contains(&name(pod));
    Ok(plan(pods, options.permitted, is_orphan))
}

fn failed(what: String) -> impl FnOnce(StatusError) -> DrainError {
    move |source| DrainError::Api { what, source }
}
