//! What people do to a cluster, at random.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use navarch_api::call::PatchKind;
use navarch_api::strategy::Propagation;
use navarch_client::{Client, DeleteOptions, ListOptions};
use navarch_machinery::status::Result;
use serde_json::{Value, json};

use crate::faults::Faults;

/// How many deployments there are at most.
const DEPLOYMENTS: usize = 4;
const NAMESPACE: &str = "default";

/// A person with all rights and no plan.
pub struct User {
    client: Client,
    /// How often an image was changed: each is another.
    images: usize,
    size: Size,
}

/// How large pods are, beside the two processors that a node has at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// All find room.
    Small,
    /// Two fill a node: most wait for others to go.
    Large,
}

impl Size {
    fn cpu(self) -> &'static str {
        match self {
            Self::Small => "100m",
            Self::Large => "900m",
        }
    }

    /// How many pods a deployment may have in the end, so that all find room.
    fn lasting(self) -> i32 {
        match self {
            Self::Small => 3,
            Self::Large => 1,
        }
    }
}

impl User {
    /// One that speaks by this client, and makes pods of this size.
    pub fn new(client: Client, size: Size) -> Self {
        Self {
            client,
            images: 0,
            size,
        }
    }

    /// Does something. What it does may be refused: it does not look first.
    pub async fn act(&mut self, draw: &Faults) {
        let name = format!("d{}", draw.below(DEPLOYMENTS));
        let done = match draw.below(12) {
            0..=2 => self.create(&name, draw).await,
            3..=4 => {
                self.merge(&name, json!({"spec": {"replicas": draw.below(5)}}))
                    .await
            }
            5..=6 => self.roll(&name).await,
            7 => {
                self.merge(&name, json!({"spec": {"paused": draw.happens(0.5)}}))
                    .await
            }
            8 => self.delete(&name, draw).await,
            9 => self.delete_pod(draw).await,
            10 => self.expose(&name, draw).await,
            _ => self.cordon(draw).await,
        };
        if let Err(error) = done {
            tracing::debug!(%error, "refused");
        }
    }

    /// Makes a deployment.
    ///
    /// # Errors
    /// The server's.
    pub async fn deploy(&self, name: &str, replicas: usize, rolling: Value) -> Result<()> {
        let deployment = json!({
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "strategy": {"rollingUpdate": rolling},
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {
                        "terminationGracePeriodSeconds": 5,
                        "containers": [{
                            "name": "c",
                            "image": "i:0",
                            "resources": {"requests": {"cpu": self.size.cpu(), "memory": "64Mi"}},
                        }],
                    },
                },
            },
        });
        let deployment: Deployment = typed(deployment)?;
        self.client.create(deployment).await.map(drop)
    }

    /// Gives a deployment another image.
    ///
    /// # Errors
    /// The server's.
    pub async fn roll(&mut self, name: &str) -> Result<()> {
        self.images += 1;
        let image = format!("i:{}", self.images);
        let containers = json!([{"name": "c", "image": image}]);
        let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        let client = &self.client;
        let patched =
            client.patch::<Deployment>(Some(NAMESPACE), name, PatchKind::Strategic, patch);
        patched.await.map(drop)
    }

    /// Lets go on what is paused, and opens all nodes.
    ///
    /// # Errors
    /// The server's.
    pub async fn settle(&self) -> Result<()> {
        for deployment in self
            .client
            .list::<Deployment>(&ListOptions::default())
            .await?
            .items
        {
            let name = deployment.metadata.name.as_deref().unwrap_or_default();
            let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
            let replicas = wanted.unwrap_or(1).min(self.size.lasting());
            self.merge(
                name,
                json!({"spec": {"paused": false, "replicas": replicas}}),
            )
            .await?;
        }
        for node in self
            .client
            .list::<Node>(&ListOptions::default())
            .await?
            .items
        {
            let name = node.metadata.name.as_deref().unwrap_or_default();
            self.unschedulable(name, false).await?;
        }
        Ok(())
    }

    async fn create(&self, name: &str, draw: &Faults) -> Result<()> {
        let rolling = match draw.below(4) {
            0 => json!({"maxSurge": 0, "maxUnavailable": 1}),
            1 => json!({"maxSurge": 1, "maxUnavailable": 0}),
            2 => json!({"maxSurge": "50%", "maxUnavailable": "50%"}),
            _ => json!({"maxSurge": "25%", "maxUnavailable": "25%"}),
        };
        self.deploy(name, draw.below(5), rolling).await
    }

    async fn merge(&self, name: &str, patch: Value) -> Result<()> {
        let client = &self.client;
        let patched = client.patch::<Deployment>(Some(NAMESPACE), name, PatchKind::Merge, patch);
        patched.await.map(drop)
    }

    async fn delete(&self, name: &str, draw: &Faults) -> Result<()> {
        let propagation = match draw.below(3) {
            0 => Propagation::Foreground,
            _ => Propagation::Background,
        };
        let options = DeleteOptions {
            propagation: Some(propagation),
            ..DeleteOptions::default()
        };
        self.client
            .delete::<Deployment>(Some(NAMESPACE), name, options)
            .await
    }

    async fn delete_pod(&self, draw: &Faults) -> Result<()> {
        let pods = self
            .client
            .list::<Pod>(&ListOptions::default())
            .await?
            .items;
        let Some(pod) = pods.get(draw.below(pods.len().max(1))) else {
            return Ok(());
        };
        let (namespace, name) = (
            pod.metadata.namespace.as_deref(),
            pod.metadata.name.as_deref(),
        );
        let options = DeleteOptions {
            grace_period: draw.happens(0.2).then_some(0),
            ..DeleteOptions::default()
        };
        self.client
            .delete::<Pod>(namespace, name.unwrap_or_default(), options)
            .await
    }

    async fn expose(&self, name: &str, draw: &Faults) -> Result<()> {
        if draw.happens(0.3) {
            let options = DeleteOptions::default();
            return self
                .client
                .delete::<Service>(Some(NAMESPACE), name, options)
                .await;
        }
        let kind = if draw.happens(0.5) {
            "NodePort"
        } else {
            "ClusterIP"
        };
        let service: Service = typed(json!({
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"type": kind, "selector": {"app": name}, "ports": [{"port": 80}]},
        }))?;
        self.client.create(service).await.map(drop)
    }

    async fn cordon(&self, draw: &Faults) -> Result<()> {
        let nodes = self
            .client
            .list::<Node>(&ListOptions::default())
            .await?
            .items;
        let Some(node) = nodes.get(draw.below(nodes.len().max(1))) else {
            return Ok(());
        };
        let name = node.metadata.name.as_deref().unwrap_or_default();
        self.unschedulable(name, draw.happens(0.4)).await
    }

    async fn unschedulable(&self, name: &str, yes: bool) -> Result<()> {
        let patch = json!({"spec": {"unschedulable": yes}});
        let patched = self
            .client
            .patch::<Node>(None, name, PatchKind::Merge, patch);
        patched.await.map(drop)
    }
}

fn typed<T: serde::de::DeserializeOwned>(object: Value) -> Result<T> {
    serde_json::from_value(object).map_err(navarch_machinery::status::StatusError::internal)
}
