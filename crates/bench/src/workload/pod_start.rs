//! Pods on real nodes: from the create to Ready, as a watch sees it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::api::Api;
use crate::figures::{self, Latencies};
use crate::lines::Lines;
use crate::load::{self, Until};
use crate::objects::{self, LABEL};
use crate::options::Common;
use crate::scope::{in_namespace, service_account};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image, which is on the node already. It must run on until it is stopped.
    #[arg(long, default_value = "navarch.local/hello:v1", value_name = "IMAGE")]
    image: String,
    /// What to run in it, in place of what it says itself: one word each time.
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    command: Vec<String>,
    /// How many are started at once, after those that are started one at a time (--count, 30 of them).
    #[arg(long, default_value_t = 60, value_name = "N")]
    burst: usize,
}

const ONE_AT_A_TIME: usize = 30;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn run(args: &Args, common: &Common) -> Result<()> {
    let api = Api::open(common).await?;
    in_namespace(&api, |namespace| {
        measure(api.clone(), namespace, args, common)
    })
    .await
}

async fn measure(api: Arc<Api>, namespace: String, args: &Args, common: &Common) -> Result<()> {
    service_account(&api, &namespace).await?;
    let path: Arc<str> = format!("/api/v1/namespaces/{namespace}/pods").into();
    let mut events = api.watch(&path, None).await?;

    let mut latencies = Latencies::default();
    for turn in 0..common.count.unwrap_or(ONE_AT_A_TIME) {
        let name = format!("single-{turn}");
        let object = pod(&name, args);
        let begin = Instant::now();
        api.create(&path, &object).await?;
        wait(&mut events, 1, is_ready).await?;
        latencies.add(begin.elapsed());
        api.delete(&format!("{path}/{name}"), &json!({})).await?;
        wait(&mut events, 1, is_gone).await?;
    }
    latencies.print("pod_start");

    let (creator, collection) = (api.clone(), path.clone());
    let pods: Arc<[Value]> = (0..args.burst)
        .map(|turn| pod(&format!("burst-{turn}"), args))
        .collect();
    let create = move |turn: usize| {
        let (api, path, pods) = (creator.clone(), collection.clone(), pods.clone());
        async move { api.create(&path, &pods[turn]).await }
    };
    let begin = Instant::now();
    let created = load::run(args.burst.max(1), Until::count(args.burst), create);
    tokio::try_join!(created, wait(&mut events, args.burst, is_ready))?;
    figures::print(
        "pod_start_burst",
        figures::rate(args.burst, begin.elapsed()),
        "pods/s",
    );
    api.delete(&path, &json!({})).await?;
    wait(&mut events, args.burst, is_gone).await
}

/// A pod without requests: how many fit is not what is measured.
fn pod(name: &str, args: &Args) -> Value {
    let mut container =
        json!({"name": "main", "image": args.image, "imagePullPolicy": "IfNotPresent"});
    if !args.command.is_empty() {
        container["command"] = json!(args.command);
    }
    let spec = json!({"automountServiceAccountToken": false, "terminationGracePeriodSeconds": 1, "containers": [container]});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {LABEL: "run"}}, "spec": spec})
}

fn is_ready(kind: &str, pod: &Value) -> bool {
    kind != "DELETED"
        && pod["metadata"]["deletionTimestamp"].is_null()
        && pod["status"]["phase"] == "Running"
        && objects::is_ready(pod)
}

fn is_gone(kind: &str, _: &Value) -> bool {
    kind == "DELETED"
}

/// Waits until events have been such for this many pods.
async fn wait(events: &mut Lines, pods: usize, such: fn(&str, &Value) -> bool) -> Result<()> {
    let mut seen = HashSet::new();
    let all = async {
        while seen.len() < pods {
            let (kind, pod) = events.event().await?;
            if such(&kind, &pod) {
                seen.insert(
                    pod["metadata"]["name"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned(),
                );
            }
        }
        Ok(())
    };
    let result = timeout(PATIENCE, all).await;
    result.with_context(|| {
        format!(
            "{} of {pods} pods within {} s",
            seen.len(),
            PATIENCE.as_secs()
        )
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_is_being_deleted_has_not_started() {
        let mut running = objects::running(&json!({}), "198.18.0.1");
        assert!(is_ready("MODIFIED", &running));
        assert!(!is_ready("DELETED", &running));
        running["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert!(!is_ready("MODIFIED", &running));
    }
}
