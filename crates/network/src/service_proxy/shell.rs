//! Follows services and endpoints, and has the kernel's tables follow them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::ServiceCIDR;
use navarch_client::{
    Backoff, Client, Index, Informer, InformerOptions, ListOptions, ObjectKey, Snapshot,
};
use tokio::sync::watch;

use super::claims::{Changes, Desired};
use super::element::{Family, Frontend};
use super::health::HealthChecks;
use super::kernel::{self, Kernel};
use super::layout::Layout;
use super::pending::{Pending, Work};
use super::plan::{self, Flows, NodeView};
use super::{service, stale};
use crate::error::ServiceProxyError;
use crate::owned::{Gone, Owned};
use crate::task::Task;

/// How often the kernel's tables are compared with what they should be: somebody else may have changed them.
const COMPARISON: Duration = Duration::from_secs(300);
/// The label of a node that names its zone.
const ZONE: &str = "topology.kubernetes.io/zone";
/// The label by which a slice names its service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// The label of services that another proxy takes care of.
const OTHER_PROXY: &str = "service.kubernetes.io/service-proxy-name";

/// A node's service proxy.
#[derive(Debug, Clone)]
pub struct ServiceProxyConfig {
    /// The node's name.
    pub node: String,
    /// The name of the nftables tables (families `ip` and `ip6`) that hold the rules; whatever else is in them goes.
    pub table: String,
    /// Where pods are in the whole cluster: what comes from there is no traffic from outside.
    pub cluster_cidrs: Vec<IpNet>,
    /// The network namespace that the rules are for; `None` is the one of the calling thread.
    pub netns: Option<PathBuf>,
}

/// What services there are and what is behind them, shared by all who need it.
#[derive(Clone)]
pub struct ServiceView {
    pub(crate) services: Informer<Service>,
    pub(crate) slices: Informer<EndpointSlice>,
}

impl ServiceView {
    /// Starts to follow them. The client must be one that may list services and endpoint slices, as `system:kube-proxy` may.
    pub fn start(client: &Client) -> Self {
        let services = InformerOptions {
            list: ListOptions::default(),
            indices: vec![Self::by_address()],
        };
        let slices = InformerOptions {
            list: ListOptions::default(),
            indices: vec![Self::by_service(), Self::by_endpoint()],
        };
        Self {
            services: Informer::start(client.clone(), services),
            slices: Informer::start(client.clone(), slices),
        }
    }

    /// Services by their own addresses.
    pub(crate) fn by_address() -> Index<Service> {
        Index {
            name: "address",
            values: |service| {
                let ips = service::cluster_ips(service).into_iter();
                ips.map(|ip| ip.to_string()).collect()
            },
        }
    }

    /// Slices by the addresses of their endpoints.
    pub(crate) fn by_endpoint() -> Index<EndpointSlice> {
        Index {
            name: "endpoint",
            values: |slice| {
                let endpoints = slice.endpoints.iter().flatten();
                let addresses = endpoints.filter_map(|endpoint| endpoint.addresses.first());
                addresses.cloned().collect()
            },
        }
    }

    /// Slices by `NAMESPACE/NAME` of their service.
    pub(crate) fn by_service() -> Index<EndpointSlice> {
        Index {
            name: "service",
            values: |slice| service_of(slice).map(|key| key.to_string()).into_iter().collect(),
        }
    }
}

/// The service that a slice belongs to.
pub(crate) fn service_of(slice: &EndpointSlice) -> Option<ObjectKey> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
    Some(ObjectKey::new(slice.metadata.namespace.as_deref()?, name))
}

/// A running service proxy. The rules stay when it is dropped: connections go on while a node's agent is being replaced.
pub struct ServiceProxy {
    dns: watch::Sender<Option<SocketAddr>>,
    applied: watch::Receiver<u64>,
    _task: Task,
}

impl ServiceProxy {
    /// Starts to keep the rules. Those that an earlier run left serve until the API has said what there is now.
    pub async fn start(
        config: ServiceProxyConfig,
        client: &Client,
        view: ServiceView,
    ) -> Result<Self, ServiceProxyError> {
        let layout = Layout {
            table: config.table.clone(),
            pods: config.cluster_cidrs.clone(),
            services: Vec::new(),
        };
        let of_thread = layout.clone();
        let kernel = Owned::start(config.netns.clone(), move || Kernel::open(of_thread)).await?;
        let (dns, own_dns) = watch::channel(None);
        let (applying, applied) = watch::channel(0);
        let node = ListOptions {
            field_selector: format!("metadata.name={}", config.node),
            ..ListOptions::default()
        };
        let node = InformerOptions {
            list: node,
            indices: Vec::new(),
        };
        let shell = Shell {
            view,
            nodes: Informer::start(client.clone(), node),
            ranges: Informer::start(client.clone(), InformerOptions::default()),
            pending: Arc::new(Pending::default()),
            kernel,
            layout,
            node: NodeView {
                name: config.node,
                ..NodeView::default()
            },
            dns: own_dns,
            desired: Desired::default(),
            health: HealthChecks::new(config.netns),
            is_current: false,
            applied: applying,
        };
        Ok(Self {
            dns,
            applied,
            _task: Task::spawn(shell.run()),
        })
    }

