//! One object at a time, many at a time: the verbs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Method;

use crate::api::{Api, JSON, MERGE_PATCH};
use crate::load::{self, Done, Until};
use crate::objects;
use crate::options::Common;
use crate::scope::in_namespace;

/// How long a controller may take to count a quota.
const COUNTED: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const COUNTED_EVERY: Duration = Duration::from_millis(20);

/// Which objects.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Secrets in the place of ConfigMaps: what encryption at rest costs is the difference between a server with it and one without.
    #[arg(long)]
    secrets: bool,
    /// In a namespace with a quota, which is never reached: every create and delete changes what is used of it.
    #[arg(long)]
    quota: bool,
}

pub(super) async fn run(args: &Args, common: &Common) -> Result<()> {
    let api = Api::open(common).await?;
    let plural = if args.secrets {
        "secrets"
    } else {
        "configmaps"
    };
    let work = async |namespace: String| {
        if args.quota {
            limit(&api, &namespace).await?;
        }
        let path = format!("/api/v1/namespaces/{namespace}/{plural}");
        measure(api.clone(), path, common).await
    };
    in_namespace(&api, work).await
}

/// Makes a quota, and waits until it limits something.
async fn limit(api: &Api, namespace: &str) -> Result<()> {
    let path = format!("/api/v1/namespaces/{namespace}/resourcequotas");
    api.create(&path, &objects::quota("all")).await?;
    let counted = async {
        loop {
            let quota = api.json(Method::GET, &format!("{path}/all"), None).await?;
            if quota["status"]["used"].is_object() {
                return Ok(());
            }
            tokio::time::sleep(COUNTED_EVERY).await;
        }
    };
    tokio::time::timeout(COUNTED, counted)
        .await
        .context("nobody counts the quota: are the controllers there?")?
}

async fn measure(api: Arc<Api>, path: String, common: &Common) -> Result<()> {
    let in_flight = common.in_flight(32);
    let until = Until::either(common.count, common.duration());

    let created = each(&api, &path, in_flight, until, 0, create).await?;
    let count = created.count();
    created.print("create");
    each(&api, &path, in_flight, until, count, get)
        .await?
        .print("get");
    each(&api, &path, in_flight, until, count, update)
        .await?
        .print("update");
    each(&api, &path, in_flight, until, count, merge_patch)
        .await?
        .print("merge_patch");
    each(&api, &path, in_flight, Until::count(count), count, delete)
        .await?
        .print("delete");
    Ok(())
}

/// A request about the object `name` of a collection, the `turn`th of its kind.
type Make = fn(path: &str, name: &str, turn: usize) -> Exchange;
/// Method, path, and what is sent.
type Exchange = (Method, String, Option<(&'static str, Bytes)>);

/// Sends a request for each turn; with `objects` of them, they are gone round.
async fn each(
    api: &Arc<Api>,
    path: &str,
    in_flight: usize,
    until: Until,
    objects: usize,
    make: Make,
) -> Result<Done> {
    let (api, collection): (_, Arc<str>) = (api.clone(), path.into());
    load::run(in_flight, until, move |turn| {
        let (api, collection) = (api.clone(), collection.clone());
        async move {
            let index = if objects == 0 { turn } else { turn % objects };
            let (method, path, body) = make(&collection, &format!("object-{index}"), turn);
            api.call(method, &path, body).await.map(drop)
        }
    })
    .await
}

/// One of the collection's kind.
fn object(path: &str, name: &str, mark: usize) -> Bytes {
    let object = match path.ends_with("/secrets") {
        true => objects::secret(name, mark),
        false => objects::config_map(name, mark),
    };
    object.to_string().into()
}

fn create(path: &str, name: &str, turn: usize) -> Exchange {
    (
        Method::POST,
        path.to_owned(),
        Some((JSON, object(path, name, turn))),
    )
}

fn get(path: &str, name: &str, _: usize) -> Exchange {
    (Method::GET, format!("{path}/{name}"), None)
}

/// Something else each time, or nothing would be written.
fn update(path: &str, name: &str, turn: usize) -> Exchange {
    (
        Method::PUT,
        format!("{path}/{name}"),
        Some((JSON, object(path, name, turn + 1_000_000))),
    )
}

fn merge_patch(path: &str, name: &str, turn: usize) -> Exchange {
    // Of a secret it is base64: as many digits as a multiple of four.
    let patch = format!(r#"{{"data":{{"turn":"{turn:08}"}}}}"#);
    (
        Method::PATCH,
        format!("{path}/{name}"),
        Some((MERGE_PATCH, patch.into())),
    )
}

fn delete(path: &str, name: &str, _: usize) -> Exchange {
    (Method::DELETE, format!("{path}/{name}"), None)
}
