//! Follows the host's interfaces, and has the flow table follow them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::Notify;

use super::kernel::{Kernel, Outcome};
use crate::error::RulesError;
use crate::netfilter::watch::SETTLE;
use crate::nft::{Nft, removal};
use crate::node_routes::interfaces;
use crate::owned::Owned;
use crate::task::Task;

/// The name of the thread that speaks with the kernel.
const THREAD: &str = "flow-table";
/// How often it is compared with what it should be: somebody else may have changed it.
const COMPARISON: Duration = Duration::from_secs(60);
/// The least between two looks at the devices: each pod's interface rings too.
const PAUSE: Duration = Duration::from_secs(1);

/// A node's flow table.
#[derive(Debug, Clone)]
pub struct FlowTableConfig {
    /// The nftables table (family `inet`) that it is in; whatever else is in that goes.
    pub table: String,
    /// The bridge of the node's pods.
    pub bridge: String,
    /// Where the cluster's pods are.
    pub cluster_cidrs: Vec<IpNet>,
    /// The network namespace that the bridge is in; `None` is the one of the calling thread.
    pub netns: Option<PathBuf>,
}

/// What keeps it, where the kernel has any. It stays when this is dropped.
pub struct FlowTable {
    _looking: Task,
}

impl FlowTableConfig {
    /// Of a node with this bridge, in the network namespace of the calling thread.
    pub fn new(table: &str, bridge: &str, cluster_cidrs: Vec<IpNet>) -> Self {
        Self {
            table: table.to_owned(),
            bridge: bridge.to_owned(),
            cluster_cidrs,
            netns: None,
        }
    }
}

impl FlowTable {
    /// Starts to keep it. To be called where tokio runs.
    pub fn start(config: FlowTableConfig) -> Self {
        Self {
            _looking: Task::spawn(keep(config)),
        }
    }

    /// Removes it: all packets pass all rules again. Nobody may be keeping it.
    pub async fn remove_everything(config: FlowTableConfig) -> Result<(), RulesError> {
        let removed = Owned::start(THREAD, config.netns, move || match Nft::find() {
            Ok(nft) => nft.apply(&removal(&format!("inet {}", config.table))),
            // No table was made without it.
            Err(RulesError::NftMissing) => Ok(()),
            Err(error) => Err(error),
        });
        removed.await.map(drop)
    }
}

async fn keep(config: FlowTableConfig) {
    if let Err(error) = try_keep(config).await {
        tracing::warn!(%error, "nobody keeps the flow table");
    }
}

/// Until the kernel has none.
async fn try_keep(config: FlowTableConfig) -> Result<(), RulesError> {
    let (changed, foreign) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let ear = interfaces::open(config.netns.as_deref())?;
    let netns = config.netns.clone();
    let kernel = Owned::start(THREAD, netns, move || Kernel::open(config)).await?;
    let gone = |_| RulesError::Kernel("the thread is gone".to_owned());
    let watch = kernel.run(|kernel| kernel.watch()).await.map_err(gone)??;
    let _watching = watch.follow(foreign.clone())?;
    let _following = Task::spawn(interfaces::follow(ear, changed.clone()));
    let mut comparison = tokio::time::interval(COMPARISON);
    comparison.reset();
    let mut anew = true;
    loop {
        let looked = kernel.run(move |kernel| kernel.have(anew)).await;
        match looked.map_err(gone)? {
            Ok(Outcome::Kept) => {}
            Ok(Outcome::Refused(error)) => {
                tracing::info!(%error, "there is no flow table: packets of connections that go on pass all rules");
                return Ok(());
            }
            // As when a device goes meanwhile.
            Err(error) => tracing::debug!(%error, "the flow table is made later"),
        }
        let change = async {
            tokio::time::sleep(PAUSE).await;
            changed.notified().await;
        };
        anew = tokio::select! {
            () = change => false,
            () = foreign.notified() => {
                tokio::time::sleep(SETTLE).await;
                true
            }
            _ = comparison.tick() => true,
        };
    }
}
