//! An agent with its doubles.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Node, Pod};
use navarch_client::{Client, DeleteOptions, SystemClock};
use navarch_node::{Agent, NodeOptions, NodeParts, service_view};
use serde_json::{Value, json};

use crate::api::Api;
use crate::runtime::{FakeNetwork, FakeRuntime, FakeVolumes};

pub(crate) struct Cluster {
    pub(crate) api: Arc<Api>,
    pub(crate) client: Client,
    pub(crate) runtime: Arc<FakeRuntime>,
    pub(crate) network: Arc<FakeNetwork>,
    pub(crate) directory: tempfile::TempDir,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        let api = Api::new();
        let client = Client::new(api.clone());
        let (runtime, network) = (
            Arc::new(FakeRuntime::new()),
            Arc::new(FakeNetwork::default()),
        );
        Self {
            api,
            client,
            runtime,
            network,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// With an API and a network that another agent uses.
    pub(crate) fn on(api: Arc<Api>, network: Arc<FakeNetwork>) -> Self {
        let client = Client::new(api.clone());
        Self {
            network,
            client,
            api,
            ..Self::new()
        }
    }

    pub(crate) async fn agent(&self) -> Agent {
        let options = NodeOptions::new(
            "n1",
            "192.168.0.1".parse().unwrap(),
            self.directory.path().to_path_buf(),
        );
        let parts = NodeParts {
            options,
            client: self.client.clone(),
            view: service_view(&self.client),
            runtime: self.runtime.clone(),
            network: self.network.clone(),
            volumes: Arc::new(FakeVolumes),
            clock: Arc::new(SystemClock),
            services_applied: None,
        };
        Agent::start(parts).await.unwrap()
    }

    pub(crate) async fn create(&self, name: &str, spec: Value) {
        let mut spec = spec;
        spec["nodeName"] = json!("n1");
        let pod: Pod = serde_json::from_value(
            json!({"metadata": {"name": name, "namespace": "default"}, "spec": spec}),
        )
        .unwrap();
        self.client.create(pod).await.unwrap();
    }

    pub(crate) async fn delete(&self, name: &str) {
        self.client
            .delete::<Pod>(Some("default"), name, DeleteOptions::default())
            .await
            .unwrap();
    }

    /// Has a container of a pod ask for other resources.
    pub(crate) async fn resize(&self, pod: &str, container: &str, resources: Value) {
        loop {
            let mut pod = self.pod(pod).unwrap();
            let containers = &mut pod.spec.get_or_insert_default().containers;
            let container = containers.iter_mut().find(|c| c.name == container).unwrap();
            container.resources = Some(serde_json::from_value(resources.clone()).unwrap());
            pod.metadata.generation = pod.metadata.generation.map(|g| g + 1);
            match self.client.update(pod).await {
                Err(error) if error.is_conflict() => {}
                result => return drop(result.unwrap()),
            }
        }
    }

    pub(crate) async fn node(&self) -> Node {
        let node = self.client.get::<Node>(None, "n1").await.unwrap();
        Node::clone(&node)
    }

    pub(crate) fn pod(&self, name: &str) -> Option<Pod> {
        self.api
            .all::<Pod>("pods")
            .into_iter()
            .find(|p| p.metadata.name.as_deref() == Some(name))
    }

    /// Waits until the pod is as asked for; panics with the pod if it is not in time.
    pub(crate) async fn until(&self, name: &str, wanted: impl Fn(&Pod) -> bool) -> Pod {
        for _ in 0..1000 {
            if let Some(pod) = self.pod(name).filter(&wanted) {
                return pod;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "not in time: {:#?}\n{:?}",
            self.pod(name).and_then(|p| p.status),
            self.runtime.log.lock()
        );
    }

    pub(crate) async fn until_gone(&self, name: &str) {
        for _ in 0..500 {
            if self.pod(name).is_none() && self.runtime.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not in time: {:#?}", self.pod(name));
    }

    /// Waits until the API does not have the pod any more.
    pub(crate) async fn until_absent(&self, name: &str) {
        for _ in 0..1500 {
            if self.pod(name).is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not in time: {:#?}", self.pod(name));
    }

    /// Waits for an event: they are written beside the work that they tell of.
    pub(crate) async fn hears(&self, told: &str) {
        for _ in 0..500 {
            if self.events().iter().any(|event| event == told) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{told} is not in {:?}", self.events());
    }

    pub(crate) fn events(&self) -> Vec<String> {
        let events = self.api.all::<Event>("events").into_iter();
        events
            .map(|e| {
                format!(
                    "{} {}",
                    e.reason.unwrap_or_default(),
                    e.message.unwrap_or_default()
                )
            })
            .collect()
    }
}

pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status
        .as_ref()
        .and_then(|s| s.phase.as_deref())
        .unwrap_or("")
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|s| s.conditions.as_deref())
        .unwrap_or_default();
    conditions
        .iter()
        .any(|c| c.type_ == "Ready" && c.status == "True")
}
