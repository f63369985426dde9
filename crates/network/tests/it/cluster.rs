//! A node with its pod network and its service proxy, before an API server in memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use navarch_api::call::{Answer, Call, Endpoint, PatchKind, WatchStream};
use navarch_apiserver::{AdmissionOptions, ApiServer, Config, Credentials};
use navarch_auth::{MASTERS, StaticTokens, UserInfo};
use navarch_client::{Client, DeleteOptions};
use navarch_machinery::status::StatusError;
use navarch_network::{Attachment, PodNetwork, ServiceProxy, ServiceProxyConfig, ServiceView};
use navarch_store::Memory;
use serde_json::{Value, json};

use crate::{TestNode, attach, ip, namespaces::Namespace};

/// How long what is written may take to be so.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The node is 192.0.2.1 outside, where a machine, 192.0.2.2, knows no way to the pods.
pub struct Cluster {
    pub node: TestNode,
    pub outside: Namespace,
    pub network: PodNetwork,
    pub client: Client,
    pub view: ServiceView,
    server: Arc<ApiServer>,
    proxy: Option<ServiceProxy>,
}

/// An API that may be away.
struct Interrupted {
    endpoint: Arc<dyn Endpoint>,
    switch: Arc<Switch>,
}

/// What it is asked, and whether it answers.
#[derive(Default)]
pub struct Switch {
    pub is_away: AtomicBool,
    pub watched: Mutex<Vec<String>>,
}

impl Switch {
    /// Whether anybody follows a resource.
    pub fn is_watched(&self, resource: &str) -> bool {
        self.watched.lock().unwrap().iter().any(|it| it == resource)
    }
}

#[async_trait::async_trait]
impl Endpoint for Interrupted {
    async fn call(&self, call: Call) -> navarch_machinery::status::Result<Answer> {
        match self.switch.is_away.load(Ordering::Relaxed) {
            true => Err(StatusError::unavailable("it is away")),
            false => self.endpoint.call(call).await,
        }
    }

    async fn watch(&self, call: Call) -> navarch_machinery::status::Result<WatchStream> {
        let resource = call.resource.resource.to_string();
        self.switch.watched.lock().unwrap().push(resource);
        self.endpoint.watch(call).await
    }
}

/// An endpoint as a slice has it.
#[derive(Clone, Copy)]
pub struct Behind<'a> {
    pub pod: &'a Attachment,
    pub node: &'a str,
    pub ready: bool,
    pub terminating: bool,
}

pub fn ready(pod: &Attachment) -> Behind<'_> {
    Behind {
        pod,
        node: "n1",
        ready: true,
        terminating: false,
    }
}

impl Cluster {
    pub async fn start() -> Self {
        let node = TestNode::new();
        let outside = Namespace::new();
        node.host.sh(&format!(
            "ip link set lo up && ip link add name up0 type veth peer name out0 netns {} && ip addr add 192.0.2.1/24 dev up0 && ip link set up0 up \
             && ip link add name nowhere type bridge && ip link set nowhere up && ip route add default dev nowhere",
            outside.path().display()
        ));
        outside
            .sh("ip addr add 192.0.2.2/24 dev out0 && ip link set out0 up && ip link set lo up && ip route add default via 192.0.2.1");
        let network = node.start().await;
        let store = Arc::new(Memory::new());
        let server = ApiServer::new(Config {
            clock: navarch_apiserver::Clock::default(),
            authenticator: Arc::new(Credentials::new(
                store.clone(),
                StaticTokens::default(),
                None,
            )),
            store,
            table: navarch_api::table::builtin().clone(),
            admission: AdmissionOptions::default(),
            token_keys: None,
            node_proxy: None,
            service_cidrs: "10.96.0.0/16".parse().unwrap(),
            node_ports: 30000..=32767,
            advertise: "127.0.0.1:6443".parse().unwrap(),
            cluster_dns: Some("10.96.0.10".parse().unwrap()),
        });
        server.bootstrap().await.unwrap();
        let admin = UserInfo::authenticated("admin", [MASTERS.to_owned()]);
        let client = Client::new(server.as_user(admin));
        let addresses = json!([{"type": "InternalIP", "address": "192.0.2.1"}]);
        let own = json!({"metadata": {"name": "n1"}, "status": {"addresses": addresses}});
        let own: Node = serde_json::from_value(own).unwrap();
        client.create(own).await.unwrap();
        let user = UserInfo::authenticated("system:kube-proxy", []);
        let view = ServiceView::start(&Client::new(server.as_user(user)), &[]);
        let mut cluster = Self {
            node,
            outside,
            network,
            client,
            view,
            server,
            proxy: None,
        };
        cluster.start_proxy().await;
        cluster
    }

    fn config(&self) -> ServiceProxyConfig {
        ServiceProxyConfig {
            node: "n1".into(),
            table: "services".into(),
            cluster_cidrs: vec!["10.244.0.0/16".parse().unwrap()],
            wireguard_port: None,
            netns: Some(self.node.host.path()),
        }
    }

