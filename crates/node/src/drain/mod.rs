//! Takes a node's pods away, as `kubectl drain` does: no new ones come, and those there are evicted as their budgets allow.

mod plan;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Node, Pod};
use navarch_api::call::{Body, PatchKind};
use navarch_api::def::Verb;
use navarch_client::{Client, DeleteOptions, Informer, InformerOptions, ListOptions, ObjectKey};
use navarch_machinery::status::StatusError;
use serde_json::json;
use tokio::sync::watch;

pub use plan::Permitted;
use plan::{Plan, daemon_set, name, plan};

/// After an eviction that a budget did not allow.
const RETRY: Duration = Duration::from_secs(5);
/// How many pods are evicted at a time.
const SIDE_BY_SIDE: usize = 32;

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
    let pods = Pods::of(client, node).await;
    let plan = look(client, &pods, options).await?;
    for warning in &plan.warnings {
        tell(&format!("Warning: {warning}"));
    }
    if !plan.refusals.is_empty() {
        return Err(DrainError::Refused(plan.refusals));
    }
    let (all, gone) = (plan.evict.len(), std::sync::atomic::AtomicUsize::new(0));
    let going = futures::stream::iter(&plan.evict).map(|pod| async {
        evict(client, pod, options, tell).await?;
        pods.without(pod).await;
        let number = 1 + gone.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        tell(&format!("pod/{} evicted ({number} of {all})", name(pod)));
        Ok(())
    });
    let mut going = Box::pin(going.buffer_unordered(SIDE_BY_SIDE));
    let all_gone = async {
        let mut first = Ok(());
        while let Some(one) = going.next().await {
            first = first.and(one);
        }
        first
    };
    match options.timeout {
        None => all_gone.await?,
        Some(after) => {
            let left = || pods.left(&plan.evict);
            let timeout = |_| DrainError::Timeout {
                after,
                left: left(),
            };
            tokio::time::timeout(after, all_gone)
                .await
                .map_err(timeout)??;
        }
    }
    tell(&format!("node/{node} drained"));
    Ok(())
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

async fn look(client: &Client, pods: &Pods, options: &DrainOptions) -> Result<Plan, DrainError> {
    let pods: Vec<Arc<Pod>> = pods.informer.snapshot().iter().cloned().collect();
    let mut orphans = Vec::new();
    for pod in &pods {
        let Some(set) = daemon_set(pod) else { continue };
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

/// Returns when the pod has been told to go.
async fn evict(
    client: &Client,
    pod: &Pod,
    options: &DrainOptions,
    tell: &(impl Fn(&str) + Sync),
) -> Result<(), DrainError> {
    let (namespace, own) = (pod.metadata.namespace.as_deref(), name(pod));
    let pod = pod.metadata.name.as_deref().unwrap_or_default();
    if options.disable_eviction {
        tell(&format!("deleting pod {own}"));
        let delete = DeleteOptions {
            grace_period: options.grace_period,
            ..DeleteOptions::default()
        };
        return match client.delete::<Pod>(namespace, pod, delete).await {
            Err(error) if !error.is_not_found() => Err(failed(format!("delete pod {own}"))(error)),
            _ => Ok(()),
        };
    }
    let mut eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace},
    });
    if let Some(seconds) = options.grace_period {
        eviction["deleteOptions"] = json!({"gracePeriodSeconds": seconds});
    }
    loop {
        tell(&format!("evicting pod {own}"));
        let body = Body::Json(eviction.clone());
        let asked = client.subresource::<Pod>(Verb::Create, namespace, pod, "eviction", body);
        match asked.await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) if error.code == 429 => {
                tell(&format!(
                    "pod {own} cannot go yet (will retry after {RETRY:?}): {error}"
                ));
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return Err(failed(format!("evict pod {own}"))(error)),
        }
    }
}

/// The pods that a node has.
struct Pods {
    informer: Informer<Pod>,
    changes: watch::Receiver<()>,
}

impl Pods {
    async fn of(client: &Client, node: &str) -> Self {
        let list = ListOptions {
            field_selector: format!("spec.nodeName={node}"),
            ..ListOptions::default()
        };
        let options = InformerOptions {
            list,
            indices: Vec::new(),
        };
        let informer = Informer::start(client.clone(), options);
        let (changed, changes) = watch::channel(());
        informer.on_change(move |_, _| {
            changed.send_replace(());
        });
        informer.synced().await;
        Self { informer, changes }
    }

    fn has(&self, pod: &Pod) -> bool {
        let there = self.informer.get(&ObjectKey::of(&pod.metadata));
        there.is_some_and(|there| there.metadata.uid == pod.metadata.uid)
    }

    /// Waits until the pod is gone.
    async fn without(&self, pod: &Pod) {
        let mut changes = self.changes.clone();
        // Fails when nothing is heard of pods any more, which does not happen while this is there.
        let _ = changes.wait_for(|()| !self.has(pod)).await;
    }

    fn left(&self, of: &[Arc<Pod>]) -> Vec<String> {
        let left = of.iter().filter(|pod| self.has(pod));
        left.map(|pod| name(pod)).collect()
    }
}

fn failed(what: String) -> impl FnOnce(StatusError) -> DrainError {
    move |source| DrainError::Api { what, source }
}
