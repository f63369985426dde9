//! A cluster whose pods are held to network policies, and what goes through between them.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Mutex;

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use navarch_api::call::PatchKind;
use navarch_client::DeleteOptions;
use navarch_network::{
    Attachment, FlowTable, NetworkPolicies, NetworkPoliciesConfig, PodName, PodRequest, PolicyError,
};
use serde_json::{Value, json};

use crate::cluster::{Cluster, PATIENCE};
use crate::flow_table;
use crate::namespaces::Namespace;

/// The cluster, and its node's policies.
pub struct Guarded {
    pub cluster: Cluster,
    policies: Option<NetworkPolicies>,
    pub flow_table: Option<FlowTable>,
    /// A pod that is there.
    attached: Mutex<Option<(String, PodName, Vec<IpAddr>)>>,
}

/// A running pod.
pub struct Running {
    pub inside: Namespace,
    pub attachment: Attachment,
    pub name: PodName,
}

impl Deref for Running {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.inside
    }
}

impl Running {
    pub fn ip(&self) -> IpAddr {
        self.attachment.ips[0]
    }
}

impl Guarded {
    pub async fn start() -> Self {
        let cluster = Cluster::start().await;
        let account = json!({"metadata": {"name": "default", "namespace": "default"}});
        let account: ServiceAccount = serde_json::from_value(account).unwrap();
        cluster.client.create(account).await.unwrap();
        let flow_table = FlowTable::start(flow_table::config(&cluster.node.host));
        let mut guarded = Self {
            cluster,
            policies: None,
            flow_table: Some(flow_table),
            attached: Mutex::default(),
        };
        guarded.start_policies().await;
        guarded
    }

    pub fn config(&self) -> NetworkPoliciesConfig {
        NetworkPoliciesConfig {
            table: "policies".into(),
            netns: Some(self.cluster.node.host.path()),
        }
    }

    /// Starts them in the place of those there are, as a node's agent that is replaced.
    pub async fn start_policies(&mut self) {
        self.policies = None;
        self.policies = Some(self.policies_of(self.config()).await);
    }

    /// As an agent that is gone: what it made stays.
    pub fn stop_policies(&mut self) {
        self.policies = None;
    }

    pub async fn policies_of(&self, config: NetworkPoliciesConfig) -> NetworkPolicies {
        let attached = self.cluster.network.attachments().await.unwrap();
        NetworkPolicies::start(config, &self.cluster.as_node(), &attached)
    }

    pub fn policies(&self) -> &NetworkPolicies {
        self.policies.as_ref().unwrap()
    }

    pub async fn remove_everything(&mut self) {
        self.policies = None;
        NetworkPolicies::remove_everything(self.config())
            .await
            .unwrap();
    }

    /// Starts a pod with these labels, and has the API know its address.
    pub async fn pod(&self, name: &str, labels: Value) -> Running {
        let running = self.begin(name, labels).await;
        self.report(&running).await;
        running
    }

    /// Starts a pod as far as its first packet: the API does not know its address yet.
    pub async fn begin(&self, name: &str, labels: Value) -> Running {
        let running = self.attach(name, labels).await;
        self.admit(self.policies(), &running).await.unwrap();
        running
    }

    /// Makes a pod and its interface.
    pub async fn attach(&self, name: &str, labels: Value) -> Running {
        let ports = json!([{"name": "http", "containerPort": 8080}]);
        let pod = json!({
            "metadata": {"name": name, "namespace": "default", "labels": labels},
            "spec": {"nodeName": "n1", "automountServiceAccountToken": false, "containers": [{"name": "c", "image": "c", "ports": ports}]},
        });
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let made = self.cluster.client.create(pod).await.unwrap();
        let name = PodName {
            namespace: "default".into(),
            name: name.to_owned(),
            uid: made.metadata.uid.clone().unwrap(),
        };
        let inside = Namespace::new();
        let (network, netns) = (&self.cluster.network, inside.path());
        let attached = network.attach(&name.name, &netns, PodRequest::new(name.clone(), vec![]));
        let attachment = attached.await.unwrap();
        let known = (
            attachment.sandbox_id.clone(),
            name.clone(),
            attachment.ips.clone(),
        );
        *self.attached.lock().unwrap() = Some(known);
        Running {
            inside,
            attachment,
            name,
        }
    }

    pub async fn admit(
        &self,
        policies: &NetworkPolicies,
        pod: &Running,
    ) -> Result<(), PolicyError> {
        let (name, ips) = (pod.name.clone(), &pod.attachment.ips);
        policies.admit(&pod.attachment.sandbox_id, name, ips).await
    }

    async fn report(&self, pod: &Running) {
        let ips: Vec<Value> = pod
            .attachment
            .ips
            .iter()
            .map(|ip| json!({"ip": ip}))
            .collect();
        let status = json!({"status": {"phase": "Running", "podIP": pod.ip(), "podIPs": ips}});
        let (namespace, kind) = (Some("default"), PatchKind::Merge);
        let patched =
            self.cluster
                .client
                .patch_status::<Pod>(namespace, &pod.name.name, kind, status);
        patched.await.unwrap();
    }

    /// Gives a pod other labels.
    pub async fn label(&self, pod: &str, labels: Value) {
        let patch = json!({"metadata": {"labels": labels}});
        let (namespace, kind) = (Some("default"), PatchKind::Merge);
        let patched = self
            .cluster
            .client
            .patch::<Pod>(namespace, pod, kind, patch);
        patched.await.unwrap();
    }

    /// Makes a policy, or has it say something else, and waits until it holds.
    pub async fn policy(&self, name: &str, spec: Value) {
        self.write(name, spec).await;
        self.applied().await;
    }

    /// Waits until what the API says of policies now holds, as a pod does before it begins.
    pub async fn applied(&self) {
        let known = self.attached.lock().unwrap().clone();
        let (sandbox, name, ips) = known.expect("a pod");
        let admitted = self.policies().admit(&sandbox, name, &ips);
        let admitted = tokio::time::timeout(PATIENCE, admitted).await;
        admitted.unwrap().unwrap();
    }

    /// Returns the revision at which it says so.
    pub async fn write(&self, name: &str, spec: Value) -> u64 {
        let client = &self.cluster.client;
        let policy = json!({"metadata": {"name": name, "namespace": "default"}, "spec": spec});
        let mut policy: NetworkPolicy = serde_json::from_value(policy).unwrap();
        let written = match client.get::<NetworkPolicy>(Some("default"), name).await {
            Ok(known) => {
                policy.metadata.resource_version = known.metadata.resource_version.clone();
                client.update(policy).await.unwrap()
            }
            Err(_) => client.create(policy).await.unwrap(),
        };
        let revision = written.metadata.resource_version.as_deref().unwrap();
        revision.parse().unwrap()
    }

    pub async fn forget(&self, name: &str) {
        let options = DeleteOptions::default();
        let client = &self.cluster.client;
        let deleted = client.delete::<NetworkPolicy>(Some("default"), name, options);
        deleted.await.unwrap();
    }
}
