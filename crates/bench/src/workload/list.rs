//! Lists: all, a page, and none of many.

use std::sync::Arc;

use anyhow::{Result, ensure};
use http::Method;

use crate::api::Api;
use crate::load::{self, Until};
use crate::objects;
use crate::options::Common;
use crate::scope::in_namespace;

/// Requests that are under way at a time if nothing else is said: lists are long.
const IN_FLIGHT: usize = 4;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many objects there are.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    objects: usize,
    /// How many a page has.
    #[arg(long, default_value_t = 500, value_name = "N")]
    page: usize,
}

pub(super) async fn run(args: &Args, common: &Common) -> Result<()> {
    let api = Api::open(common).await?;
    in_namespace(&api, |namespace| {
        measure(api.clone(), namespace, args, common)
    })
    .await
}

async fn measure(api: Arc<Api>, namespace: String, args: &Args, common: &Common) -> Result<()> {
    let path = format!("/api/v1/namespaces/{namespace}/configmaps");
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
    load::run(32, Until::count(args.objects), create).await?;

    let whole = args.objects * 1024;
    lists(&api, &path, whole..usize::MAX, common)
        .await?
        .print("list");
    let page = args.page.min(args.objects) * 1024;
    lists(
        &api,
        &format!("{path}?limit={}", args.page),
        page..page * 4,
        common,
    )
    .await?
    .print("page");
    lists(
        &api,
        &format!("{path}?labelSelector=matches%3Dnone"),
        1..1024,
        common,
    )
    .await?
    .print("selector_none");
    Ok(())
}

/// Lists over and over. Each answer must be as long as what it must hold: `bytes`.
async fn lists(
    api: &Arc<Api>,
    path: &str,
    bytes: std::ops::Range<usize>,
    common: &Common,
) -> Result<load::Done> {
    let (api, path): (_, Arc<str>) = (api.clone(), path.into());
    load::run(
        common.in_flight(IN_FLIGHT),
        Until::either(common.count, common.duration()),
        move |_| {
            let (api, path, bytes) = (api.clone(), path.clone(), bytes.clone());
            async move {
                let length = api.call(Method::GET, &path, None).await?;
                ensure!(bytes.contains(&length), "GET {path}: {length} bytes");
                Ok(())
            }
        },
    )
    .await
}
