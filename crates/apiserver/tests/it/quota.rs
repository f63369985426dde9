//! Quotas: counted in the transactions of the writes that they limit, and never exceeded.
#![allow(
    clippy::needless_pass_by_value,
    reason = "tests write JSON where it is used"
)]

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, ResourceQuota, Secret};
use navarch_api::call::{Answer, Body, Call, Gvr, Options};
use navarch_api::def::Verb;
use navarch_machinery::object::Typed;
use navarch_machinery::status::StatusError;
use serde_json::{Value, json};

use crate::cluster::Cluster;

const NAMESPACE: &str = "default";

/// A call on objects of a kind.
pub(crate) fn call<T: Typed>(verb: Verb, name: Option<&str>, body: Body) -> Call {
    Call {
        verb,
        resource: Gvr::of::<T>(),
        namespace: Some(NAMESPACE.to_owned()),
        name: name.map(str::to_owned),
        subresource: None,
        body,
        options: Options::default(),
    }
}

pub(crate) fn create<T: Typed>(object: Value) -> Call {
    let object: T = serde_json::from_value(object).unwrap();
    call::<T>(Verb::Create, None, Body::Object(Arc::new(object)))
}

pub(crate) async fn object(cluster: &Cluster, call: Call) -> Result<Value, StatusError> {
    match cluster.admin.call(call).await? {
        Answer::Object(object) => {
            let mut json = Vec::new();
            object.encode(&mut json);
            Ok(serde_json::from_slice(&json).unwrap())
        }
        Answer::Json(value) => Ok(value),
        Answer::List { items, .. } => Ok(json!(items.len())),
    }
}

/// A cluster with a quota of which nothing is used.
async fn limited(hard: Value) -> Cluster {
    let cluster = Cluster::start(0).await;
    limit(&cluster, hard).await;
    cluster
}

/// Gives a cluster such a quota.
pub(crate) async fn limit(cluster: &Cluster, hard: Value) {
    let quota = json!({"metadata": {"name": "q"}, "spec": {"hard": hard}});
    object(cluster, create::<ResourceQuota>(quota))
        .await
        .unwrap();
    let names = hard.as_object().unwrap().keys();
    let used: Value = names.map(|name| (name.clone(), json!("0"))).collect();
    let quota: ResourceQuota = serde_json::from_value(json!({
        "metadata": {"name": "q"}, "spec": {"hard": hard}, "status": {"hard": hard, "used": used},
    }))
    .unwrap();
    let mut told = call::<ResourceQuota>(Verb::Update, Some("q"), Body::Object(Arc::new(quota)));
    told.subresource = Some("status".to_owned());
    object(cluster, told).await.unwrap();
}

pub(crate) async fn used(cluster: &Cluster) -> Value {
    let got = object(
        cluster,
        call::<ResourceQuota>(Verb::Get, Some("q"), Body::None),
    )
    .await;
    got.unwrap()["status"]["used"].clone()
}

fn map(name: &str) -> Call {
    create::<ConfigMap>(json!({"metadata": {"name": name}}))
}

#[tokio::test]
async fn a_write_and_what_it_uses_are_one_transaction() {
    let cluster = limited(json!({"configmaps": "1", "secrets": "1"})).await;
    let made = object(&cluster, map("a")).await.unwrap();
    let quota = call::<ResourceQuota>(Verb::Get, Some("q"), Body::None);
    let quota = object(&cluster, quota).await.unwrap();
    assert_eq!(
        quota["status"]["used"],
        json!({"configmaps": "1", "secrets": "0"})
    );
    let revision = |object: &Value| object["metadata"]["resourceVersion"].clone();
    assert_eq!(revision(&quota), revision(&made));
    let refused = object(&cluster, map("b")).await.unwrap_err();
    assert_eq!(refused.code, 403);
    assert_eq!(
        refused.message,
        "configmaps \"b\" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: configmaps=1"
    );
    let gone = call::<ConfigMap>(Verb::Delete, Some("a"), Body::None);
    object(&cluster, gone).await.unwrap();
    assert_eq!(
        used(&cluster).await,
        json!({"configmaps": "0", "secrets": "0"})
    );
    object(&cluster, map("b")).await.unwrap();
}

#[tokio::test]
async fn what_is_not_written_uses_nothing() {
    let cluster = limited(json!({"count/configmaps": "5"})).await;
    object(&cluster, map("a")).await.unwrap();
    let taken = object(&cluster, map("a")).await.unwrap_err();
    assert_eq!(taken.code, 409);
    let mut tried = map("b");
    tried.options.dry_run = true;
    object(&cluster, tried).await.unwrap();
    assert_eq!(used(&cluster).await, json!({"count/configmaps": "1"}));
}

