//! An agent whose Node is there before it, or somebody has deleted.

use k8s_openapi::api::core::v1::Node;
use navarch_client::DeleteOptions;
use serde_json::json;

use crate::cluster::Cluster;

/// What labels the Node has cannot be asked any more: those that are known must do.
#[tokio::test]
async fn a_pod_that_is_sent_there_is_refused_and_can_be_deleted() {
    let cluster = Cluster::new();
    let _agent = cluster.agent().await;
    let deleted = cluster
        .client
        .delete::<Node>(None, "n1", DeleteOptions::default());
    deleted.await.unwrap();
    let spec =
        json!({"containers": [{"name": "c", "image": "i"}], "nodeSelector": {"unknown": "yes"}});
    cluster.create("late", spec).await;
    let phase = |of: &str| {
        let of = of.to_owned();
        move |pod: &k8s_openapi::api::core::v1::Pod| {
            pod.status.as_ref().and_then(|status| status.phase.as_ref()) == Some(&of)
        }
    };
    cluster.until("late", phase("Failed")).await;
    cluster.delete("late").await;
    cluster.until_gone("late").await;
}

/// Who taints nodes may be faster, and that is no reason not to start.
#[tokio::test]
async fn one_whose_node_others_change_meanwhile_starts() {
    let cluster = Cluster::new();
    let old = json!({"metadata": {"name": "n1", "labels": {"rack": "7"}}, "spec": {}});
    let old: Node = serde_json::from_value(old).unwrap();
    cluster.client.create(old).await.unwrap();
    cluster
        .api
        .taken
        .store(2, std::sync::atomic::Ordering::Relaxed);
    let _agent = cluster.agent().await;
    let labels = cluster.node().await.metadata.labels.unwrap();
    assert_eq!(labels["rack"], "7");
    assert!(labels.contains_key("kubernetes.io/hostname"));
}