    /// How the node's own parts that see the whole cluster speak.
    pub fn as_node(&self) -> Client {
        let user = UserInfo::authenticated("system:kube-proxy", []);
        Client::new(self.server.as_user(user))
    }

    /// The same, and a switch by which its calls fail.
    pub fn as_node_that_may_be_alone(&self) -> (Client, Arc<Switch>) {
        let switch = Arc::new(Switch::default());
        let user = UserInfo::authenticated("system:kube-proxy", []);
        let endpoint = Interrupted {
            endpoint: self.server.as_user(user),
            switch: switch.clone(),
        };
        (Client::new(Arc::new(endpoint)), switch)
    }

    /// Starts a proxy in the place of the one there is, as a node's agent that is replaced.
    pub async fn start_proxy(&mut self) {
        self.proxy = None;
        let proxy = ServiceProxy::start(self.config(), &self.as_node(), self.view.clone()).await;
        self.proxy = Some(proxy.unwrap());
    }

    pub fn proxy(&self) -> &ServiceProxy {
        self.proxy.as_ref().unwrap()
    }

    pub async fn remove_everything(&mut self) {
        self.proxy = None;
        ServiceProxy::remove_everything(self.config())
            .await
            .unwrap();
    }

    pub async fn pod(&self, id: &str) -> (Namespace, Attachment) {
        attach(&self.network, id, vec![]).await
    }

    /// Makes a service of this spec, with the port 80 to 8080 unless it says otherwise, and waits until the node knows.
    pub async fn service(&self, name: &str, spec: Value, behind: &[Behind<'_>]) -> Arc<Service> {
        let mut whole = json!({"ports": [{"port": 80, "targetPort": 8080}]});
        merge(&mut whole, spec);
        let service = json!({"metadata": {"name": name, "namespace": "default"}, "spec": whole});
        let service: Service = serde_json::from_value(service).unwrap();
        let made = self.client.create(service).await.unwrap();
        self.behind(&made, behind).await;
        made
    }

    /// Says which endpoints a service has now.
    pub async fn behind(&self, service: &Service, behind: &[Behind<'_>]) {
        let name = service.metadata.name.as_deref().unwrap();
        let ports = service.spec.as_ref().unwrap().ports.as_ref().unwrap();
        let ports: Vec<Value> = ports
            .iter()
            .map(|port| json!({"name": port.name.clone().unwrap_or_default(), "port": 8080, "protocol": port.protocol}))
            .collect();
        let endpoints: Vec<Value> = behind
            .iter()
            .map(|b| {
                let conditions = json!({"ready": b.ready && !b.terminating, "serving": b.ready, "terminating": b.terminating});
                json!({"addresses": b.pod.ips, "nodeName": b.node, "conditions": conditions})
            })
            .collect();
        let labels = json!({"kubernetes.io/service-name": name});
        let slice = json!({
            "metadata": {"name": name, "namespace": "default", "labels": labels},
            "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
        });
        let namespace = Some("default");
        let made = match self.client.get::<EndpointSlice>(namespace, name).await {
            Ok(_) => {
                let kind = PatchKind::Merge;
                self.client.patch(namespace, name, kind, slice).await
            }
            Err(_) => {
                let slice: EndpointSlice = serde_json::from_value(slice).unwrap();
                self.client.create(slice).await
            }
        };
        let made: Arc<EndpointSlice> = made.unwrap();
        let revision = made.metadata.resource_version.as_deref().unwrap();
        let revision = revision.parse().unwrap();
        let applied = self.proxy().applied(revision);
        tokio::time::timeout(PATIENCE, applied).await.unwrap();
    }

    /// Gives a service an address of a load balancer.
    pub async fn ingress(&self, name: &str, ingress: Value) {
        let status = json!({"status": {"loadBalancer": {"ingress": [ingress]}}});
        let (namespace, kind) = (Some("default"), PatchKind::Merge);
        self.client
            .patch_status::<Service>(namespace, name, kind, status)
            .await
            .unwrap();
    }

    pub async fn delete(&self, name: &str) {
        let (namespace, options) = (Some("default"), DeleteOptions::default());
        self.client
            .delete::<Service>(namespace, name, options.clone())
            .await
            .unwrap();
        self.client
            .delete::<EndpointSlice>(namespace, name, options)
            .await
            .unwrap();
    }
}

pub fn cluster_ip(service: &Service) -> std::net::IpAddr {
    ip(service
        .spec
        .as_ref()
        .unwrap()
        .cluster_ip
        .as_deref()
        .unwrap())
}

pub fn node_port(service: &Service) -> u16 {
    let ports = service.spec.as_ref().unwrap().ports.as_ref().unwrap();
    ports[0].node_port.unwrap().try_into().unwrap()
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "not so yet: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn merge(into: &mut Value, from: Value) {
    let Value::Object(from) = from else { panic!() };
    for (key, value) in from {
        into[key] = value;
    }
}