#[tokio::test]
async fn an_object_that_its_finalizers_hold_counts_until_it_is_gone() {
    let cluster = limited(json!({"configmaps": "5"})).await;
    let held = json!({"metadata": {"name": "a", "finalizers": ["example.com/hold"]}});
    object(&cluster, create::<ConfigMap>(held)).await.unwrap();
    let gone = || call::<ConfigMap>(Verb::Delete, Some("a"), Body::None);
    object(&cluster, gone()).await.unwrap();
    object(&cluster, gone()).await.unwrap();
    assert_eq!(used(&cluster).await, json!({"configmaps": "1"}));
    let freed: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "a"}})).unwrap();
    let freed = call::<ConfigMap>(Verb::Update, Some("a"), Body::Object(Arc::new(freed)));
    object(&cluster, freed).await.unwrap();
    assert_eq!(used(&cluster).await, json!({"configmaps": "0"}));
}

#[tokio::test]
async fn a_quota_that_counts_itself_can_be_deleted() {
    let cluster = limited(json!({"resourcequotas": "5", "count/resourcequotas": "5"})).await;
    let gone = call::<ResourceQuota>(Verb::Delete, Some("q"), Body::None);
    object(&cluster, gone).await.unwrap();
    let got = object(
        &cluster,
        call::<ResourceQuota>(Verb::Get, Some("q"), Body::None),
    )
    .await;
    assert_eq!(got.unwrap_err().code, 404);
}

/// Two hundred at once, each five times, against a quota that a tenth of them fit in; through two servers, which know of each other only
/// by the store: without the condition that the quota is as it was, more come in.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_creators_at_once_never_exceed_a_quota_and_fill_it() {
    const CREATORS: usize = 200;
    const ROUNDS: usize = 5;
    const MOST: usize = 100;
    let hard = json!({"configmaps": MOST.to_string(), "secrets": "1000000"});
    let cluster = Arc::new(limited(hard).await);
    let other = Arc::new(Cluster::on(cluster.store.clone(), 0).await);
    let creators = (0..CREATORS).map(|creator| {
        let cluster = if creator % 2 == 0 {
            cluster.clone()
        } else {
            other.clone()
        };
        tokio::spawn(async move {
            let mut made = 0;
            for round in 0..ROUNDS {
                let name = format!("c-{creator}-{round}");
                let secret = json!({"metadata": {"name": name}});
                object(&cluster, create::<Secret>(secret)).await.unwrap();
                match object(&cluster, map(&name)).await {
                    Ok(_) => made += 1,
                    Err(error) => assert_eq!(error.code, 403, "{}", error.message),
                }
            }
            made
        })
    });
    let made: usize = futures::future::join_all(creators)
        .await
        .into_iter()
        .map(Result::unwrap)
        .sum();
    assert_eq!(made, MOST);
    let there = object(&cluster, call::<ConfigMap>(Verb::List, None, Body::None)).await;
    assert_eq!(there.unwrap(), json!(MOST));
    // As Kubernetes writes a thousand.
    assert_eq!(CREATORS * ROUNDS, 1000);
    let all = json!({"configmaps": MOST.to_string(), "secrets": "1k"});
    assert_eq!(used(&cluster).await, all);
}

/// Makers and removers at once: what is used is what there is, at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn makers_and_removers_at_once_leave_a_count_that_is_right() {
    const MOST: usize = 10;
    let cluster = Arc::new(limited(json!({"configmaps": MOST.to_string()})).await);
    let workers = (0..50).map(|worker| {
        let cluster = cluster.clone();
        tokio::spawn(async move {
            for round in 0..10 {
                let name = format!("m-{worker}-{round}");
                if object(&cluster, map(&name)).await.is_err() {
                    continue;
                }
                let there = object(&cluster, call::<ConfigMap>(Verb::List, None, Body::None)).await;
                assert!(there.unwrap().as_u64().unwrap() <= MOST as u64);
                if (worker + round) % 3 != 0 {
                    let gone = call::<ConfigMap>(Verb::Delete, Some(&name), Body::None);
                    object(&cluster, gone).await.unwrap();
                }
            }
        })
    });
    for done in futures::future::join_all(workers).await {
        done.unwrap();
    }
    let there = object(&cluster, call::<ConfigMap>(Verb::List, None, Body::None)).await;
    let there = there.unwrap().to_string();
    assert_eq!(used(&cluster).await, json!({"configmaps": there}));
}
