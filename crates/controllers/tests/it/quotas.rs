//! Quotas, counted by their controller while everybody writes.
#![allow(
    clippy::needless_pass_by_value,
    reason = "tests write JSON where it is used"
)]

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Pod, ResourceQuota, ServiceAccount};
use navarch_client::{Informer, InformerOptions, ListOptions};
use navarch_controllers::resource_quota;
use serde_json::{Value, json};

use crate::cluster::Cluster;

const NAMESPACE: &str = "default";

async fn start() -> Arc<Cluster> {
    let cluster = Cluster::start().await;
    let quotas = Informer::start(cluster.client.clone(), InformerOptions::default());
    let pods = Informer::start(cluster.client.clone(), InformerOptions::default());
    tokio::spawn(resource_quota::run(quotas, pods, cluster.context.clone()));
    Arc::new(cluster)
}

fn of(name: &str, more: Value) -> Value {
    let mut object = more;
    object["metadata"] = json!({"name": name, "namespace": NAMESPACE});
    object
}

async fn uses(cluster: &Cluster, expected: Value) {
    let is = |quota: &ResourceQuota| {
        let status = quota.status.as_ref();
        json!(status.and_then(|status| status.used.clone())) == expected
    };
    cluster.until::<ResourceQuota>(NAMESPACE, "q", is).await;
}

#[tokio::test]
async fn a_new_quota_counts_what_is_there_and_pods_that_end_leave_room() {
    let cluster = start().await;
    cluster
        .create::<ServiceAccount>(of("default", json!({})))
        .await;
    let asked = json!({"requests": {"cpu": "500m"}});
    let spec = json!({"automountServiceAccountToken": false,
        "containers": [{"name": "c", "image": "x:1", "resources": asked}]});
    let pod = cluster.create::<Pod>(of("p", json!({"spec": spec}))).await;
    cluster.create::<ConfigMap>(of("m", json!({}))).await;
    let hard = json!({"pods": "2", "requests.cpu": "1", "count/configmaps": "4"});
    cluster
        .create::<ResourceQuota>(of("q", json!({"spec": {"hard": hard}})))
        .await;
    uses(
        &cluster,
        json!({"pods": "1", "requests.cpu": "500m", "count/configmaps": "1"}),
    )
    .await;
    let mut ended = (*pod).clone();
    ended.status.get_or_insert_default().phase = Some("Succeeded".into());
    cluster.client.update_status(ended).await.unwrap();
    uses(
        &cluster,
        json!({"pods": "0", "requests.cpu": "0", "count/configmaps": "1"}),
    )
    .await;
    let mut quota = (*cluster
        .client
        .get::<ResourceQuota>(Some(NAMESPACE), "q")
        .await
        .unwrap())
    .clone();
    quota.spec = serde_json::from_value(json!({"hard": {"configmaps": "4"}})).unwrap();
    cluster.client.update(quota).await.unwrap();
    uses(&cluster, json!({"configmaps": "1"})).await;
}

/// Whatever the controller counts while two hundred write, the quota is filled and never exceeded.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counting_beside_two_hundred_creators_neither_exceeds_a_quota_nor_leaves_it_short() {
    const CREATORS: usize = 200;
    const MOST: usize = 120;
    let cluster = start().await;
    let hard = json!({"count/configmaps": MOST.to_string()});
    cluster
        .create::<ResourceQuota>(of("q", json!({"spec": {"hard": hard}})))
        .await;
    uses(&cluster, json!({"count/configmaps": "0"})).await;
    // Every change of what is limited is a count.
    let it = cluster.clone();
    let recounts = tokio::spawn(async move {
        for round in 0.. {
            let annotated = json!({"spec": {"hard": {"count/secrets": round.to_string()}}});
            let quota = it
                .client
                .get::<ResourceQuota>(Some(NAMESPACE), "q")
                .await
                .unwrap();
            let mut changed = (*quota).clone();
            let hard = changed
                .spec
                .get_or_insert_default()
                .hard
                .get_or_insert_default();
            let more: ResourceQuota = serde_json::from_value(annotated).unwrap();
            hard.extend(more.spec.unwrap().hard.unwrap());
            let _ = it.client.update(changed).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let creators = (0..CREATORS).map(|creator| {
        let cluster = cluster.clone();
        tokio::spawn(async move {
            let map = of(&format!("c-{creator}"), json!({}));
            let map: ConfigMap = serde_json::from_value(map).unwrap();
            match cluster.client.create(map).await {
                Ok(_) => 1,
                Err(error) if error.code == 403 => 0,
                Err(error) => panic!("{error}"),
            }
        })
    });
    let made: usize = futures::future::join_all(creators)
        .await
        .into_iter()
        .map(Result::unwrap)
        .sum();
    recounts.abort();
    assert_eq!(made, MOST);
    let options = ListOptions {
        namespace: Some(NAMESPACE.to_owned()),
        ..ListOptions::default()
    };
    let there = cluster.client.list::<ConfigMap>(&options).await.unwrap();
    assert_eq!(there.items.len(), MOST);
}
