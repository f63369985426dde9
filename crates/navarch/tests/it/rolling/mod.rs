//! A rollout that no client notices.

mod load;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::cluster::{Cluster, IMAGE, OTHER, until};
use load::Load;

/// A server that is told to stop goes on for a moment, as one should: what is under way comes to its end.
const SERVE: &str = "trap 'sleep 1; exit 0' TERM; httpd -f -p 8080 -h /www & wait";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rollout_under_load_refuses_no_request() {
    let cluster = Cluster::start();
    let client = cluster.client().await;
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let services: Api<Service> = Api::default_namespaced(client.clone());
    let service = json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}});
    let service = serde_json::from_value(service).unwrap();
    services
        .create(&PostParams::default(), &service)
        .await
        .unwrap();
    deployments
        .create(&PostParams::default(), &deployment())
        .await
        .unwrap();
    rolled_out(&deployments).await;
    let load = Load::start(client, "web", 5).await;
    for image in [OTHER, IMAGE] {
        let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}});
        deployments
            .patch("web", &PatchParams::default(), &Patch::Strategic(patch))
            .await
            .unwrap();
        rolled_out(&deployments).await;
        load.sees(&format!("page of {image}\n")).await;
    }
    let (answered, refused) = load.stop();
    println!("{answered} requests answered, {} refused", refused.len());
    assert!(refused.is_empty(), "{refused:#?}");
    assert!(answered > 100, "only {answered} requests were made");
}

fn deployment() -> Deployment {
    let container = json!({
        "name": "main", "image": IMAGE, "command": ["sh", "-c", SERVE],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    });
    let template = json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"terminationGracePeriodSeconds": 10, "containers": [container]},
    });
    let spec =
        json!({"replicas": 5, "selector": {"matchLabels": {"app": "web"}}, "template": template});
    serde_json::from_value(json!({"metadata": {"name": "web"}, "spec": spec})).unwrap()
}

/// As `kubectl rollout status` decides it.
async fn rolled_out(deployments: &Api<Deployment>) {
    until(deployments, "web", |found| {
        let found = found?;
        let status = found.status.clone().unwrap_or_default();
        let all = [
            status.replicas,
            status.updated_replicas,
            status.available_replicas,
        ];
        let observed = status.observed_generation == found.metadata.generation;
        (observed && all == [Some(5); 3]).then_some(())
    })
    .await;
}
