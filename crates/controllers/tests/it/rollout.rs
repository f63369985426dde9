use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{
    ConfigMap, Endpoints, Namespace, Node, Pod, ReplicationController, Service,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use navarch_api::call::PatchKind;
use navarch_client::{Client, DeleteOptions, Informer, InformerOptions, ListOptions};
use navarch_controllers::Options;
use navarch_controllers::certificates::serving::Reserved;
use navarch_controllers::node_cidr::NodeRanges;
use serde_json::{Value, json};

use crate::cluster::Cluster;

pub(crate) fn options() -> Options {
    Options {
        pod_ranges: NodeRanges::default(),
        issue_token: None,
        root_ca: "PEM".into(),
        signer: None,
        signing_duration: jiff::SignedDuration::from_hours(1),
        approve_serving: true,
        reserved: Reserved::default(),
        load_balancer_addresses: None,
    }
}

/// Everything runs, and beside it a node that starts each pod at once and ends it when it is told to.
async fn running() -> (Cluster, tokio::task::JoinSet<()>) {
    let cluster = Cluster::start().await;
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(navarch_controllers::start(
        cluster.context.clone(),
        options(),
    ));
    let status = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    cluster
        .create::<Node>(json!({"metadata": {"name": "n"}, "status": status}))
        .await;
    tasks.spawn(agent(cluster.client.clone()));
    cluster
        .create::<Namespace>(json!({"metadata": {"name": "ns"}}))
        .await;
    cluster
        .until::<ConfigMap>("ns", "kube-root-ca.crt", |_| true)
        .await;
    (cluster, tasks)
}

async fn agent(client: Client) {
    let pods: Informer<Pod> = Informer::start(client.clone(), InformerOptions::default());
    let (sender, mut changed) = tokio::sync::mpsc::channel::<Arc<Pod>>(1024);
    pods.on_change(move |_, new| {
        if let Some(pod) = new {
            sender.try_send(pod.clone()).unwrap();
        }
    });
    let mut next = 1;
    while let Some(pod) = changed.recv().await {
        let (namespace, name) = (
            pod.metadata.namespace.as_deref(),
            pod.metadata.name.as_deref().unwrap(),
        );
        let ip = pod
            .status
            .as_ref()
            .and_then(|status| status.pod_ip.as_ref());
        if pod.metadata.deletion_timestamp.is_some() {
            let now = DeleteOptions {
                grace_period: Some(0),
                ..Default::default()
            };
            let _ = client.delete::<Pod>(namespace, name, now).await;
        } else if ip.is_none() {
            let ip = format!("10.244.0.{next}");
            next += 1;
            let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": "2024-01-01T00:00:00Z"});
            let status = json!({"status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": [ready]}});
            let _ = client
                .patch_status::<Pod>(namespace, name, PatchKind::Strategic, status)
                .await;
        }
    }
}

fn template(image: &str) -> Value {
    let spec = json!({"containers": [{"name": "c", "image": image, "ports": [{"name": "web", "containerPort": 8080}]}], "nodeName": "n"});
    json!({"metadata": {"labels": {"app": "a"}}, "spec": spec})
}

fn is_second(deployment: &Deployment) -> bool {
    let annotations = deployment.metadata.annotations.as_ref();
    annotations.is_some_and(|all| {
        all.get("deployment.kubernetes.io/revision")
            .is_some_and(|revision| revision == "2")
    })
}

fn is_rolled_out(deployment: &Deployment) -> bool {
    let Some(status) = &deployment.status else {
        return false;
    };
    let conditions = status.conditions.as_deref().unwrap_or_default();
    status.observed_generation == deployment.metadata.generation
        && status.updated_replicas == Some(3)
        && status.available_replicas == Some(3)
        && status.replicas == Some(3)
        && conditions
            .iter()
            .any(|c| c.reason.as_deref() == Some("NewReplicaSetAvailable"))
}