    /// Where this node answers cluster DNS: the service `kube-dns` leads there, on this node.
    pub fn answer_dns_at(&self, address: SocketAddr) {
        self.dns.send_replace(Some(address));
    }

    /// Waits until the rules are what the API has said, up to a revision of endpoint slices or later.
    pub async fn applied(&self, revision: u64) {
        let mut applied = self.applied.clone();
        // Fails when the proxy ends: then nothing is applied any more.
        let _ = applied.wait_for(|applied| *applied >= revision).await;
    }

    /// Removes what proxies of that table made. No such proxy may be running.
    pub async fn remove_everything(config: ServiceProxyConfig) -> Result<(), ServiceProxyError> {
        let removed = Owned::start(config.netns, move || {
            kernel::remove_tables(&config.table).map_err(ServiceProxyError::from)
        });
        removed.await.map(drop)
    }
}

struct Shell {
    view: ServiceView,
    nodes: Informer<Node>,
    ranges: Informer<ServiceCIDR>,
    pending: Arc<Pending>,
    kernel: Owned<Kernel>,
    layout: Layout,
    node: NodeView,
    dns: watch::Receiver<Option<SocketAddr>>,
    desired: Desired,
    health: HealthChecks,
    /// Whether the kernel's tables are known to hold what was desired last.
    is_current: bool,
    applied: watch::Sender<u64>,
}

impl Shell {
    async fn run(mut self) {
        tokio::join!(
            self.view.services.synced(),
            self.view.slices.synced(),
            self.nodes.synced(),
            self.ranges.synced(),
        );
        self.listen();
        self.pending.everything();
        let mut failures = 0;
        let mut comparison = tokio::time::interval(COMPARISON);
        comparison.tick().await;
        loop {
            let work = tokio::select! {
                work = self.pending.take() => work,
                _ = comparison.tick() => {
                    self.is_current = false;
                    Work::default()
                }
                changed = self.dns.changed() => match changed {
                    Ok(()) => Work { everything: true, ..Work::default() },
                    Err(_) => return,
                },
            };
            match self.look(work).await {
                Ok(()) => failures = 0,
                Err(ServiceProxyError::Stopped) => return,
                Err(error) => {
                    failures += 1;
                    self.is_current = false;
                    self.health.set_healthy(false);
                    let wait = Backoff::REFLECTOR.after(failures);
                    tracing::warn!(%error, ?wait, "the rules of services could not be applied");
                    tokio::time::sleep(wait).await;
                    self.pending.everything();
                }
            }
        }
    }

    fn listen(&self) {
        let pending = self.pending.clone();
        self.view.services.on_change(move |old, new| {
            if let Some(service) = new.or(old) {
                pending.service(ObjectKey::of(&service.metadata));
            }
        });
        let pending = self.pending.clone();
        self.view.slices.on_change(move |old, new| {
            for slice in [old, new].into_iter().flatten() {
                if let Some(service) = service_of(slice) {
                    pending.service(service);
                }
            }
        });
        let pending = self.pending.clone();
        self.nodes.on_change(move |old, new| {
            if old.map(|node| of_node(node)) != new.map(|node| of_node(node)) {
                pending.everything();
            }
        });
        let pending = self.pending.clone();
        self.ranges.on_change(move |_, _| pending.everything());
    }

    async fn look(&mut self, work: Work) -> Result<(), ServiceProxyError> {
        let (services, slices) = (self.view.services.snapshot(), self.view.slices.snapshot());
        let mut keys = work.services;
        if work.everything {
            self.look_around().await?;
            keys.extend(services.keys().cloned());
            keys.extend(self.desired.services().cloned());
        }
        let was_current = self.is_current;
        let mut changes = Changes::default();
        let mut moved = Vec::new();
        for key in &keys {
            let before = self.desired.flows_of(key).to_vec();
            let plan = self.plan(key, &services, &slices);
            self.desired.put(key, plan, &mut changes);
            if !was_current || before != self.desired.flows_of(key) {
                moved.push(key.clone());
            }
        }
        self.apply(&changes).await?;
        let touched = was_current.then(|| stale::frontends(&changes, &self.desired));
        self.forget_clients(touched).await?;
        self.forget_flows(&moved).await?;
        let checks: HashMap<_, _> = self.desired.health_checks().collect();
        let checks = checks.into_iter().map(|(key, check)| (key.clone(), check));
        self.health.set_healthy(true);
        let all = self.health.serve(&checks.collect());
        self.applied.send_replace(slices.revision());
        match all {
            true => Ok(()),
            false => Err(std::io::Error::other("health checks are not served").into()),
        }
    }

