//! The program of an asker: asks what it is told to, side by side, and says what it found.

mod mtu;
mod names;
mod who;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::{sleep, timeout};

use super::CLOSED;
use super::findings::{Aspect, Finding, Findings};
use super::task::{Place, Target, Task};

/// How much is asked at a time.
const SIDE_BY_SIDE: usize = 32;
/// How long a node's rules may take to lead to answerers that are new.
const SETTLED: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(100);
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Something that is asked: what it is about, a finding for each, unless one shows that another cannot be made.
struct Question<'a> {
    aspects: &'static [Aspect],
    asked: Pin<Box<dyn Future<Output = Vec<Finding>> + Send + 'a>>,
}

impl<'a> Question<'a> {
    fn new(
        aspects: &'static [Aspect],
        asked: impl Future<Output = Vec<Finding>> + Send + 'a,
    ) -> Self {
        let asked = Box::pin(asked);
        Self { aspects, asked }
    }
}

/// Asks what the text says, a task as [`super::run`] has written it; what was found, as text, also where not all was found in time.
///
/// # Errors
/// The text is no task.
pub async fn ask(task: &str) -> serde_json::Result<String> {
    let task: Task = serde_json::from_str(task)?;
    let resolv_conf = tokio::fs::read_to_string(RESOLV_CONF).await;
    let resolv_conf = resolv_conf.unwrap_or_default();
    let findings = all(&task, questions(&task, &resolv_conf)).await;
    findings.message()
}

fn questions<'a>(task: &'a Task, resolv_conf: &str) -> Vec<Question<'a>> {
    let mut questions = Vec::new();
    for pod in &task.pods {
        let is_let_in = is_let_in(task, pod);
        let aspects: &[Aspect] = match is_let_in {
            Some(_) => &[Aspect::Pods, Aspect::Policies],
            None => &[Aspect::Pods],
        };
        questions.push(Question::new(aspects, reach(pod, is_let_in)));
        questions.push(Question::new(&[Aspect::Mtu], fill(pod)));
    }
    for node in &task.nodes {
        questions.push(Question::new(&[Aspect::Nodes], node_api(node)));
    }
    for at in &task.services {
        questions.push(Question::new(&[Aspect::Services], serve(*at)));
    }
    for at in &task.api {
        questions.push(Question::new(&[Aspect::Services], api(*at)));
    }
    for asked in names::questions(resolv_conf, &task.names) {
        questions.push(Question::new(&[Aspect::Dns], asked.ask()));
    }
    questions
}

