//! The ways to other nodes' pods before the API has been asked anything, where they are encrypted: nothing goes out in clear from the start on,
//! and what was agreed upon with the nodes that there were last goes on, however long the API is away.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use navarch_client::{Backoff, Client};
use navarch_machinery::ranges::Ranges;
use navarch_network::{FlowTable, IpNet, KeptNodes, NodeRoutes, NodeRoutesConfig};
use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;

use crate::host::HostSettings;
use crate::pod_network::{Place, keep_routes, ways};

/// Keeps ways until it is dropped.
pub(crate) type Keeping = Arc<AbortOnDropHandle<()>>;

/// They, until somebody takes them over.
pub(crate) struct EarlyWays {
    held: Mutex<Option<(NodeRoutesConfig, Keeping)>>,
    is_resumed: bool,
}

impl EarlyWays {
    /// Starts to keep them. `client`: the node's own.
    pub(crate) async fn start(settings: &HostSettings, place: &Place, client: &Client) -> Self {
        let kept = place.encryption.as_ref();
        let kept = kept.and_then(|_| KeptNodes::read(&place.kept));
        // What seals does not go by this node's own ranges.
        let any = Ranges::from(IpNet::from(ipnet::Ipv4Net::default()));
        let ranges = kept.as_ref().map_or(any, |kept| kept.pod_cidrs);
        let mut config = ways(settings, ranges, place);
        if let Err(error) = seal(config.clone(), settings).await {
            tracing::error!(%error, "packets to other nodes' pods may go out in clear");
        }
        let held = kept.map(|kept| {
            config.mtu = kept.mtu;
            let keeping = keep_routes(config.clone(), place.nodes.clone(), client.clone());
            let keeping = AbortOnDropHandle::new(tokio::spawn(keeping));
            (config, Arc::new(keeping))
        });
        Self {
            is_resumed: held.is_some(),
            held: Mutex::new(held),
        }
    }

    /// What keeps them, if they are what they are to be; others end here.
    pub(crate) fn take(&self, wanted: &NodeRoutesConfig) -> Option<Keeping> {
        let (config, keeping) = self.held.lock().take()?;
        let is_same = config.pod_cidrs == wanted.pod_cidrs && config.mtu == wanted.mtu;
        is_same.then_some(keeping)
    }

    /// Where there are such ways, waits until the API answers: they would end with a process that gives up.
    pub(crate) async fn until_the_api_answers(&self, client: &Client, node: &str) {
        if !self.is_resumed {
            return;
        }
        let mut failures = 0;
        while let Err(error) = client.get::<Node>(None, node).await
            && (error.code >= 500 || error.code == 429)
        {
            failures += 1;
            let wait = Backoff::REFLECTOR.after(failures);
            tracing::warn!(%error, ?wait, "the API does not answer; packets to the nodes that there were last are carried");
            tokio::time::sleep(wait).await;
        }
    }
}

/// Where all is to be encrypted, has nothing go out but what is, by the rules or past them.
async fn seal(config: NodeRoutesConfig, settings: &HostSettings) -> anyhow::Result<()> {
    let taken_out = match config.encryption {
        Some(_) => FlowTable::remove_everything(settings.flow_table()).await,
        None => Ok(()),
    };
    NodeRoutes::seal(config).await?;
    Ok(taken_out?)
}