/// The newest version of anything but events, leases and nodes: at rest it stays.
async fn version(client: &Client) -> u64 {
    async fn newest<T: navarch_machinery::object::Typed>(client: &Client) -> u64 {
        let list = client.list::<T>(&ListOptions::default()).await.unwrap();
        let versions = list
            .items
            .iter()
            .filter_map(|item| item.metadata().resource_version.as_ref()?.parse().ok());
        versions.max().unwrap_or(0)
    }
    let all = [
        newest::<Deployment>(client).await,
        newest::<ReplicaSet>(client).await,
        newest::<ReplicationController>(client).await,
        newest::<Pod>(client).await,
        newest::<EndpointSlice>(client).await,
        newest::<Endpoints>(client).await,
        newest::<Namespace>(client).await,
        newest::<ConfigMap>(client).await,
    ];
    all.into_iter().max().unwrap()
}

async fn rests(client: &Client) {
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = version(client).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(
        version(client).await,
        before,
        "at rest something is written"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_rolls_out_serves_and_goes() {
    let (cluster, _tasks) = running().await;
    let client = &cluster.client;
    let metadata = json!({"namespace": "ns", "name": "d"});
    let spec = json!({"replicas": 3, "selector": {"matchLabels": {"app": "a"}}, "template": template("one")});
    cluster
        .create::<Deployment>(json!({"metadata": metadata, "spec": spec}))
        .await;
    let spec = json!({"selector": {"app": "a"}, "ports": [{"port": 80, "targetPort": "web"}]});
    cluster
        .create::<Service>(json!({"metadata": {"namespace": "ns", "name": "s"}, "spec": spec}))
        .await;
    cluster.until::<Deployment>("ns", "d", is_rolled_out).await;
    let count = |endpoints: &Endpoints| {
        let subsets = endpoints.subsets.iter().flatten();
        subsets
            .map(|subset| subset.addresses.iter().flatten().count())
            .sum::<usize>()
    };
    cluster
        .until::<Endpoints>("ns", "s", |endpoints| count(endpoints) == 3)
        .await;
    rests(client).await;

    let change = json!({"spec": {"template": template("two")}});
    client
        .patch::<Deployment>(Some("ns"), "d", PatchKind::Merge, change)
        .await
        .unwrap();
    cluster
        .until::<Deployment>("ns", "d", |deployment| {
            is_second(deployment) && is_rolled_out(deployment)
        })
        .await;
    rests(client).await;
    let sets = client
        .list::<ReplicaSet>(&ListOptions::default())
        .await
        .unwrap();
    assert_eq!(sets.items.len(), 2);
    let slices = client
        .list::<EndpointSlice>(&ListOptions {
            namespace: Some("ns".into()),
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!(
        slices
            .items
            .iter()
            .map(|slice| slice.endpoints.iter().flatten().count())
            .sum::<usize>(),
        3
    );

    client
        .delete::<Deployment>(Some("ns"), "d", DeleteOptions::default())
        .await
        .unwrap();
    cluster
        .until::<Endpoints>("ns", "s", |endpoints| count(endpoints) == 0)
        .await;
    for set in sets.items {
        cluster
            .gone::<ReplicaSet>("ns", set.metadata.name.as_deref().unwrap())
            .await;
    }
    client
        .delete::<Namespace>(None, "ns", DeleteOptions::default())
        .await
        .unwrap();
    cluster.gone::<Namespace>("", "ns").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replication_controller_keeps_its_pods() {
    let (cluster, _tasks) = running().await;
    let metadata = json!({"namespace": "ns", "name": "rc"});
    let spec = json!({"replicas": 2, "selector": {"app": "a"}, "template": template("one")});
    cluster
        .create::<ReplicationController>(json!({"metadata": metadata, "spec": spec}))
        .await;
    let ready = |rc: &ReplicationController| {
        rc.status
            .as_ref()
            .is_some_and(|status| status.ready_replicas == Some(2))
    };
    cluster
        .until::<ReplicationController>("ns", "rc", ready)
        .await;
    rests(&cluster.client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_that_are_refused_show_on_the_set() {
    let (cluster, _tasks) = running().await;
    let mut template = template("one");
    template["spec"]["serviceAccountName"] = json!("nobody");
    let spec =
        json!({"replicas": 1, "selector": {"matchLabels": {"app": "a"}}, "template": template});
    cluster
        .create::<ReplicaSet>(json!({"metadata": {"namespace": "ns", "name": "rs"}, "spec": spec}))
        .await;
    let failed = |set: &ReplicaSet| {
        let conditions = set
            .status
            .iter()
            .flat_map(|status| status.conditions.iter().flatten());
        conditions
            .into_iter()
            .any(|c| c.type_ == "ReplicaFailure" && c.reason.as_deref() == Some("FailedCreate"))
    };
    cluster.until::<ReplicaSet>("ns", "rs", failed).await;
    let account = json!({"metadata": {"namespace": "ns", "name": "nobody"}});
    cluster
        .create::<k8s_openapi::api::core::v1::ServiceAccount>(account)
        .await;
    cluster
        .until::<ReplicaSet>("ns", "rs", |set| {
            !failed(set)
                && set
                    .status
                    .as_ref()
                    .is_some_and(|status| status.ready_replicas == Some(1))
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_that_are_kept_by_hand_are_mirrored() {
    let (cluster, _tasks) = running().await;
    let client = &cluster.client;
    let metadata = json!({"namespace": "ns", "name": "s"});
    let spec = json!({"ports": [{"port": 80}]});
    cluster
        .create::<Service>(json!({"metadata": metadata, "spec": spec}))
        .await;
    let subset = json!({"addresses": [{"ip": "192.0.2.7"}], "ports": [{"port": 8080}]});
    cluster
        .create::<Endpoints>(json!({"metadata": metadata, "subsets": [subset]}))
        .await;
    let mirrors = async || {
        let list = ListOptions {
            label_selector: "kubernetes.io/service-name=s".into(),
            ..Default::default()
        };
        let slices = client.list::<EndpointSlice>(&list).await.unwrap().items;
        let addresses = slices.iter().flat_map(|slice| {
            let endpoints = slice.endpoints.iter().flatten();
            endpoints.flat_map(|endpoint| endpoint.addresses.clone())
        });
        addresses.collect::<Vec<_>>()
    };
    let until = async |wanted: &[&str]| {
        for _ in 0..1000 {
            if mirrors().await == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{:?} instead of {wanted:?}", mirrors().await);
    };
    until(&["192.0.2.7"]).await;
    rests(client).await;

    let subset = json!({"notReadyAddresses": [{"ip": "192.0.2.8"}], "ports": [{"port": 8081, "name": "web"}]});
    let change = json!({"subsets": [subset]});
    client
        .patch::<Endpoints>(Some("ns"), "s", PatchKind::Merge, change)
        .await
        .unwrap();
    until(&["192.0.2.8"]).await;
    rests(client).await;

    client
        .delete::<Endpoints>(Some("ns"), "s", DeleteOptions::default())
        .await
        .unwrap();
    until(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_takes_over_the_pods_that_it_finds() {
    let (cluster, _tasks) = running().await;
    let pod = |name: &str| {
        let mut pod = template("one");
        pod["metadata"]["namespace"] = json!("ns");
        pod["metadata"]["name"] = json!(name);
        pod
    };
    // A set that comes before its controller has heard of the pods makes its own, here as in Kubernetes: they run by then.
    for name in ["a", "b"] {
        cluster.create::<Pod>(pod(name)).await;
        let runs = |pod: &Pod| {
            let status = pod.status.as_ref();
            status.is_some_and(|status| status.phase.as_deref() == Some("Running"))
        };
        cluster.until::<Pod>("ns", name, runs).await;
    }
    let metadata = json!({"namespace": "ns", "name": "s"});
    let spec = json!({"replicas": 2, "selector": {"matchLabels": {"app": "a"}}, "template": template("one")});
    cluster
        .create::<ReplicaSet>(json!({"metadata": metadata, "spec": spec}))
        .await;
    cluster
        .until::<ReplicaSet>("ns", "s", |set| {
            set.status
                .as_ref()
                .is_some_and(|status| status.ready_replicas == Some(2))
        })
        .await;
    rests(&cluster.client).await;
    let pods = cluster
        .client
        .list::<Pod>(&ListOptions::default())
        .await
        .unwrap()
        .items;
    let names: Vec<_> = pods
        .iter()
        .map(|pod| pod.metadata.name.as_deref().unwrap())
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert!(
        pods.iter()
            .all(|pod| pod.metadata.owner_references.is_some())
    );
}
