//! kube-rs, the client of Rust programs, with every kind that it discovers: created, listed, patched in every way, watched, deleted.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures::TryStreamExt;
use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent,
    WatchParams,
};
use kube::core::{Status, response::StatusSummary};
use kube::discovery::{ApiCapabilities, ApiResource, Scope, verbs};
use kube::{Client, Discovery, ResourceExt};
use serde_json::{Value, json};

use crate::api_only::ApiOnly;

const NAMESPACE: &str = "every-kind-rs";
const LABEL: &str = "every-kind-rs=yes";
const PATIENCE: Duration = Duration::from_secs(60);

/// A valid object of each kind, by `apiVersion` and kind.
fn manifests() -> BTreeMap<(String, String), Value> {
    let text = include_str!("../clients/every_kind.yaml")
        .replace("NAMESPACE", NAMESPACE)
        .replace("NAME", "one-of-a-kind")
        .replace("RUN", "1a2b")
        .replace("INDEX", "1");
    let of = |document: &str| {
        let json = navarch_machinery::yaml::to_json(document.as_bytes()).unwrap();
        let mut object: Value = serde_json::from_slice(&json).unwrap();
        let metadata = &mut object["metadata"];
        if metadata["name"].is_null() {
            metadata["name"] = json!("one-of-a-kind");
        }
        metadata["labels"] = json!({"every-kind-rs": "yes"});
        let text = |field: &str| object[field].as_str().unwrap().to_owned();
        ((text("apiVersion"), text("kind")), object)
    };
    text.split("\n---\n").map(of).collect()
}

/// The kinds whose objects are kept, of all versions that are served.
fn kept(discovery: &Discovery) -> Vec<(ApiResource, ApiCapabilities)> {
    let groups = discovery.groups_alphabetical().into_iter();
    let resources = groups.flat_map(|group| {
        let versions: Vec<_> = group.versions().collect();
        let resources = versions.into_iter().map(|v| group.versioned_resources(v));
        resources.flatten().collect::<Vec<_>>()
    });
    let kept = resources.filter(|(_, can)| {
        let all = [verbs::CREATE, verbs::PATCH, verbs::WATCH, verbs::DELETE];
        all.iter().all(|verb| can.supports_operation(verb))
    });
    kept.collect()
}

fn api(client: &Client, resource: &ApiResource, scope: &Scope) -> Api<DynamicObject> {
    match scope {
        Scope::Namespaced => Api::namespaced_with(client.clone(), NAMESPACE, resource),
        Scope::Cluster => Api::all_with(client.clone(), resource),
    }
}

/// What happened to the one object that the selector selects, until it is gone.
async fn watched(api: &Api<DynamicObject>, version: &str) -> String {
    let params = WatchParams::default().labels(LABEL);
    let stream = api.watch(&params, version).await.unwrap();
    let mut stream = pin!(stream);
    let mut told = String::new();
    while let Some(event) = stream.try_next().await.unwrap() {
        told.push(match event {
            WatchEvent::Added(_) => 'a',
            WatchEvent::Modified(_) => 'm',
            WatchEvent::Deleted(_) => 'd',
            WatchEvent::Bookmark(_) => 'b',
            WatchEvent::Error(error) => panic!("{error:?}"),
        });
        if told.ends_with('d') {
            break;
        }
    }
    told
}

async fn use_kind(api: &Api<DynamicObject>, manifest: &Value) {
    let name = manifest["metadata"]["name"].as_str().unwrap();
    let listed = api.list(&ListParams::default().labels(LABEL)).await;
    let version = listed.unwrap().metadata.resource_version.unwrap();
    let events = tokio::spawn({
        let api = api.clone();
        async move { watched(&api, &version).await }
    });

    let object: DynamicObject = serde_json::from_value(manifest.clone()).unwrap();
    let created = api.create(&PostParams::default(), &object).await.unwrap();
    assert!(created.uid().is_some() && created.creation_timestamp().is_some());
    let again = api.create(&PostParams::default(), &object).await;
    assert!(matches!(again, Err(kube::Error::Api(error)) if error.is_already_exists()));

    let params = PatchParams::apply("kube-rs");
    let label = |label: &str| json!({"metadata": {"labels": {label: "yes"}}});
    let mut applied = label("apply");
    applied["apiVersion"] = manifest["apiVersion"].clone();
    applied["kind"] = manifest["kind"].clone();
    for (key, patch) in [
        ("merge", Patch::Merge(label("merge"))),
        ("strategic", Patch::Strategic(label("strategic"))),
        ("apply", Patch::Apply(applied)),
    ] {
        let patched = api.patch(name, &params, &patch).await.unwrap();
        assert_eq!(patched.labels()[key], "yes", "{patched:?}");
    }
    let mut read = api.get(name).await.unwrap();
    read.labels_mut().insert("replaced".into(), "yes".into());
    // A controller may write in between.
    read.metadata.resource_version = None;
    let replaced = api.replace(name, &PostParams::default(), &read).await;
    if let Err(kube::Error::Api(error)) = &replaced {
        // What it is may only be updated at a version.
        assert!(error.message.contains("resourceVersion"), "{error:?}");
    }
    let stale = api.replace(name, &PostParams::default(), &created).await;
    assert!(matches!(stale, Err(kube::Error::Api(error)) if error.is_conflict()));

    let params = ListParams::default().labels(LABEL).limit(1);
    let listed = api.list(&params).await.unwrap();
    let names: Vec<_> = listed.items.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, [name]);
    let metadata = api.list_metadata(&params).await.unwrap();
    assert_eq!(metadata.items[0].uid(), created.uid());

    let deleted = api.delete(name, &DeleteParams::default()).await.unwrap();
    if let Some(status) = deleted.right() {
        let Status { status, .. } = status;
        assert_eq!(status, Some(StatusSummary::Success));
    }
    let events = tokio::time::timeout(PATIENCE, events).await;
    let events = events.expect("it is deleted in time").unwrap();
    assert!(events.starts_with('a') && events.ends_with('d'), "{events}");
    assert!(events.matches('m').count() >= 3, "{events}");
    assert!(api.get_opt(name).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kube_rs_uses_every_kind() {
    let server = ApiOnly::with_everything().await;
    let client = server.client().await;
    let discovery = Discovery::new(client.clone()).run().await.unwrap();
    let aggregated = Discovery::new(client.clone()).run_aggregated();
    let aggregated = kept(&aggregated.await.unwrap());
    let kinds = kept(&discovery);
    let paths = |kinds: &[(ApiResource, ApiCapabilities)]| -> Vec<_> {
        let of = kinds
            .iter()
            .map(|(of, _)| (of.api_version.clone(), of.plural.clone()));
        of.collect()
    };
    assert_eq!(paths(&kinds), paths(&aggregated));
    assert!(kinds.len() > 55, "{}", kinds.len());

    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(client.clone());
    let namespace = json!({"metadata": {"name": NAMESPACE}});
    let namespace = serde_json::from_value(namespace).unwrap();
    let params = PostParams::default();
    namespaces.create(&params, &namespace).await.unwrap();
    let mut manifests = manifests();
    for (resource, can) in kinds {
        let kind = (resource.api_version.clone(), resource.kind.clone());
        let manifest = manifests.remove(&kind);
        let manifest = manifest.unwrap_or_else(|| panic!("every_kind.yaml has no {kind:?}"));
        println!("{} {}", kind.0, kind.1);
        use_kind(&api(&client, &resource, &can.scope), &manifest).await;
    }
}