/// What is not found out in time is a finding, too.
async fn all(task: &Task, questions: Vec<Question<'_>>) -> Findings {
    let mut findings = Findings::default();
    let mut waiting = questions.into_iter();
    let mut asked = FuturesUnordered::new();
    let mut under_way: Vec<Option<&'static [Aspect]>> = Vec::new();
    let asking = async {
        loop {
            while asked.len() < SIDE_BY_SIDE
                && let Some(question) = waiting.next()
            {
                let number = under_way.len();
                under_way.push(Some(question.aspects));
                asked.push(async move { (number, question.asked.await) });
            }
            let Some((number, found)) = asked.next().await else {
                return;
            };
            under_way[number] = None;
            found.into_iter().for_each(|finding| findings.add(finding));
        }
    };
    if timeout(Duration::from_secs(task.patience), asking)
        .await
        .is_err()
    {
        let left = under_way.into_iter().flatten();
        let left = left.chain(waiting.map(|question| question.aspects));
        let left: Vec<Aspect> = left.flatten().copied().collect();
        findings.add_unfinished(&left, task.patience);
    }
    findings
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

fn finding(aspect: Aspect, outcome: Result<(), String>) -> Vec<Finding> {
    vec![Finding::new(aspect, outcome)]
}

fn wrong(what: &str, target: &Target, error: impl std::fmt::Display) -> String {
    let Target { node, address, .. } = target;
    format!("{what} {node} ({address}): {error}")
}

/// What a policy does is only seen of a pod that is reached at all.
async fn reach(pod: &Target, is_let_in: Option<bool>) -> Vec<Finding> {
    let outcome = match who::answers(pod.address).await {
        Ok(name) if name == pod.node => Ok(()),
        Ok(name) => Err(wrong("pod on", pod, format!("{name:?} answers"))),
        Err(error) => Err(wrong("pod on", pod, error)),
    };
    let is_reached = outcome.is_ok();
    let mut findings = finding(Aspect::Pods, outcome);
    if let Some(is_let_in) = is_let_in.filter(|_| is_reached) {
        findings.push(forbid(pod, is_let_in).await);
    }
    findings
}

async fn forbid(pod: &Target, is_let_in: bool) -> Finding {
    let address = SocketAddr::new(pod.address.ip(), CLOSED);
    let mut answered = who::answers_soon(address).await;
    if pod.of_plugins && !is_let_in && answered.is_err() {
        // A packet that is lost is not one that plugins hold: by one that they hold, all that they do not are wrong.
        answered = who::answers_soon(address).await;
    }
    let by_plugins = pod.of_plugins.then_some(is_let_in || answered.is_err());
    let outcome = match (answered, is_let_in) {
        (Ok(_), false) => Err("answers, and a network policy lets nobody in".to_owned()),
        (Err(error), true) => Err(format!("lets its own node not in: {error}")),
        _ => Ok(()),
    };
    let pod = Target {
        address,
        ..pod.clone()
    };
    let outcome = outcome.map_err(|error| wrong("pod on", &pod, error));
    Finding {
        by_plugins,
        ..Finding::new(Aspect::Policies, outcome)
    }
}

async fn fill(pod: &Target) -> Vec<Finding> {
    let outcome = mtu::largest(pod.address).await;
    let mtu = outcome.as_ref().ok().copied();
    let outcome = outcome.map(drop);
    let outcome = outcome.map_err(|error| wrong("packets to the pod on", pod, error));
    vec![Finding {
        mtu,
        ..Finding::new(Aspect::Mtu, outcome)
    }]
}

async fn node_api(node: &Target) -> Vec<Finding> {
    let outcome = who::connects(node.address).await;
    let outcome = outcome.map_err(|error| wrong("node", node, error));
    finding(Aspect::Nodes, outcome)
}

/// Whether anybody answers behind the service: this node may not know it yet, and it may lead to a pod that is not reached, which is that pod's matter.
async fn serve(at: SocketAddr) -> Vec<Finding> {
    let asking = async {
        while who::answers_soon(at).await.is_err() {
            sleep(RETRY).await;
        }
    };
    let outcome = match timeout(SETTLED, asking).await {
        Ok(()) => Ok(()),
        Err(_) => who::answers_soon(at).await.map(drop),
    };
    let outcome = outcome.map_err(|error| format!("service ({at}): {error}"));
    finding(Aspect::Services, outcome)
}

async fn api(at: SocketAddr) -> Vec<Finding> {
    let outcome = who::connects(at).await;
    let outcome = outcome.map_err(|error| format!("API server ({at}): {error}"));
    finding(Aspect::Services, outcome)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// One question that is lost does not make a pod one that plugins hold to its policy.
    #[tokio::test]
    async fn a_pod_of_plugins_is_asked_twice_before_it_is_held() {
        let address: SocketAddr = ([127, 81, 7, 3], CLOSED).into();
        let listener = TcpListener::bind(address).await.unwrap();
        tokio::spawn(async move {
            let _unanswered = listener.accept().await.unwrap();
            let (mut answered, _) = listener.accept().await.unwrap();
            answered.write_all(b"n\n").await.unwrap();
        });
        let pod = Target {
            node: "n".to_owned(),
            address,
            of_plugins: true,
        };
        assert_eq!(forbid(&pod, false).await.by_plugins, Some(false));
        let nobody: SocketAddr = ([127, 81, 7, 4], CLOSED).into();
        let pod = Target {
            address: nobody,
            ..pod
        };
        assert_eq!(forbid(&pod, false).await.by_plugins, Some(true));
    }
}
