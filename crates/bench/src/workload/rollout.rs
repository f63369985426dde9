//! A Deployment that comes up and is rolled, on nodes whose pods are reported ready as soon as they are bound.

mod kubelet;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::api::{Api, MERGE_PATCH};
use crate::figures;
use crate::lines::Lines;
use crate::nodes::Nodes;
use crate::objects;
use crate::options::Common;
use crate::scope::{in_namespace, service_account};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many nodes there are.
    #[arg(long, default_value_t = 100, value_name = "N")]
    nodes: usize,
    /// How many replicas the Deployment has.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    replicas: usize,
}

const NAME: &str = "rolled";
/// Before and after.
const IMAGES: [&str; 2] = ["bench.invalid/pause:1", "bench.invalid/pause:2"];
/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) async fn run(args: &Args, common: &Common) -> Result<()> {
    let api = Api::open(common).await?;
    let nodes = Nodes::make(&api, args.nodes).await?;
    let result = in_namespace(&api, |namespace| {
        measure(api.clone(), namespace, args.replicas)
    })
    .await;
    result.and(nodes.remove().await)
}

async fn measure(api: Arc<Api>, namespace: String, replicas: usize) -> Result<()> {
    service_account(&api, &namespace).await?;
    let kubelet = kubelet::run(api.clone(), namespace.clone());
    tokio::select! {
        result = steps(&api, &namespace, replicas) => result,
        result = kubelet => result.context("the kubelet that is none"),
    }
}

async fn steps(api: &Api, namespace: &str, replicas: usize) -> Result<()> {
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
    let mut events = api
        .watch(
            &format!("{path}?fieldSelector=metadata.name%3D{NAME}"),
            None,
        )
        .await?;

    let begin = Instant::now();
    api.create(&path, &objects::deployment(NAME, IMAGES[0], replicas))
        .await?;
    complete(&mut events, IMAGES[0], replicas)
        .await
        .context("the Deployment did not come up")?;
    figures::print_time("deployment_ready", begin.elapsed());

    let containers = json!([{"name": "main", "image": IMAGES[1]}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}}).to_string();
    let begin = Instant::now();
    api.call(
        Method::PATCH,
        &format!("{path}/{NAME}"),
        Some((MERGE_PATCH, Bytes::from(patch))),
    )
    .await?;
    complete(&mut events, IMAGES[1], replicas)
        .await
        .context("the Deployment was not rolled")?;
    figures::print_time("deployment_rolled", begin.elapsed());
    Ok(())
}

async fn complete(events: &mut Lines, image: &str, replicas: usize) -> Result<()> {
    let all = async {
        loop {
            let (_, deployment) = events.event().await?;
            if is_complete(&deployment, image, replicas) {
                return Ok(());
            }
        }
    };
    timeout(PATIENCE, all).await.context("out of patience")?
}

/// As `kubectl rollout status` has it: all replicas are new, all are available, and no old one is left. The generation is not ours to
/// know: the controller's annotations change it too.
fn is_complete(deployment: &Value, image: &str, replicas: usize) -> bool {
    let status = &deployment["status"];
    let all = |field: &str| status[field].as_u64() == u64::try_from(replicas).ok();
    let generation = deployment["metadata"]["generation"].as_u64();
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] == image
        && status["observedGeneration"].as_u64() >= generation
        && [
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "availableReplicas",
        ]
        .into_iter()
        .all(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_is_all_new_all_available_none_old() {
        let seen = |observed: u64, replicas: u64, updated: u64| {
            let mut deployment = objects::deployment("a", "new", 10);
            deployment["metadata"]["generation"] = json!(3);
            deployment["status"] = json!({
                "observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated, "readyReplicas": replicas, "availableReplicas": replicas,
            });
            deployment
        };
        assert!(is_complete(&seen(3, 10, 10), "new", 10));
        assert!(!is_complete(&seen(3, 10, 10), "newer", 10));
        assert!(!is_complete(&seen(2, 10, 10), "new", 10));
        assert!(!is_complete(&seen(3, 11, 10), "new", 10));
        assert!(!is_complete(&seen(3, 10, 9), "new", 10));
        assert!(!is_complete(
            &objects::deployment("a", "new", 10),
            "new",
            10
        ));
    }
}
