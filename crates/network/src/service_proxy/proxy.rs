//! The service proxy as the node uses it: a handle on what runs.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use navarch_client::{Client, Informer, InformerOptions, ListOptions};
use tokio::sync::{Notify, watch};

use super::claims::Desired;
use super::health::HealthChecks;
use super::kernel::Kernel;
use super::layout::Layout;
use super::pending::Pending;
use super::plan::NodeView;
use super::shell::Shell;
use super::view::ServiceView;
use crate::error::ServiceProxyError;
use crate::netfilter::tables;
use crate::owned::Owned;
use crate::task::Task;

/// The name of the thread that speaks with the kernel.
const THREAD: &str = "service-proxy";

/// A node's service proxy.
#[derive(Debug, Clone)]
pub struct ServiceProxyConfig {
    /// The node's name.
    pub node: String,
    /// The name of the nftables tables (families `ip` and `ip6`) that hold the rules; whatever else is in them goes.
    pub table: String,
    /// Where pods are in the whole cluster: what comes from there is no traffic from outside.
    pub cluster_cidrs: Vec<IpNet>,
    /// The UDP port of this host that other nodes' encrypted packets come to, where they are encrypted: at the host's addresses it is no service's.
    pub wireguard_port: Option<NonZeroU16>,
    /// The network namespace that the rules are for; `None` is the one of the calling thread.
    pub netns: Option<PathBuf>,
}

/// A running service proxy. The rules stay when it is dropped: connections go on while a node's agent is being replaced.
pub struct ServiceProxy {
    dns: watch::Sender<Option<SocketAddr>>,
    applied: watch::Receiver<u64>,
    _task: Task,
    _watch: Option<Task>,
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
            spared: config.wireguard_port,
        };
        let of_thread = layout.clone();
        let kernel = Owned::start(THREAD, config.netns.clone(), move || {
            Kernel::open(of_thread)
        })
        .await?;
        let foreign = Arc::new(Notify::new());
        let watch = kernel.run(|kernel| kernel.watch()).await?;
        let followed = watch.and_then(|watch| watch.follow(foreign.clone()));
        if let Err(error) = &followed {
            tracing::warn!(%error, "what others change of the tables of services is seen late");
        }
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
        let services = layout.services.clone();
        let shell = Shell {
            view,
            nodes: Informer::start(client.clone(), node),
            ranges: Informer::start(client.clone(), InformerOptions::default()),
            pending: Arc::new(Pending::default()),
            kernel,
            foreign,
            layout,
            node: NodeView {
                name: config.node,
                services,
                ..NodeView::default()
            },
            dns: own_dns,
            desired: Desired::default(),
            health: HealthChecks::new(config.netns),
            health_retry: None,
            is_current: false,
            applied: applying,
        };
        Ok(Self {
            dns,
            applied,
            _task: Task::spawn(shell.run()),
            _watch: followed.ok(),
        })
    }

    /// Where this node answers cluster DNS: the service `kube-dns` leads there, on this node.
    pub fn answer_dns_at(&self, address: SocketAddr) {
        self.dns.send_replace(Some(address));
    }

    /// Up to which revision of endpoint slices the rules are applied; 0 before they ever were.
    pub fn applied_revision(&self) -> watch::Receiver<u64> {
        self.applied.clone()
    }

    /// Waits until the rules are what the API has said up to a revision of endpoint slices, or later; 1 is whatever it said first.
    pub async fn applied(&self, revision: u64) {
        let mut applied = self.applied.clone();
        // Fails when the proxy ends: then nothing is applied any more.
        let _ = applied.wait_for(|applied| *applied >= revision).await;
    }

    /// Removes what proxies of that table made. No such proxy may be running.
    pub async fn remove_everything(config: ServiceProxyConfig) -> Result<(), ServiceProxyError> {
        let removed = Owned::start(THREAD, config.netns, move || {
            tables::remove_all(&config.table).map_err(ServiceProxyError::from)
        });
        removed.await.map(drop)
    }
}
