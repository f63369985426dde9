//! The pods of the node.

use http::{Response, StatusCode};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;

use super::{Body, NodeApi, answer};

impl NodeApi {
    /// The pods that the API wants here.
    pub(super) fn list_pods(&self) -> Response<Body> {
        let snapshot = self.worker.pods.snapshot();
        let pods: Vec<Pod> = snapshot.iter().map(|pod| (**pod).clone()).collect();
        pod_list(&pods)
    }

    /// The pods that the runtime runs, as far as it knows them.
    pub(super) fn list_running(&self) -> Response<Body> {
        let mut pods = Vec::new();
        for uid in self.worker.view.uids() {
            let actual = self.worker.view.of_pod(&uid);
            let Some(sandbox) = actual.ready_sandbox() else {
                continue;
            };
            let running = actual.containers.iter().filter(|c| c.pid.is_some());
            let containers = running.map(|c| Container {
                name: c.config.name.clone(),
                image: Some(c.image_id.clone()),
                ..Container::default()
            });
            let metadata = ObjectMeta {
                name: Some(sandbox.config.name.clone()),
                namespace: Some(sandbox.config.namespace.clone()),
                uid: Some(uid),
                ..ObjectMeta::default()
            };
            let spec = PodSpec {
                containers: containers.collect(),
                ..PodSpec::default()
            };
            pods.push(Pod {
                metadata,
                spec: Some(spec),
                status: None,
            });
        }
        pod_list(&pods)
    }
}

fn pod_list(items: &[Pod]) -> Response<Body> {
    let list = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items});
    answer(StatusCode::OK, "application/json", list.to_string())
}
