//! The program of an asker: asks what it is told to, side by side, and says what it found.

mod mtu;
mod names;
mod who;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;

use super::CLOSED;
use super::findings::{Aspect, Finding, Findings};
use super::task::{Place, Target, Task};

/// How much is asked at a time.
const SIDE_BY_SIDE: usize = 32;
/// How often a service is asked: each time it may lead to another answerer.
const CONNECTIONS: usize = 4;
/// How long a node's rules may take to lead to answerers that are new.
const SETTLED: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(100);

type Asked<'a> = Pin<Box<dyn Future<Output = Finding> + Send + 'a>>;

/// Asks what the text says, a task as [`super::run`] has written it; what was found, as text.
///
/// # Errors
/// The text is no task.
pub async fn ask(task: &str) -> serde_json::Result<String> {
    let task: Task = serde_json::from_str(task)?;
    let mut asked = Vec::new();
    for pod in &task.pods {
        asked.push(Box::pin(reach(pod)) as Asked<'_>);
        asked.push(Box::pin(fill(pod)));
        if let Some(is_let_in) = is_let_in(&task, pod) {
            asked.push(Box::pin(forbid(pod, is_let_in)));
        }
    }
    asked.extend(task.nodes.iter().map(|node| Box::pin(node_api(node)) as _));
    asked.extend(task.services.iter().map(|at| Box::pin(serve(*at)) as _));
    asked.extend(task.api.iter().map(|at| Box::pin(api(*at)) as _));
    let mut findings = Findings::default();
    let resolve = names::resolve(Path::new("/etc/resolv.conf"), &task.names);
    for finding in resolve.await {
        findings.add(finding);
    }
    let mut asked = stream::iter(asked).buffer_unordered(SIDE_BY_SIDE);
    while let Some(finding) = asked.next().await {
        findings.add(finding);
    }
    findings.message()
}

/// Whether it is to reach the port that no policy opens. A node reaches its own pods, whatever policies say; of what reaches those of other
/// nodes from a node Kubernetes says nothing.
fn is_let_in(task: &Task, pod: &Target) -> Option<bool> {
    match task.place {
        Place::Pod => Some(false),
        Place::Node if pod.node == task.node => Some(true),
        Place::Node => None,
    }
}

fn wrong(what: &str, target: &Target, error: impl std::fmt::Display) -> String {
    let Target { node, address } = target;
    format!("{what} {node} ({address}): {error}")
}

async fn reach(pod: &Target) -> Finding {
    let outcome = match who::answers(pod.address).await {
        Ok(name) if name == pod.node => Ok(()),
        Ok(name) => Err(wrong("pod on", pod, format!("{name:?} answers"))),
        Err(error) => Err(wrong("pod on", pod, error)),
    };
    Finding::new(Aspect::Pods, outcome)
}

async fn fill(pod: &Target) -> Finding {
    let outcome = mtu::largest(pod.address).await;
    let mtu = outcome.as_ref().ok().copied();
    let outcome = outcome.map(drop);
    let outcome = outcome.map_err(|error| wrong("packets to the pod on", pod, error));
    Finding {
        mtu,
        ..Finding::new(Aspect::Mtu, outcome)
    }
}

async fn forbid(pod: &Target, is_let_in: bool) -> Finding {
    let address = SocketAddr::new(pod.address.ip(), CLOSED);
    let outcome = match (who::answers_soon(address).await, is_let_in) {
        (Ok(_), false) => Err("answers, and a network policy lets nobody in".to_owned()),
        (Err(error), true) => Err(format!("lets its own node not in: {error}")),
        _ => Ok(()),
    };
    let pod = Target {
        address,
        ..pod.clone()
    };
    let outcome = outcome.map_err(|error| wrong("pod on", &pod, error));
    Finding::new(Aspect::Policies, outcome)
}

async fn node_api(node: &Target) -> Finding {
    let outcome = who::connects(node.address).await;
    let outcome = outcome.map_err(|error| wrong("node", node, error));
    Finding::new(Aspect::Nodes, outcome)
}

async fn serve(at: SocketAddr) -> Finding {
    let connect = async {
        settled(at).await?;
        for _ in 0..CONNECTIONS {
            who::answers(at).await?;
        }
        io::Result::Ok(())
    };
    let outcome = connect.await;
    Finding::new(
        Aspect::Services,
        outcome.map_err(|error| format!("service ({at}): {error}")),
    )
}

/// Waits until the service answers, if it does at all: this node may not know it yet.
async fn settled(at: SocketAddr) -> io::Result<()> {
    let asking = async {
        while who::answers_soon(at).await.is_err() {
            tokio::time::sleep(RETRY).await;
        }
    };
    match tokio::time::timeout(SETTLED, asking).await {
        Ok(()) => Ok(()),
        Err(_) => who::answers_soon(at).await.map(drop),
    }
}

async fn api(at: SocketAddr) -> Finding {
    let outcome = who::connects(at).await;
    let outcome = outcome.map_err(|error| format!("API server ({at}): {error}"));
    Finding::new(Aspect::Services, outcome)
}
