//! Every controller runs under an account of its own, and needs no more than its role gives it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{
    ConfigMap, Endpoints, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod,
    ReplicationController, ResourceQuota, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::api::storage::v1::VolumeAttributesClass;
use navarch_api::call::{Answer, Call, Endpoint, WatchStream};
use navarch_api::segment_addresses::ingress;
use navarch_auth::UserInfo;
use navarch_client::{Client, DeleteOptions, ListOptions};
use navarch_controllers::certificates::serving::Reserved;
use navarch_controllers::node_cidr::NodeRanges;
use navarch_controllers::{Options, start};
use navarch_machinery::object::Typed;
use navarch_machinery::status::Result;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::cluster::Cluster;

/// What was refused to whom.
type Refused = Arc<Mutex<Vec<String>>>;

/// Notes what is refused for want of permission.
struct Noting {
    endpoint: Arc<dyn Endpoint>,
    refused: Refused,
}

impl Noting {
    fn note<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result
            && error.code == 403
            && error.message.contains("cannot")
        {
            self.refused.lock().push(error.message.clone());
        }
        result
    }
}

#[async_trait]
impl Endpoint for Noting {
    async fn call(&self, call: Call) -> Result<Answer> {
        self.note(self.endpoint.call(call).await)
    }

    async fn watch(&self, call: Call) -> Result<WatchStream> {
        self.note(self.endpoint.watch(call).await)
    }
}

fn meta(name: &str) -> Value {
    json!({"name": name, "namespace": "work"})
}

fn template() -> Value {
    json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
}

async fn count<T: Typed>(cluster: &Cluster) -> usize {
    let list = ListOptions {
        namespace: Some("work".into()),
        ..ListOptions::default()
    };
    cluster.client.list::<T>(&list).await.unwrap().items.len()
}

async fn until<T: Typed>(cluster: &Cluster, wanted: usize) {
    let counted = async {
        while count::<T>(cluster).await != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), counted).await;
    assert!(waited.is_ok(), "not {wanted} of {}", T::KIND);
}

/// A secret gets its token, is taken from the account that lists it when it goes, and goes with its account.
async fn tokens(cluster: &Cluster) {
    let account = json!({"metadata": meta("robot"), "secrets": [{"name": "one"}]});
    cluster.create::<ServiceAccount>(account).await;
    for name in ["one", "two"] {
        let mut metadata = meta(name);
        metadata["annotations"] = json!({"kubernetes.io/service-account.name": "robot"});
        let secret = json!({"metadata": metadata, "type": "kubernetes.io/service-account-token"});
        cluster.create::<Secret>(secret).await;
        let has_token = |secret: &Secret| {
            let data = secret.data.as_ref();
            data.is_some_and(|data| data.len() == 3 && !data["token"].0.is_empty())
        };
        cluster.until::<Secret>("work", name, has_token).await;
    }
    let gone = DeleteOptions::default();
    let client = &cluster.client;
    let deleted = client.delete::<Secret>(Some("work"), "one", gone.clone());
    deleted.await.unwrap();
    let lists_none = |account: &ServiceAccount| account.secrets.iter().flatten().count() == 0;
    cluster
        .until::<ServiceAccount>("work", "robot", lists_none)
        .await;
    let deleted = client.delete::<ServiceAccount>(Some("work"), "robot", gone);
    deleted.await.unwrap();
    cluster.gone::<Secret>("work", "two").await;
}

