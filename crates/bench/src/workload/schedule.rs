//! Pods created and bound.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use memchr::memmem;
use tokio::time::timeout;

use crate::api::Api;
use crate::figures;
use crate::lines::Lines;
use crate::load::{self, Until};
use crate::nodes::Nodes;
use crate::objects::{self, Placement};
use crate::options::Common;
use crate::scope::{in_namespace, service_account};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many nodes there are.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    nodes: usize,
    /// How many pods are created.
    #[arg(long, default_value_t = 5000, value_name = "N")]
    pods: usize,
    /// Spread the pods over zones, and keep pods of a group of ten off each other's hosts.
    #[arg(long)]
    spread: bool,
}

/// Pods that have a node. Each appears here once: when it gets one.
pub(super) const BOUND: &str = "fieldSelector=spec.nodeName%21%3D";
/// How long all may take.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) async fn run(args: &Args, common: &Common) -> Result<()> {
    let api = Api::open(common).await?;
    let nodes = Nodes::make(&api, args.nodes).await?;
    let result = in_namespace(&api, |namespace| {
        measure(api.clone(), namespace, args, common)
    })
    .await;
    result.and(nodes.remove().await)
}

async fn measure(api: Arc<Api>, namespace: String, args: &Args, common: &Common) -> Result<()> {
    service_account(&api, &namespace).await?;
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    let bound = api.watch(&format!("{path}?{BOUND}"), None).await?;
    let placement = if args.spread {
        Placement::Spread
    } else {
        Placement::Fit
    };
    let (creator, collection): (_, Arc<str>) = (api.clone(), path.as_str().into());
    let create = move |turn| {
        let (api, collection) = (creator.clone(), collection.clone());
        async move {
            api.create(
                &collection,
                &objects::pod(
                    &format!("pod-{turn}"),
                    "bench.invalid/pause",
                    turn,
                    placement,
                ),
            )
            .await
        }
    };
    let begin = Instant::now();
    let created = load::run(common.in_flight(32), Until::count(args.pods), create);
    let (created, ()) = tokio::try_join!(created, all_bound(bound, args.pods))?;
    figures::print(
        "pods_bound",
        figures::rate(args.pods, begin.elapsed()),
        "pods/s",
    );
    figures::print(
        "pods_created",
        figures::rate(created.count(), created.elapsed),
        "pods/s",
    );
    Ok(())
}

async fn all_bound(mut events: Lines, pods: usize) -> Result<()> {
    let appears = memmem::Finder::new(br#""ADDED""#);
    let all = async {
        let mut seen = 0;
        while seen < pods {
            let line = events.next().await?;
            // An event begins with its type.
            seen += usize::from(appears.find(&line[..line.len().min(32)]).is_some());
        }
        Ok(())
    };
    timeout(PATIENCE, all)
        .await
        .context("not all pods were bound")?
}
