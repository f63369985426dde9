//! Carries a check out, by calls to the API.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, Service};
use navarch_client::{Client, Clock as _, DeleteOptions, ListOptions, SystemClock};
use navarch_machinery::status::StatusError;
use tokio::time::timeout;

use super::objects::{self, LABEL};
use super::plan::{self, Checked};
use super::pods::Pods;
use super::report::Report;
use super::state::{complaint, findings, has_ended, is_ready, is_taken_up};
use super::task::{Target, Task};

/// How many pods are made at a time.
const SIDE_BY_SIDE: usize = 32;
/// How long the deletion of what was made may take: it is asked for, and not waited for.
const DELETION: Duration = Duration::from_secs(10);

/// How a check is made.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// Only these nodes; all, where none is named.
    pub nodes: Vec<String>,
    /// The image whose program has the commands `net answer` and `net ask`.
    pub image: String,
    /// How long the pods may take to start, and those that ask to ask.
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
    /// There is nothing to look at; why.
    #[error("no node can be looked at{}", .0.iter().map(|why| format!("; {why}")).collect::<String>())]
    NoNodes(Vec<String>),
    /// It was stopped, and says nothing of the network.
    #[error("stopped")]
    Stopped,
}

fn failed(what: &'static str) -> impl FnOnce(StatusError) -> CheckError {
    move |source| CheckError::Api { what, source }
}

/// Makes a check, and says what it does, a line each. When this returns it has asked for the deletion of what it made: when `stop` comes first, too.
///
/// # Errors
/// [`CheckError`].
pub async fn run(
    client: &Client,
    options: &CheckOptions,
    stop: impl Future<Output = ()>,
    tell: &(impl Fn(&str) + Sync),
) -> Result<Report, CheckError> {
    let mut made = None;
    let checked = tokio::select! {
        checked = in_namespace(client, options, &mut made, tell) => checked,
        () = stop => Err(CheckError::Stopped),
    };
    let Some(namespace) = made else {
        return checked;
    };
    let deleted = timeout(DELETION, delete(client, &namespace)).await;
    let left = match deleted {
        Ok(Ok(())) => return checked,
        // It was not made.
        Ok(Err(error)) if error.is_not_found() => return checked,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", DELETION.as_secs()),
    };
    let name = namespace.metadata.name.as_deref().unwrap_or_default();
    let left = format!("the namespace {name} is left: {left}");
    match checked {
        Ok(mut report) => {
            report.fail(&left);
            Ok(report)
        }
        Err(error) => {
            tell(&left);
            Err(error)
        }
    }
}

async fn delete(client: &Client, namespace: &Namespace) -> Result<(), StatusError> {
    let name = namespace.metadata.name.as_deref().unwrap_or_default();
    let options = DeleteOptions {
        uid: namespace.metadata.uid.clone(),
        ..DeleteOptions::default()
    };
    client.delete::<Namespace>(None, name, options).await
}

/// Deletes what a check has left that was killed.
async fn forget(client: &Client, tell: &(impl Fn(&str) + Sync)) -> Result<(), CheckError> {
    let list = ListOptions {
        label_selector: LABEL.to_owned(),
        ..ListOptions::default()
    };
    let left = client.list::<Namespace>(&list).await;
    let left = left.map_err(failed("list namespaces"))?.items;
    let now = SystemClock.now();
    for namespace in left.iter().filter(|it| objects::is_forgotten(it, now)) {
        let name = namespace.metadata.name.as_deref().unwrap_or_default();
        tell(&format!("deleting {name}, which an earlier check has left"));
        match delete(client, namespace).await {
            Err(error) if !error.is_not_found() => {
                return Err(failed("delete a namespace")(error));
            }
            _ => {}
        }
    }
    Ok(())
}

async fn in_namespace(
    client: &Client,
    options: &CheckOptions,
    made: &mut Option<Namespace>,
    tell: &(impl Fn(&str) + Sync),
) -> Result<Report, CheckError> {
    let nodes = client.list::<Node>(&ListOptions::default()).await;
    let nodes = nodes.map_err(failed("list nodes"))?.items;
    let chosen = plan::choose(&nodes, &options.nodes);
    if chosen.nodes.is_empty() {
        return Err(CheckError::NoNodes(chosen.failures));
    }
    forget(client, tell).await?;
    // Whoever stops it while that is being made has it deleted all the same.
    let namespace = made.insert(objects::namespace(SystemClock.now())?).clone();
    let namespace = client.create(namespace).await;
    let namespace = namespace.map_err(failed("create a namespace"))?;
    let name = namespace.metadata.name.clone().unwrap_or_default();
    *made = Some(Arc::unwrap_or_clone(namespace));
    let mut report = Report::default();
    for why in chosen.failures {
        report.fail(&why);
    }
    let check = Check {
        client,
        options,
        namespace: &name,
        tell,
    };
    check.all(chosen.nodes, &mut report).await?;
    Ok(report)
}