#[tokio::test]
async fn no_controller_asks_for_what_it_may_not() {
    let cluster = Cluster::start().await;
    let refused = Refused::default();
    let mut context = cluster.context.clone();
    let (server, noted) = (cluster.server.clone(), refused.clone());
    let client = move |user: UserInfo| {
        Client::new(Arc::new(Noting {
            endpoint: server.as_user(user),
            refused: noted.clone(),
        }))
    };
    context.client = client(UserInfo::authenticated(
        "system:kube-controller-manager",
        [],
    ));
    context.accounts = Arc::new(move |name| client(UserInfo::service_account("kube-system", name)));
    let options = Options {
        pod_ranges: NodeRanges::default(),
        issue_token: Some(Arc::new(|account, _| account.metadata.uid.clone())),
        root_ca: "PEM".into(),
        signer: None,
        signing_duration: jiff::SignedDuration::from_hours(1),
        approve_serving: true,
        reserved: Reserved::default(),
        load_balancer_addresses: Some("192.0.2.0/24".parse().unwrap()),
    };
    let running = tokio::spawn(start(context, options));

    cluster
        .create::<Namespace>(json!({"metadata": {"name": "work"}}))
        .await;
    cluster
        .until::<ServiceAccount>("work", "default", |_| true)
        .await;
    cluster
        .until::<ConfigMap>("work", "kube-root-ca.crt", |_| true)
        .await;
    cluster
        .until::<ClusterRole>("", "admin", |role| role.rules.is_some())
        .await;
    cluster
        .create::<Node>(json!({"metadata": {"name": "n1"}}))
        .await;
    let has_range = |node: &Node| {
        node.spec
            .as_ref()
            .is_some_and(|spec| spec.pod_cidr.is_some())
    };
    cluster.until::<Node>("", "n1", has_range).await;

    tokens(&cluster).await;
    let selector = json!({"matchLabels": {"app": "a"}});
    let deployment = json!({"metadata": meta("d"), "spec": {"replicas": 2, "selector": selector, "template": template()}});
    let deployment = cluster.create::<Deployment>(deployment).await;
    until::<Pod>(&cluster, 2).await;
    let service =
        json!({"metadata": meta("s"), "spec": {"selector": {"app": "a"}, "ports": [{"port": 80}]}});
    cluster.create::<Service>(service).await;
    let balanced =
        json!({"metadata": meta("lb"), "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}});
    cluster.create::<Service>(balanced).await;
    let has_address = |service: &Service| ingress(service).len() == 1;
    cluster.until::<Service>("work", "lb", has_address).await;
    let bare = json!({"metadata": meta("bare"), "spec": {"ports": [{"port": 80}]}});
    cluster.create::<Service>(bare).await;
    let told = json!({"metadata": meta("bare"), "subsets": [{"addresses": [{"ip": "192.0.2.7"}], "ports": [{"port": 80}]}]});
    cluster.create::<Endpoints>(told).await;
    until::<EndpointSlice>(&cluster, 2).await;
    until::<Endpoints>(&cluster, 2).await;
    let mut fewer = (*deployment).clone();
    fewer.spec.as_mut().unwrap().replicas = Some(1);
    fewer.metadata.resource_version = None;
    cluster.client.update(fewer).await.unwrap();
    until::<Pod>(&cluster, 1).await;
    let controller = json!({"metadata": meta("rc"), "spec": {"replicas": 1, "selector": {"app": "b"}, "template":
        {"metadata": {"labels": {"app": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    cluster.create::<ReplicationController>(controller).await;
    until::<Pod>(&cluster, 2).await;

    let quota = json!({"metadata": meta("q"), "spec": {"hard": {"pods": "9"}}});
    cluster.create::<ResourceQuota>(quota).await;
    let counted = |quota: &ResourceQuota| quota.status.as_ref().is_some_and(|it| it.used.is_some());
    cluster.until::<ResourceQuota>("work", "q", counted).await;
    let claim = json!({"metadata": meta("claim"), "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    cluster.create::<PersistentVolumeClaim>(claim).await;
    let volume = json!({"metadata": {"name": "v"}, "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"},
        "hostPath": {"path": "/x"}}});
    cluster.create::<PersistentVolume>(volume).await;
    let class = json!({"metadata": {"name": "fast"}, "driverName": "d.example.org", "parameters": {"a": "b"}});
    cluster.create::<VolumeAttributesClass>(class).await;
    cluster
        .client
        .delete::<PersistentVolume>(None, "v", DeleteOptions::default())
        .await
        .unwrap();
    cluster
        .client
        .delete::<VolumeAttributesClass>(None, "fast", DeleteOptions::default())
        .await
        .unwrap();
    cluster.gone::<PersistentVolume>("", "v").await;
    cluster.gone::<VolumeAttributesClass>("", "fast").await;

    // A pod is driven off a node, and what a deployment owns goes with it.
    let tainted = json!({"metadata": {"name": "n2"}, "spec": {"taints": [{"key": "x", "effect": "NoExecute"}]}});
    cluster.create::<Node>(tainted).await;
    let driven = json!({"metadata": meta("driven"), "spec": {"nodeName": "n2", "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "c", "image": "i"}]}});
    cluster.create::<Pod>(driven).await;
    cluster.gone::<Pod>("work", "driven").await;
    cluster
        .client
        .delete::<Deployment>(Some("work"), "d", DeleteOptions::default())
        .await
        .unwrap();
    until::<Pod>(&cluster, 1).await;
    cluster
        .client
        .delete::<Namespace>(None, "work", DeleteOptions::default())
        .await
        .unwrap();
    cluster.gone::<Namespace>("", "work").await;

    assert!(!running.is_finished(), "a controller has ended");
    running.abort();
    let refused = refused.lock().clone();
    assert!(refused.is_empty(), "{refused:#?}");
}
