//! Carries a check out, by calls to the API.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, Service};
use navarch_client::{Client, Clock as _, DeleteOptions, ListOptions, SystemClock};
use navarch_machinery::status::StatusError;

use super::objects::{self, LABEL};
use super::plan;
use super::pods::Pods;
use super::report::Report;
use super::state::{findings, has_ended, is_ready, state};
use super::task::Target;

/// How many pods are made at a time.
const SIDE_BY_SIDE: usize = 32;
/// Namespaces that are so old are nobody's any more: no check takes so long.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// How a check is made.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// Only these nodes; all, where none is named.
    pub nodes: Vec<String>,
    /// The image whose program has the commands `net answer` and `net ask`.
    pub image: String,
    /// How long the pods may take to answer, and again to ask.
    pub timeout: Duration,
}

/// Why a check could not be made. What it found wrong is in its report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The API refused a call.
    #[error("{what}: {source}")]
    Api {
        /// What was attempted, as "create pod".
        what: &'static str,
        /// What it said.
        source: StatusError,
    },
    /// What is to be sent is none of the API's objects.
    #[error("an object of the check: {0}")]
    Object(#[from] serde_json::Error),
}

fn failed(what: &'static str) -> impl FnOnce(StatusError) -> CheckError {
    move |source| CheckError::Api { what, source }
}

/// Makes a check, and says what it does, a line each. What it has made is gone when this returns: when `stop` comes first, too, and then the report
/// has what was found until then.
///
/// # Errors
/// [`CheckError`].
pub async fn run(
    client: &Client,
    options: &CheckOptions,
    stop: impl Future<Output = ()>,
    tell: &(impl Fn(&str) + Sync),
) -> Result<Report, CheckError> {
    forget(client).await?;
    let namespace = client.create(objects::namespace()?).await;
    let namespace = namespace.map_err(failed("create a namespace"))?;
    let name = namespace.metadata.name.clone().unwrap_or_default();
    let mut report = Report::default();
    let check = Check {
        client,
        options,
        namespace: &name,
        tell,
    };
    let checked = tokio::select! {
        checked = check.all(&mut report) => checked,
        () = stop => Ok(()),
    };
    let deleted = client.delete::<Namespace>(None, &name, DeleteOptions::default());
    let deleted = deleted.await.map_err(failed("delete the namespace"));
    checked.and(deleted).map(|()| report)
}

/// Deletes what a check has left that was killed.
async fn forget(client: &Client) -> Result<(), CheckError> {
    let list = ListOptions {
        label_selector: LABEL.to_owned(),
        ..ListOptions::default()
    };
    let left = client.list::<Namespace>(&list).await;
    for namespace in left.map_err(failed("list namespaces"))?.items {
        let made = namespace.metadata.creation_timestamp.as_ref();
        let age = made.map(|made| SystemClock.now().duration_since(made.0));
        if age.is_some_and(|age| age.unsigned_abs() > FORGOTTEN)
            && let Some(name) = &namespace.metadata.name
        {
            let deleted = client.delete::<Namespace>(None, name, DeleteOptions::default());
            deleted.await.map_err(failed("delete a namespace"))?;
        }
    }
    Ok(())
}

struct Check<'a, T> {
    client: &'a Client,
    options: &'a CheckOptions,
    namespace: &'a str,
    tell: &'a T,
}

impl<T: Fn(&str) + Sync> Check<'_, T> {
    async fn all(&self, report: &mut Report) -> Result<(), CheckError> {
        let nodes = self.client.list::<Node>(&ListOptions::default()).await;
        let nodes = nodes.map_err(failed("list nodes"))?.items;
        let chosen = plan::choose(&nodes, &self.options.nodes);
        for why in chosen.failures {
            report.fail(why);
        }
        let service = self.set_up().await?;
        let api = self.client.get::<Service>(Some("default"), "kubernetes");
        let api = api.await.map_err(failed("get the API server's service"))?;
        let pods = Pods::follow(self.client, self.namespace);
        let nodes = chosen.nodes;
        (self.tell)(&format!(
            "a pod that answers on each of {} nodes",
            nodes.len()
        ));
        let answerers = nodes
            .iter()
            .map(|node| objects::answerer(self.namespace, &node.name, &self.options.image));
        let answerers = self.make(answerers.collect::<Result<_, _>>()?).await?;
        let answerers = self.wait(&pods, &answerers, is_ready).await;
        let targets: Vec<Vec<Target>> = answerers.iter().map(|pod| plan::answers_at(pod)).collect();
        self.complain(report, "answers", &answerers, is_ready);
        if nodes.len() > plan::ASKED {
            let asked = plan::ASKED;
            (self.tell)(&format!(
                "there are many nodes: from each the next {asked} are asked"
            ));
        }
        (self.tell)("asking from each node, and from a pod on it");
        let tasks = plan::tasks(&nodes, &targets, &service, &api);
        let askers = tasks
            .iter()
            .map(|task| objects::asker(self.namespace, task, &self.options.image));
        let askers = self.make(askers.collect::<Result<_, _>>()?).await?;
        let askers = self.wait(&pods, &askers, has_ended).await;
        self.complain(report, "asks", &askers, |pod| findings(pod).is_some());
        for (task, pod) in tasks.iter().zip(&askers) {
            if let Some(findings) = findings(pod) {
                report.add(&task.node, task.place, findings);
            }
        }
        Ok(())
    }

    /// What all pods share; the service.
    async fn set_up(&self) -> Result<Arc<Service>, CheckError> {
        let (client, namespace) = (self.client, self.namespace);
        let made = client.create(objects::account(namespace)?).await;
        made.map_err(failed("create a service account"))?;
        let made = client.create(objects::policy(namespace)?).await;
        made.map_err(failed("create a network policy"))?;
        let made = client.create(objects::service(namespace)?).await;
        made.map_err(failed("create a service"))
    }

    /// In their order.
    async fn make(&self, pods: Vec<Pod>) -> Result<Vec<Arc<Pod>>, CheckError> {
        let made = pods.into_iter().map(|pod| self.client.create(pod));
        let made: Vec<_> = stream::iter(made)
            .buffered(SIDE_BY_SIDE)
            .try_collect()
            .await
            .map_err(failed("create a pod"))?;
        Ok(made)
    }

    /// Waits until all pods are as wished, or for long enough; the pods as they are then.
    async fn wait(
        &self,
        pods: &Pods,
        all: &[Arc<Pod>],
        wished: impl Fn(&Pod) -> bool,
    ) -> Vec<Arc<Pod>> {
        let now = || -> Vec<Arc<Pod>> { all.iter().map(|pod| pods.now(pod)).collect() };
        let is_so = |pod: &Arc<Pod>| wished(pod) || has_ended(pod);
        let waiting = pods.until(|| now().iter().all(is_so));
        let _ = tokio::time::timeout(self.options.timeout, waiting).await;
        now()
    }

    fn complain(
        &self,
        report: &mut Report,
        what: &str,
        pods: &[Arc<Pod>],
        is_well: impl Fn(&Pod) -> bool,
    ) {
        for pod in pods.iter().filter(|pod| !is_well(pod)) {
            let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
            let node = node.unwrap_or_default();
            report.fail(format!("the pod on {node} that {what}: {}", state(pod)));
        }
    }
}
