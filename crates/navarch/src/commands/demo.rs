//! `navarch up --demo`: the example, deployed with an image of this very program.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Pod};
use navarch_api::call::{Body, Call, Gvr, Options};
use navarch_api::def::Verb;
use navarch_api::table;
use navarch_client::{Client, Informer, InformerOptions, ListOptions, ObjectKey};
use navarch_machinery::object::{Object, Typed};
use navarch_runtime::images::Images;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::program_image::program_image;

/// What is deployed.
const MANIFEST: &str = include_str!("../../../../examples/hello.yaml");
/// The image that it names.
const IMAGE: &str = "navarch.local/hello:v1";
/// The port of its page.
const PORT: u16 = 8080;
/// How long everything may take; on a slow machine, too.
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest page.
const PAGE_BYTES: u64 = 64 << 10;

/// Deploys the example, waits until its containers serve, and fetches a page from one of them.
pub(super) async fn deploy(client: &Client, images: &Images, step: impl Fn(&str)) -> Result<()> {
    if images.get(IMAGE)?.is_none() {
        let images = images.clone();
        let make = move || images.make(&program_image(IMAGE, &["hello"]));
        tokio::task::spawn_blocking(make)
            .await?
            .context("the demo's image")?;
    }
    step("demo image made of this program");
    for object in navarch_manifest()? {
        create_or_keep(client, object).await?;
    }
    step("demo deployed");
    wait_for::<Deployment>(client, "default", "hello", |deployment| {
        let ready = deployment
            .status
            .as_ref()
            .and_then(|status| status.available_replicas)
            .unwrap_or(0);
        let wanted = deployment
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or(1);
        let seen = deployment
            .status
            .as_ref()
            .and_then(|status| status.observed_generation)
            >= deployment.metadata.generation;
        seen && ready >= wanted
    })
    .await
    .context("the demo's containers")?;
    step("demo available");
    let list = ListOptions {
        namespace: Some("default".into()),
        label_selector: "app=hello".into(),
        ..ListOptions::default()
    };
    let pods = client.list::<Pod>(&list).await?.items;
    let address = pods
        .iter()
        .find_map(|pod| pod.status.as_ref()?.pod_ip.clone())
        .ok_or_else(|| anyhow!("no pod of the demo has an address"))?;
    let page = tokio::time::timeout(Duration::from_secs(10), fetch(&address))
        .await
        .context("the demo's page")??;
    step(&format!("http://{address}:{PORT}/ says: {}", page.trim()));
    Ok(())
}

/// The objects of the example.
fn navarch_manifest() -> Result<Vec<Box<dyn Object>>> {
    let documents = MANIFEST
        .split("\n---\n")
        .filter(|text| !text.trim().is_empty());
    documents
        .map(decode)
        .collect::<Result<_>>()
        .context("the demo's manifest")
}

fn decode(document: &str) -> Result<Box<dyn Object>> {
    let json = navarch_machinery::yaml::to_json(document.as_bytes())
        .map_err(|error| anyhow!("{error}"))?;
    let head: serde_json::Value = serde_json::from_slice(&json)?;
    let text = |name: &str| {
        head.get(name)
            .and_then(serde_json::Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let row = table::builtin()
        .kind(group, version, &kind)
        .ok_or_else(|| anyhow!("there is no kind {kind} in {api_version}"))?;
    let decoded = row.strategy.decode(&json).map_err(anyhow::Error::msg)?;
    Ok(decoded.object)
}

async fn create_or_keep(client: &Client, object: Box<dyn Object>) -> Result<()> {
    let (group, version) = object
        .api_version()
        .split_once('/')
        .unwrap_or(("", object.api_version()));
    let row = table::builtin()
        .kind(group, version, object.kind())
        .ok_or_else(|| anyhow!("there is no kind {}", object.kind()))?;
    let resource = Gvr {
        group: group.to_owned(),
        version: version.to_owned(),
        resource: row.plural.to_string(),
    };
    let call = Call {
        verb: Verb::Create,
        resource,
        namespace: Some(
            object
                .metadata()
                .namespace
                .clone()
                .unwrap_or_else(|| "default".into()),
        ),
        name: None,
        subresource: None,
        body: Body::Object(Arc::from(object)),
        options: Options::default(),
    };
    // The default service account may be a moment away.
    match client.call(call).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_already_exists() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Waits until the node says that it is ready.
pub(super) async fn node_ready(client: &Client, name: &str) -> Result<()> {
    wait_for::<Node>(client, "", name, |node| {
        let conditions = node
            .status
            .as_ref()
            .and_then(|status| status.conditions.as_deref())
            .unwrap_or_default();
        conditions
            .iter()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True")
    })
    .await
    .context("the node does not become ready")
}

/// Waits until an object is as wished.
async fn wait_for<T: Typed>(
    client: &Client,
    namespace: &str,
    name: &str,
    wished: impl Fn(&T) -> bool + Send + Sync + 'static,
) -> Result<()> {
    let list = ListOptions {
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        field_selector: format!("metadata.name={name}"),
        ..ListOptions::default()
    };
    let informer = Informer::<T>::start(
        client.clone(),
        InformerOptions {
            list,
            indices: Vec::new(),
        },
    );
    let (sender, mut seen) = watch::channel(false);
    let key = ObjectKey::new(namespace, name);
    informer.on_change(move |_, new| {
        if new.is_some_and(|object| ObjectKey::of(object.metadata()) == key && wished(object)) {
            sender.send_replace(true);
        }
    });
    let waited = tokio::time::timeout(PATIENCE, seen.wait_for(|seen| *seen)).await;
    match waited {
        Ok(Ok(_)) => Ok(()),
        _ => bail!(
            "{} {name} did not become ready within {} s",
            T::KIND,
            PATIENCE.as_secs()
        ),
    }
}

async fn fetch(address: &str) -> Result<String> {
    let mut stream = TcpStream::connect((address, PORT)).await?;
    stream
        .write_all(
            format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .await?;
    let mut answer = String::new();
    stream.take(PAGE_BYTES).read_to_string(&mut answer).await?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| anyhow!("the answer is no page: {answer:?}"))?;
    if !head.starts_with("HTTP/1.1 200") {
        bail!("the answer is {:?}", head.lines().next().unwrap_or(""));
    }
    Ok(body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_sound_and_names_the_image() {
        let objects = navarch_manifest().unwrap();
        let kinds: Vec<&str> = objects.iter().map(|object| object.kind()).collect();
        assert_eq!(kinds, ["Deployment", "Service"]);
        assert!(MANIFEST.contains(&format!("image: {IMAGE}")));
    }
}