struct Check<'a, T> {
    client: &'a Client,
    options: &'a CheckOptions,
    namespace: &'a str,
    tell: &'a T,
}

impl<T: Fn(&str) + Sync> Check<'_, T> {
    async fn all(&self, nodes: Vec<Checked>, report: &mut Report) -> Result<(), CheckError> {
        let service = self.set_up().await?;
        let api = self.client.get::<Service>(Some("default"), "kubernetes");
        let api = api.await.map_err(failed("get the API server's service"))?;
        let pods = Pods::follow(self.client, self.namespace);
        let answerers = self.answerers(&nodes, &pods, report).await?;
        let answers = nodes.iter().zip(answerers.iter().map(|pod| &**pod));
        let targets: Vec<Vec<Target>> = answers.map(plan::answers_at).collect();
        // From a node whose agent does nothing nobody would ask either.
        let asks = nodes.iter().zip(&answerers);
        let asks: Vec<bool> = asks.map(|(_, pod)| is_taken_up(pod)).collect();
        let patience = self.options.timeout;
        let tasks = plan::tasks(&nodes, &targets, (&service, &api), patience);
        // Two a node.
        let tasks: Vec<Task> = tasks
            .into_iter()
            .zip(asks.iter().flat_map(|asks| [asks; 2]))
            .filter_map(|(task, asks)| asks.then_some(task))
            .collect();
        self.ask(&tasks, &pods, report).await
    }

    async fn answerers(
        &self,
        nodes: &[Checked],
        pods: &Pods,
        report: &mut Report,
    ) -> Result<Vec<Arc<Pod>>, CheckError> {
        (self.tell)(&format!(
            "a pod that answers on each node ({})",
            nodes.len()
        ));
        let patience = self.options.timeout;
        let made = nodes.iter().map(|node| {
            objects::answerer((self.namespace, patience), &node.name, &self.options.image)
        });
        let made = self.make(made.collect::<Result<_, _>>()?).await?;
        let answerers = wait(pods, &made, patience, is_ready).await;
        for (node, pod) in nodes.iter().zip(&answerers) {
            if !is_ready(pod) {
                let why = complaint(pod, patience);
                report.fail(&format!("the pod on {} that answers: {why}", node.name));
            }
        }
        Ok(answerers)
    }

    async fn ask(
        &self,
        tasks: &[Task],
        pods: &Pods,
        report: &mut Report,
    ) -> Result<(), CheckError> {
        (self.tell)("asking from each node, and from a pod on it");
        let patience = self.options.timeout;
        let made = tasks
            .iter()
            .map(|task| objects::asker((self.namespace, patience), task, &self.options.image));
        let made = self.make(made.collect::<Result<_, _>>()?).await?;
        let askers = wait(pods, &made, patience * 2, has_ended).await;
        for (task, pod) in tasks.iter().zip(&askers) {
            match findings(pod) {
                Some(findings) => report.add(&task.node, task.place, findings),
                None => report.fail(&format!(
                    "what asks from {} ({}): {}",
                    task.node,
                    task.place.called(),
                    complaint(pod, patience * 2)
                )),
            }
        }
        report.judge_policies();
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
        let made = stream::iter(made).buffered(SIDE_BY_SIDE);
        made.try_collect().await.map_err(failed("create a pod"))
    }
}

/// Waits until all pods are as wished, or for long enough; the pods as they are then.
async fn wait(
    pods: &Pods,
    all: &[Arc<Pod>],
    patience: Duration,
    wished: impl Fn(&Pod) -> bool,
) -> Vec<Arc<Pod>> {
    let now = || -> Vec<Arc<Pod>> { all.iter().map(|pod| pods.now(pod)).collect() };
    let is_so = |pod: &Arc<Pod>| wished(pod) || has_ended(pod);
    let waiting = pods.until(|| now().iter().all(is_so));
    let _ = timeout(patience, waiting).await;
    now()
}
