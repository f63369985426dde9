//! Many watchers of the same objects: how many events a second reach them, all together.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use http::Method;
use tokio::task::JoinSet;

use crate::api::Api;
use crate::figures;
use crate::load::{self, Until};
use crate::objects;
use crate::options::Common;
use crate::scope::in_namespace;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many watch.
    #[arg(long, default_value_t = 100, value_name = "N")]
    watchers: usize,
}

/// Objects that are written if nothing else is said.
const WRITES: usize = 5000;

pub(super) async fn run(args: &Args, common: &Common) -> Result<()> {
    let api = Api::open(common).await?;
    in_namespace(&api, |namespace| {
        measure(api.clone(), namespace, args, common)
    })
    .await
}

async fn measure(api: Arc<Api>, namespace: String, args: &Args, common: &Common) -> Result<()> {
    let path = format!("/api/v1/namespaces/{namespace}/configmaps");
    let writes = common.count.unwrap_or(WRITES);
    let revision = revision(&api, &path).await?;
    let mut watchers = JoinSet::new();
    for _ in 0..args.watchers {
        let mut events = api.watch(&path, Some(&revision)).await?;
        watchers.spawn(async move {
            // The controllers of some clusters write into a new namespace too: that is why there may be more.
            let mut seen = 0;
            while seen < writes {
                seen += events.count().await?;
            }
            Ok::<_, anyhow::Error>(seen)
        });
    }
    let (creator, collection): (_, Arc<str>) = (api.clone(), path.as_str().into());
    let create = move |turn| {
        let (api, collection) = (creator.clone(), collection.clone());
        async move {
            api.create(
                &collection,
                &objects::config_map(&format!("object-{turn}"), turn),
            )
            .await
        }
    };
    let begin = Instant::now();
    let written = load::run(common.in_flight(32), Until::count(writes), create).await?;
    let mut delivered = 0;
    while let Some(seen) = watchers.join_next().await {
        delivered += seen??;
    }
    let elapsed = begin.elapsed();
    figures::print(
        "watch_deliveries",
        figures::rate(delivered, elapsed),
        "events/s",
    );
    figures::print(
        "watch_writes",
        figures::rate(written.count(), written.elapsed),
        "ops/s",
    );
    Ok(())
}

/// The revision of a collection at this moment.
async fn revision(api: &Api, path: &str) -> Result<String> {
    let list = api
        .json(Method::GET, &format!("{path}?limit=1"), None)
        .await?;
    Ok(list["metadata"]["resourceVersion"]
        .as_str()
        .unwrap_or("0")
        .to_owned())
}
