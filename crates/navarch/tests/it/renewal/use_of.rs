//! What goes on all the time, and must never fail.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Namespace, Node, Pod, ServiceAccount};
use kube::Api;
use kube::api::{ListParams, LogParams, PostParams};
use serde_json::json;

use super::apart::Apart;
use crate::cluster::client;
use crate::raw::{Body, Server};

/// The pause between two requests.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a controller may take on a busy machine.
const CONTROLLER: Duration = Duration::from_secs(8);

/// What came of it.
pub(super) struct Used {
    what: &'static str,
    pub(super) count: u32,
    pub(super) failures: Vec<String>,
}

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, failed) = (self.count, self.failures.len());
        write!(f, "{}: {count} times, {failed} failed", self.what)?;
        let first = self.failures.iter().take(5);
        first.into_iter().try_for_each(|it| write!(f, "\n  {it}"))
    }
}

async fn again(
    what: &'static str,
    end: Instant,
    mut one: impl AsyncFnMut(u32) -> Result<(), String>,
) -> Used {
    let mut used = Used {
        what,
        count: 0,
        failures: Vec::new(),
    };
    while Instant::now() < end {
        used.count += 1;
        used.failures.extend(one(used.count).await.err());
        tokio::time::sleep(PAUSE).await;
    }
    used
}

/// As kubectl does: a new process, and so a new connection, for each request.
pub(super) async fn fresh_clients(apart: &Apart, end: Instant) -> Used {
    again("clients by the kubeconfig", end, async |_| {
        let nodes: Api<Node> = Api::all(client(&apart.kubeconfig()).await);
        let listed = nodes.list(&ListParams::default()).await;
        listed.map(drop).map_err(|error| error.to_string())
    })
    .await
}

/// By way of the API server to the node's own server.
pub(super) async fn logs(apart: &Apart, end: Instant) -> Used {
    // A container runs a moment before it says something.
    while Instant::now() < end && log(apart).await == Err(String::new()) {
        tokio::time::sleep(PAUSE / 10).await;
    }
    again("logs", end, async |_| log(apart).await).await
}

async fn log(apart: &Apart) -> Result<(), String> {
    let pods: Api<Pod> = Api::default_namespaced(client(&apart.kubeconfig()).await);
    let log = pods.logs("first", &LogParams::default()).await;
    match log.map_err(|error| error.to_string())?.as_str() {
        "here\n" => Ok(()),
        other => Err(other.to_owned()),
    }
}

/// What runs in a pod, by the token that it finds in its file.
pub(super) async fn account_tokens(apart: &Apart, file: &Path, end: Instant) -> Used {
    let kubeconfig = apart.kubeconfig();
    let server = Server::of(kubeconfig.to_str().unwrap(), "").await;
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    again("tokens of pods", end, async |_| {
        let token = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
        let request = http::Request::post(format!("{}{path}", server.url))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Body::from(review.to_string()))
            .unwrap();
        let answer = server.connections.request(request).await;
        match answer.map_err(|error| error.to_string())?.status().as_u16() {
            201 => Ok(()),
            status => Err(format!("status {status}")),
        }
    })
    .await
}

/// The controllers, which run in a process of their own and reach the API by the kubeconfig.
pub(super) async fn controllers(apart: &Apart, end: Instant) -> Used {
    again("controllers", end, async |count| {
        let client = client(&apart.kubeconfig()).await;
        let name = format!("ns-{count}");
        let namespace = json!({"metadata": {"name": name}});
        let namespace: Namespace = serde_json::from_value(namespace).unwrap();
        let made = Api::all(client.clone())
            .create(&PostParams::default(), &namespace)
            .await;
        made.map_err(|error| error.to_string())?;
        let accounts: Api<ServiceAccount> = Api::namespaced(client, &name);
        let patience = Instant::now() + CONTROLLER;
        while Instant::now() < patience {
            let found = accounts.get_opt("default").await;
            if found.map_err(|error| error.to_string())?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(PAUSE / 10).await;
        }
        Err(format!("{name} has got no service account"))
    })
    .await
}
