use std::time::Duration;

use k8s_openapi::api::core::v1::{
    ConfigMap, Event, Namespace, Pod, Secret, Service, ServiceAccount,
};
use navarch_api::call::PatchKind;
use navarch_client::{DeleteOptions, Informer, InformerOptions};
use navarch_controllers::{graph::Graph, namespace};
use serde_json::json;

use crate::cluster::Cluster;

async fn emptied() -> (Cluster, tokio::task::JoinHandle<()>) {
    let cluster = Cluster::start().await;
    let graph = Graph::start(&cluster.client);
    let namespaces = Informer::start(cluster.client.clone(), InformerOptions::default());
    let task = tokio::spawn(namespace::run(namespaces, graph, cluster.context.clone()));
    cluster
        .create::<Namespace>(json!({"metadata": {"name": "ns"}}))
        .await;
    (cluster, task)
}

async fn delete(cluster: &Cluster) {
    cluster
        .client
        .delete::<Namespace>(None, "ns", DeleteOptions::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_namespace_goes_with_all_that_is_in_it() {
    let (cluster, _task) = emptied().await;
    cluster
        .create::<ConfigMap>(json!({"metadata": {"namespace": "ns", "name": "map"}}))
        .await;
    cluster
        .create::<Secret>(json!({"metadata": {"namespace": "ns", "name": "secret"}}))
        .await;
    let spec = json!({"ports": [{"port": 80}]});
    cluster
        .create::<Service>(
            json!({"metadata": {"namespace": "ns", "name": "service"}, "spec": spec}),
        )
        .await;
    let about = json!({"namespace": "ns", "name": "map", "kind": "ConfigMap"});
    cluster
        .create::<Event>(
            json!({"metadata": {"namespace": "ns", "name": "event"}, "involvedObject": about}),
        )
        .await;
    cluster
        .create::<ConfigMap>(json!({"metadata": {"namespace": "default", "name": "stays"}}))
        .await;
    delete(&cluster).await;
    let took = cluster.gone::<Namespace>("", "ns").await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(!cluster.is_there::<Event>("ns", "event").await);
    assert!(!cluster.is_there::<Service>("ns", "service").await);
    assert!(cluster.is_there::<ConfigMap>("default", "stays").await);
}

#[tokio::test]
async fn what_holds_it_is_told_and_its_end_is_noticed_at_once() {
    let (cluster, _task) = emptied().await;
    let metadata = json!({"namespace": "ns", "name": "held", "finalizers": ["example.com/wait"]});
    cluster
        .create::<ConfigMap>(json!({"metadata": metadata}))
        .await;
    delete(&cluster).await;
    let message = |namespace: &Namespace| {
        let status = namespace.status.clone().unwrap();
        let condition = status
            .conditions
            .into_iter()
            .flatten()
            .find(|c| c.type_ == "NamespaceFinalizersRemaining");
        condition
            .filter(|c| c.status == "True")
            .and_then(|c| c.message)
    };
    let held = cluster
        .until::<Namespace>("", "ns", |namespace| message(namespace).is_some())
        .await;
    assert_eq!(
        message(&held).unwrap(),
        "Some content in the namespace has finalizers remaining: example.com/wait in 1 resource instances"
    );
    let release = json!({"metadata": {"finalizers": null}});
    cluster
        .client
        .patch::<ConfigMap>(Some("ns"), "held", PatchKind::Merge, release)
        .await
        .unwrap();
    let took = cluster.gone::<Namespace>("", "ns").await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn the_rest_waits_for_the_pods() {
    let (cluster, _task) = emptied().await;
    // Here nobody gives a namespace its service account.
    let account = json!({"metadata": {"namespace": "ns", "name": "default"}});
    cluster.create::<ServiceAccount>(account).await;
    let spec = json!({"nodeName": "n", "containers": [{"name": "c", "image": "i"}], "terminationGracePeriodSeconds": 30});
    cluster
        .create::<Pod>(json!({"metadata": {"namespace": "ns", "name": "pod"}, "spec": spec}))
        .await;
    cluster
        .create::<ConfigMap>(json!({"metadata": {"namespace": "ns", "name": "map"}}))
        .await;
    delete(&cluster).await;
    cluster
        .until::<Pod>("ns", "pod", |pod| pod.metadata.deletion_timestamp.is_some())
        .await;
    assert!(cluster.is_there::<ConfigMap>("ns", "map").await);
    let now = DeleteOptions {
        grace_period: Some(0),
        ..Default::default()
    };
    cluster
        .client
        .delete::<Pod>(Some("ns"), "pod", now)
        .await
        .unwrap();
    let took = cluster.gone::<Namespace>("", "ns").await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}
