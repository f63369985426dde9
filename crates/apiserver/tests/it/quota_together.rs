//! Creations that wait for the disk together, in a namespace with a quota.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, ResourceQuota, Service};
use navarch_api::call::{Body, Options};
use navarch_api::def::Verb;
use navarch_store::{
    Memory, Result, Revision, Snapshot, Status, Store, Transaction, TxnOutcome, Watch,
};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::quota::{call, create, limit, object, used};

/// A store whose disk is slow.
struct Slow(Memory);

#[async_trait::async_trait]
impl Store for Slow {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.0.snapshot()
    }

    fn snapshot_at(&self, revision: Revision) -> Result<Arc<dyn Snapshot>> {
        self.0.snapshot_at(revision)
    }

    async fn commit(&self, transaction: Transaction) -> Result<TxnOutcome> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.0.commit(transaction).await
    }

    fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>> {
        self.0.watch(prefix, after)
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        self.0.compact(revision).await
    }

    fn status(&self) -> Status {
        self.0.status()
    }

    async fn reached(&self, revision: Revision) -> Result<()> {
        self.0.reached(revision).await
    }
}

async fn limited(hard: Value) -> Arc<Cluster> {
    let cluster = Cluster::on(Arc::new(Slow(Memory::new())), 0).await;
    limit(&cluster, hard).await;
    Arc::new(cluster)
}

/// Creates all of them at once. How each was answered: its revision, or the code of the refusal.
async fn at_once<T: navarch_machinery::object::Typed>(
    cluster: &Arc<Cluster>,
    objects: impl Iterator<Item = Value>,
) -> Vec<std::result::Result<String, u16>> {
    let made = objects.map(|wanted| {
        let cluster = cluster.clone();
        tokio::spawn(async move {
            let made = object(&cluster, create::<T>(wanted)).await;
            let revision =
                |made: Value| made["metadata"]["resourceVersion"].as_str().unwrap().into();
            made.map(revision).map_err(|error| error.code)
        })
    });
    let made = futures::future::join_all(made).await;
    made.into_iter().map(|it| it.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn creations_that_wait_are_committed_together() {
    const CREATORS: usize = 100;
    const MOST: usize = 80;
    let cluster = limited(json!({"configmaps": MOST.to_string()})).await;
    let maps = (0..CREATORS).map(|it| json!({"metadata": {"name": format!("m{it}")}}));
    let made = at_once::<ConfigMap>(&cluster, maps).await;
    let mut revisions: Vec<&String> = made.iter().flatten().collect();
    assert_eq!(revisions.len(), MOST);
    let refused = made.iter().filter(|it| **it == Err(403)).count();
    assert_eq!(refused, CREATORS - MOST);
    let all = json!({"configmaps": MOST.to_string()});
    assert_eq!(used(&cluster).await, all);
    // What is committed together has one revision.
    revisions.sort();
    revisions.dedup();
    assert!(revisions.len() <= MOST / 4, "{} commits", revisions.len());
}

/// Together they are more than the store takes at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn large_creations_go_in_turns() {
    let cluster = limited(json!({"configmaps": "60"})).await;
    let large = "x".repeat(1_000_000);
    let maps =
        (0..40).map(|it| json!({"metadata": {"name": format!("m{it}")}, "data": {"k": large}}));
    let made = at_once::<ConfigMap>(&cluster, maps).await;
    assert_eq!(made.iter().flatten().count(), 40, "{made:?}");
    assert_eq!(used(&cluster).await, json!({"configmaps": "40"}));
}

/// Of one name only one is made, however many go to the disk together; and the others count nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_one_name_one_is_made() {
    let cluster = limited(json!({"configmaps": "50"})).await;
    let maps = (0..30).map(|it| json!({"metadata": {"name": format!("m{}", it % 3)}}));
    let made = at_once::<ConfigMap>(&cluster, maps).await;
    assert_eq!(made.iter().flatten().count(), 3);
    assert_eq!(made.iter().filter(|it| **it == Err(409)).count(), 27);
    assert_eq!(used(&cluster).await, json!({"configmaps": "3"}));
}

/// What a service takes beside quotas is nobody else's, either.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn services_that_are_made_together_have_addresses_apart() {
    let cluster = limited(json!({"services": "50"})).await;
    let services = (0..20).map(
        |it| json!({"metadata": {"name": format!("s{it}")}, "spec": {"ports": [{"port": 80}]}}),
    );
    let made = at_once::<Service>(&cluster, services).await;
    assert_eq!(made.iter().flatten().count(), 20);
    let mut addresses = Vec::new();
    for it in 0..20 {
        let get = call::<Service>(Verb::Get, Some(&format!("s{it}")), Body::None);
        let service = object(&cluster, get).await.unwrap();
        addresses.push(service["spec"]["clusterIP"].as_str().unwrap().to_owned());
    }
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 20);
    assert_eq!(used(&cluster).await, json!({"services": "20"}));
}

/// Somebody else changes the quota between two batches: nothing that was prepared on the old one comes to be.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_quota_that_changes_meanwhile_is_kept_to() {
    let cluster = limited(json!({"configmaps": "60"})).await;
    let told = {
        let cluster = cluster.clone();
        tokio::spawn(async move {
            for _ in 0..20 {
                let patch = json!({"metadata": {"labels": {"at": jiff::Timestamp::now().as_nanosecond().to_string()}}});
                let kind = navarch_api::call::PatchKind::Merge;
                let mut write =
                    call::<ResourceQuota>(Verb::Patch, Some("q"), Body::Patch(kind, patch));
                write.options = Options::default();
                // It may lose against those, too.
                let code = object(&cluster, write).await.err().map(|it| it.code);
                assert!(matches!(code, None | Some(409)), "{code:?}");
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        })
    };
    let maps = (0..100).map(|it| json!({"metadata": {"name": format!("m{it}")}}));
    let made = at_once::<ConfigMap>(&cluster, maps).await;
    told.await.unwrap();
    assert_eq!(made.iter().flatten().count(), 60);
    assert_eq!(made.iter().filter(|it| **it == Err(403)).count(), 40);
    assert_eq!(used(&cluster).await, json!({"configmaps": "60"}));
}
