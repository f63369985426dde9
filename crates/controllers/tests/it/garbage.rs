use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use navarch_api::strategy::Propagation;
use navarch_client::DeleteOptions;
use navarch_controllers::{garbage_collection, graph::Graph};
use serde_json::{Value, json};

use crate::cluster::Cluster;

async fn collected() -> (Cluster, tokio::task::JoinHandle<()>) {
    let cluster = Cluster::start().await;
    let graph = Graph::start(&cluster.client);
    let task = tokio::spawn(garbage_collection::run(graph, cluster.context.clone()));
    (cluster, task)
}

fn map(name: &str, owners: &[Value], finalizers: &[&str]) -> Value {
    json!({"metadata": {"namespace": "default", "name": name, "ownerReferences": owners, "finalizers": finalizers}})
}

fn owner(map: &Arc<ConfigMap>) -> Value {
    let metadata = &map.metadata;
    json!({"apiVersion": "v1", "kind": "ConfigMap", "name": metadata.name, "uid": metadata.uid, "blockOwnerDeletion": true})
}

async fn delete(cluster: &Cluster, name: &str, propagation: Propagation) {
    let options = DeleteOptions {
        propagation: Some(propagation),
        ..Default::default()
    };
    cluster
        .client
        .delete::<ConfigMap>(Some("default"), name, options)
        .await
        .unwrap();
}

#[tokio::test]
async fn dependents_of_dependents_go_after_their_owner() {
    let (cluster, _task) = collected().await;
    let top = cluster.create::<ConfigMap>(map("top", &[], &[])).await;
    let middle = cluster
        .create::<ConfigMap>(map("middle", &[owner(&top)], &[]))
        .await;
    cluster
        .create::<Secret>(map("bottom", &[owner(&middle)], &[]))
        .await;
    cluster.create::<Secret>(map("other", &[], &[])).await;
    delete(&cluster, "top", Propagation::Background).await;
    cluster.gone::<Secret>("default", "bottom").await;
    assert!(!cluster.is_there::<ConfigMap>("default", "middle").await);
    assert!(cluster.is_there::<Secret>("default", "other").await);
}

#[tokio::test]
async fn in_the_foreground_the_owner_goes_last() {
    let (cluster, _task) = collected().await;
    let top = cluster.create::<ConfigMap>(map("top", &[], &[])).await;
    cluster
        .create::<Secret>(map("held", &[owner(&top)], &["example.com/wait"]))
        .await;
    delete(&cluster, "top", Propagation::Foreground).await;
    cluster
        .until::<Secret>("default", "held", |held| {
            held.metadata.deletion_timestamp.is_some()
        })
        .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(cluster.is_there::<ConfigMap>("default", "top").await);
    let release = json!({"metadata": {"finalizers": null}});
    let kind = navarch_api::call::PatchKind::Merge;
    cluster
        .client
        .patch::<Secret>(Some("default"), "held", kind, release)
        .await
        .unwrap();
    cluster.gone::<ConfigMap>("default", "top").await;
    assert!(!cluster.is_there::<Secret>("default", "held").await);
}

#[tokio::test]
async fn orphans_stay_without_their_owner() {
    let (cluster, _task) = collected().await;
    let top = cluster.create::<ConfigMap>(map("top", &[], &[])).await;
    cluster
        .create::<Secret>(map("orphan", &[owner(&top)], &[]))
        .await;
    // The graph must have seen the orphan: here as in Kubernetes one that comes at the same moment may be lost.
    tokio::time::sleep(Duration::from_millis(50)).await;
    delete(&cluster, "top", Propagation::Orphan).await;
    cluster.gone::<ConfigMap>("default", "top").await;
    let orphan = cluster
        .client
        .get::<Secret>(Some("default"), "orphan")
        .await
        .unwrap();
    assert_eq!(orphan.metadata.owner_references, None);
}

#[tokio::test]
async fn a_dependent_whose_owner_was_never_there_goes() {
    let (cluster, _task) = collected().await;
    let ghost = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "ghost", "uid": "0"});
    cluster
        .create::<Secret>(map("haunted", &[ghost], &[]))
        .await;
    cluster.gone::<Secret>("default", "haunted").await;
}
