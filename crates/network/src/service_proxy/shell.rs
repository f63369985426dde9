//! Follows services and endpoints, and has the kernel's tables follow them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::ServiceCIDR;
use navarch_client::{Backoff, Informer, ObjectKey, Snapshot};
use tokio::sync::{Notify, watch};

use super::claims::{Changes, Desired};
use super::element::{Family, Frontend};
use super::health::HealthChecks;
use super::kernel::Kernel;
use super::layout::Layout;
use super::pending::{Pending, Work};
use super::plan::{self, Flows, NodeView};
use super::stale;
use super::view::{ServiceView, is_proxied, of_node, service_of};
use crate::error::ServiceProxyError;
use crate::netfilter::watch::SETTLE;
use crate::owned::{Gone, Owned};
use crate::task::Task;

/// How often the kernel's tables are compared with what they should be: somebody else may have changed them.
const COMPARISON: Duration = Duration::from_secs(300);
/// After a port of a health check was another's.
const HEALTH_RETRY: Duration = Duration::from_secs(10);

pub(super) struct Shell {
    pub(super) view: ServiceView,
    pub(super) nodes: Informer<Node>,
    pub(super) ranges: Informer<ServiceCIDR>,
    pub(super) pending: Arc<Pending>,
    pub(super) kernel: Owned<Kernel>,
    /// Rings when others change its tables.
    pub(super) foreign: Arc<Notify>,
    pub(super) layout: Layout,
    pub(super) node: NodeView,
    pub(super) dns: watch::Receiver<Option<SocketAddr>>,
    pub(super) desired: Desired,
    pub(super) health: HealthChecks,
    /// Tries again where a health check's port could not be had.
    pub(super) health_retry: Option<Task>,
    /// Whether the kernel's tables are known to hold what was desired last.
    pub(super) is_current: bool,
    pub(super) applied: watch::Sender<u64>,
}

impl Shell {
    pub(super) async fn run(mut self) {
        tokio::join!(
            self.view.services.synced(),
            self.view.slices.synced(),
            self.nodes.synced(),
            self.ranges.synced(),
        );
        self.listen();
        self.pending.everything();
        let mut revisions = self.view.slices.revisions();
        let mut failures = 0;
        let mut comparison = tokio::time::interval(COMPARISON);
        comparison.tick().await;
        loop {
            tokio::select! {
                () = self.pending.filled() => {}
                changed = revisions.changed() => if changed.is_err() { return },
                _ = comparison.tick() => self.compare().await,
                () = self.foreign.notified() => {
                    tokio::time::sleep(SETTLE).await;
                    self.compare().await;
                }
                changed = self.dns.changed() => match changed {
                    Ok(()) => self.pending.everything(),
                    Err(_) => return,
                },
            }
            // In this order: everything up to that revision is pending by now, or done.
            let revision = *revisions.borrow_and_update();
            let work = self.pending.take();
            match self.look(work, revision).await {
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

    /// Looks whether the kernel has what it was told. If it has not, or that cannot be told, it is told anew.
    async fn compare(&mut self) {
        let wanted: Vec<_> = self.desired.elements().collect();
        let intact = self
            .kernel
            .run(move |kernel| kernel.is_intact(&wanted))
            .await;
        self.is_current &= matches!(intact, Ok(Ok(true)));
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
            let slices = [old, new].into_iter().flatten();
            for service in slices.filter_map(|slice| service_of(slice)) {
                pending.service(service);
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

    /// `revision`: up to which slices have been seen, with this work.
    async fn look(&mut self, work: Work, revision: u64) -> Result<(), ServiceProxyError> {
        if !work.is_empty() || !self.is_current {
            self.carry_out(work).await?;
        }
        self.applied.send_if_modified(|applied| {
            let before = std::mem::replace(applied, revision.max(1));
            before != *applied
        });
        Ok(())
    }

    async fn carry_out(&mut self, work: Work) -> Result<(), ServiceProxyError> {
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
        // The rules are as they should be: what is remembered of before goes by itself, if later.
        for forgotten in [
            self.forget_clients(touched).await,
            self.forget_flows(&moved).await,
        ] {
            if let Err(error) = forgotten {
                tracing::warn!(%error, "what is remembered of former endpoints stays");
            }
        }
        let checks: HashMap<_, _> = self.desired.health_checks().collect();
        let checks = checks.into_iter().map(|(key, check)| (key.clone(), check));
        self.health.set_healthy(true);
        let all = self.health.serve(&checks.collect());
        self.health_retry = (!all).then(|| {
            let pending = self.pending.clone();
            Task::spawn(async move {
                tokio::time::sleep(HEALTH_RETRY).await;
                pending.everything();
            })
        });
        Ok(())
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
        self.node.services.clone_from(&services);
        if services == self.layout.services {
            return Ok(());
        }
        self.layout.services = services;
        let layout = self.layout.clone();
        Ok(self.kernel.run(|kernel| kernel.declare(layout)).await??)
    }

    fn plan(
        &self,
        key: &ObjectKey,
        services: &Snapshot<Service>,
        slices: &Snapshot<EndpointSlice>,
    ) -> Option<plan::Plan> {
        let service = services
            .get(key)
            .filter(|service| is_proxied(&service.metadata))?;
        let slices: Vec<_> = slices
            .by_index(ServiceView::by_service(), &key.to_string())
            .filter(|slice| is_proxied(&slice.metadata))
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
        touched: Option<HashSet<Frontend>>,
    ) -> Result<(), ServiceProxyError> {
        let families = match &touched {
            None => self.families(),
            Some(touched) => touched.iter().map(Frontend::family).collect(),
        };
        for family in families {
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
        let frontends = moved.iter().flat_map(|flows| &flows.frontends);
        let families: BTreeSet<Family> = frontends.map(Frontend::family).collect();
        for family in families {
            let known = self.kernel.run(move |k| k.udp_flows(family)).await??;
            let gone = stale::flows(known, moved.iter());
            self.kernel.run(move |k| k.forget_flows(&gone)).await??;
        }
        Ok(())
    }

    /// Those that services have addresses of: a look at all of them.
    fn families(&self) -> BTreeSet<Family> {
        let elements = self.desired.elements();
        elements.map(|(key, _)| key.family()).collect()
    }
}

impl From<Gone> for ServiceProxyError {
    fn from(_: Gone) -> Self {
        Self::Stopped
    }
}