    /// What services depend on beside their own objects.
    async fn look_around(&mut self) -> Result<(), ServiceProxyError> {
        let node = self.nodes.get(&ObjectKey::new("", &self.node.name));
        let (zone, addresses) = node.map(|node| of_node(&node)).unwrap_or_default();
        self.node.zone = zone;
        self.node.addresses = addresses;
        self.node.dns = *self.dns.borrow_and_update();
        let ranges = self.ranges.snapshot();
        let ranges = ranges
            .iter()
            .filter_map(|range| range.spec.as_ref()?.cidrs.as_ref());
        let services: Vec<IpNet> = ranges.flatten().filter_map(|r| r.parse().ok()).collect();
        if services == self.layout.services {
            return Ok(());
        }
        self.layout.services = services;
        let layout = self.layout.clone();
        self.kernel.run(|kernel| kernel.declare(layout)).await?
    }

    fn plan(
        &self,
        key: &ObjectKey,
        services: &Snapshot<Service>,
        slices: &Snapshot<EndpointSlice>,
    ) -> Option<plan::Plan> {
        let labels = |service: &Service| service.metadata.labels.clone().unwrap_or_default();
        let service = services
            .get(key)
            .filter(|service| !labels(service).contains_key(OTHER_PROXY))?;
        let slices: Vec<_> = slices
            .by_index(ServiceView::by_service(), &key.to_string())
            .cloned()
            .collect();
        Some(plan::plan(service, &slices, &self.node))
    }

    async fn apply(&mut self, changes: &Changes) -> Result<(), ServiceProxyError> {
        if !self.is_current {
            let wanted: Vec<_> = self.desired.elements().collect();
            self.kernel
                .run(move |kernel| kernel.replace(&wanted))
                .await??;
            self.is_current = true;
        } else if !changes.is_empty() {
            let removed: Vec<_> = changes.removed().collect();
            let added: Vec<_> = changes.added().collect();
            self.kernel
                .run(move |kernel| kernel.change(&removed, &added))
                .await??;
        }
        Ok(())
    }

    /// `touched`: of which frontends; `None` is of all.
    async fn forget_clients(
        &self,
        touched: Option<std::collections::HashSet<Frontend>>,
    ) -> Result<(), ServiceProxyError> {
        for family in self.families() {
            let of_family = |frontend: &Frontend| frontend.family() == family;
            if touched.as_ref().is_some_and(|all| !all.iter().any(of_family)) {
                continue;
            }
            let known = self.kernel.run(move |k| k.affinities(family)).await??;
            let gone = stale::clients(family, known, &self.desired, touched.as_ref());
            if !gone.is_empty() {
                let forget = move |kernel: &mut Kernel| kernel.forget_clients(family, &gone);
                self.kernel.run(forget).await??;
            }
        }
        Ok(())
    }

    async fn forget_flows(&self, services: &[ObjectKey]) -> Result<(), ServiceProxyError> {
        let moved: Vec<Flows> = services
            .iter()
            .flat_map(|key| self.desired.flows_of(key).to_vec())
            .collect();
        if moved.is_empty() {
            return Ok(());
        }
        for family in self.families() {
            let known = self.kernel.run(move |k| k.udp_flows(family)).await??;
            let gone = stale::flows(known, moved.iter());
            self.kernel.run(move |k| k.forget_flows(&gone)).await??;
        }
        Ok(())
    }

    /// Those that services have addresses of.
    fn families(&self) -> Vec<Family> {
        let has_v6 = self.desired.elements().any(|(key, _)| key.family() == Family::V6);
        match has_v6 {
            true => vec![Family::V4, Family::V6],
            false => vec![Family::V4],
        }
    }
}

impl From<Gone> for ServiceProxyError {
    fn from(_: Gone) -> Self {
        Self::Stopped
    }
}

/// The zone and the addresses of a node.
fn of_node(node: &Node) -> (String, Vec<std::net::IpAddr>) {
    let labels = node.metadata.labels.as_ref();
    let zone = labels.and_then(|labels| labels.get(ZONE).cloned());
    let status = node.status.as_ref();
    let addresses = status.and_then(|status| status.addresses.as_ref());
    let addresses = addresses.into_iter().flatten();
    let internal = addresses.filter(|address| address.type_ == "InternalIP");
    let internal = internal.filter_map(|address| address.address.parse().ok());
    (zone.unwrap_or_default(), internal.collect())
}
