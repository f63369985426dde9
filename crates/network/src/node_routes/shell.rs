//! Follows the API's nodes and the host's interfaces, and has the kernel follow them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;
use navarch_client::{Backoff, Client, Informer};
use navarch_machinery::ranges::Ranges;
use tokio::sync::{Notify, watch};

use super::kernel::{Kernel, Settings};
use super::peer::Peer;
use super::plan::{self, Here, Plan, gateway};
use super::publish::Publisher;
use super::{interfaces, mtu, tunnel};
use crate::error::NodeRoutesError;
use crate::netfilter::watch::SETTLE;
use crate::owned::{Gone, Owned};
use crate::task::Task;
use crate::wireguard::{self, PrivateKey};

/// The name of the thread that speaks with the kernel.
const THREAD: &str = "node-routes";
/// How often the kernel is compared with what it should be: somebody else may have changed it.
const COMPARISON: Duration = Duration::from_secs(60);
/// The least between two looks: each pod's interface rings too.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the API may take to say which nodes there are until that is complained of.
const PATIENCE: Duration = Duration::from_secs(10);

/// How packets go to the pods of other nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// As they are to a node on the same segment, by VXLAN to one behind routers.
    #[default]
    Auto,
    /// By VXLAN to all: for segments that carry nobody's packets but the hosts' own.
    Vxlan,
}

/// How packets to other nodes' pods are encrypted: by WireGuard, whatever the transport.
#[derive(Debug, Clone)]
pub struct Encryption {
    /// What this node is known by.
    pub key: PrivateKey,
    /// The UDP port of this node that encrypted packets are sent to.
    pub port: NonZeroU16,
}

/// The ways from one node. All nodes of a cluster must have the same transport, and all encrypt or none.
#[derive(Debug, Clone)]
pub struct NodeRoutesConfig {
    /// The node's name.
    pub node: String,
    /// The node's addresses, as its object has them.
    pub addresses: Vec<IpAddr>,
    /// Where its own pods are.
    pub pod_cidrs: Ranges,
    /// Where the cluster's pods are: no way leads elsewhere, whatever a node claims.
    pub cluster_cidrs: Vec<IpNet>,
    /// The bridge of its pods, which has the node's address among them.
    pub bridge: String,
    /// The nftables table (family `inet`) that says who may use the tunnel; whatever else is in it goes.
    pub table: String,
    /// The largest packet of its pods.
    pub mtu: u32,
    /// How packets go.
    pub transport: Transport,
    /// How they are encrypted, if they are.
    pub encryption: Option<Encryption>,
    /// The network namespace that the bridge is in; `None` is the one of the calling thread.
    pub netns: Option<PathBuf>,
}

impl NodeRoutesConfig {
    /// Of a node that is nowhere yet: its name and addresses are for the caller to say.
    pub fn new(pod_cidrs: Ranges, cluster_cidrs: Vec<IpNet>, bridge: &str, table: &str) -> Self {
        Self {
            node: String::new(),
            addresses: Vec::new(),
            pod_cidrs,
            cluster_cidrs,
            bridge: bridge.to_owned(),
            table: table.to_owned(),
            mtu: mtu::USUAL,
            transport: Transport::default(),
            encryption: None,
            netns: None,
        }
    }
}

/// The ways to other nodes' pods, kept while this is there. They stay when it is dropped: connections go on while a node's agent is being
/// replaced.
pub struct NodeRoutes {
    applied: watch::Receiver<bool>,
    _looking: Task,
    _following: Task,
    _watching: Option<Task>,
}

impl NodeRoutes {
    /// Starts to keep the ways. Those that an earlier run left are used until the API has said which there are to be now. `nodes`: all of the
    /// cluster's. `client`: this node's, by which it tells others of its key.
    pub async fn start(
        config: NodeRoutesConfig,
        nodes: Informer<Node>,
        client: Client,
    ) -> Result<Self, NodeRoutesError> {
        let settings = settings(&config);
        let socket = interfaces::open(config.netns.as_deref())?;
        let kernel =
            Owned::start(THREAD, config.netns.clone(), move || Kernel::open(settings)).await?;
        let changed = Arc::new(Notify::new());
        let following = Task::spawn(interfaces::follow(socket, changed.clone()));
        let foreign = Arc::new(Notify::new());
        let watch = kernel.run(|kernel| kernel.watch()).await?;
        let watching = watch.map(|watch| watch.and_then(|watch| watch.follow(foreign.clone())));
        if let Some(Err(error)) = &watching {
            tracing::warn!(%error, "what others change of the tunnel's guard is seen late");
        }
        let (applying, applied) = watch::channel(false);
        let own = Publisher::new(client, &config);
        let shell = Shell {
            nodes,
            here: here(config),
            kernel,
            changed,
            foreign,
            applied: applying,
            without: BTreeMap::new(),
            own,
        };
        Ok(Self {
            applied,
            _looking: Task::spawn(shell.run()),
            _following: following,
            _watching: watching.and_then(Result::ok),
        })
    }

    /// Waits until the ways are what the API said first.
    pub async fn applied(&self) {
        // Fails when nobody keeps them any more: then nothing is applied.
        let _ = self.applied.clone().wait_for(|applied| *applied).await;
    }

    /// Removes what such ways are made of. Nobody may be keeping them.
    pub async fn remove_everything(config: NodeRoutesConfig) -> Result<(), NodeRoutesError> {
        let settings = settings(&config);
        let removed = Owned::start(THREAD, config.netns, move || {
            let mut kernel = Kernel::open(settings)?;
            kernel.remove_everything().map(|()| kernel)
        });
        removed.await.map(drop)
    }
}

fn settings(config: &NodeRoutesConfig) -> Settings {
    let gateways: Vec<IpAddr> = config.pod_cidrs.iter().map(gateway).collect();
    let encrypting = wireguard::name(&config.bridge);
    let encryption = config.encryption.clone();
    Settings {
        bridge: config.bridge.clone(),
        device: tunnel::name(&config.bridge),
        encryption: encryption.map(|it| wireguard::device::Settings {
            name: encrypting.clone(),
            key: it.key,
            port: it.port,
            mtu: config.mtu,
            gateways: gateways.clone(),
        }),
        encrypting,
        table: config.table.clone(),
        cluster_cidrs: config.cluster_cidrs.clone(),
        mtu: config.mtu,
        gateways,
    }
}

fn here(config: NodeRoutesConfig) -> Here {
    Here {
        name: config.node,
        addresses: config.addresses,
        pod_cidrs: config.pod_cidrs,
        cluster_cidrs: config.cluster_cidrs,
        always_tunnel: config.transport == Transport::Vxlan,
        key: config.encryption.map(|it| it.key.public()),
    }
}

impl From<Gone> for NodeRoutesError {
    fn from(_: Gone) -> Self {
        Self::Stopped
    }
}

struct Shell {
    nodes: Informer<Node>,
    here: Here,
    kernel: Owned<Kernel>,
    changed: Arc<Notify>,
    /// Rings when others change the tunnel's guard.
    foreign: Arc<Notify>,
    applied: watch::Sender<bool>,
    /// The nodes that are known not to be reached, and why.
    without: BTreeMap<String, &'static str>,
    own: Publisher,
}

impl Shell {
    async fn run(mut self) {
        if tokio::time::timeout(PATIENCE, self.nodes.synced())
            .await
            .is_err()
        {
            tracing::warn!(
                "nodes could not be listed so far, so no pods of other nodes can be reached"
            );
            self.nodes.synced().await;
        }
        let changed = self.changed.clone();
        self.nodes.on_change(move |old, new| {
            if old.map(|node| Peer::of(node)) != new.map(|node| Peer::of(node)) {
                changed.notify_one();
            }
        });
        let (mut failures, mut anew) = (0, true);
        let mut comparison = tokio::time::interval(COMPARISON);
        comparison.reset();
        loop {
            match self.look(anew).await {
                Ok(()) => {
                    failures = 0;
                    self.applied.send_replace(true);
                    tokio::time::sleep(PAUSE).await;
                    tokio::select! {
                        () = self.changed.notified() => anew = false,
                        () = self.foreign.notified() => {
                            tokio::time::sleep(SETTLE).await;
                            anew = true;
                        }
                        _ = comparison.tick() => anew = true,
                    }
                }
                Err(NodeRoutesError::Stopped) => return,
                Err(error) => {
                    failures += 1;
                    let wait = Backoff::REFLECTOR.after(failures);
                    tracing::warn!(%error, ?wait, "not all pods of other nodes can be reached");
                    tokio::time::sleep(PAUSE).await;
                    // A link that comes up need not wait for its turn.
                    let _ = tokio::time::timeout(wait, self.changed.notified()).await;
                    anew = true;
                }
            }
        }
    }

    async fn look(&mut self, anew: bool) -> Result<(), NodeRoutesError> {
        let nodes = self.nodes.snapshot();
        let peers: Vec<Peer> = nodes.iter().map(|node| Peer::of(node)).collect();
        let here = self.here.clone();
        let look = move |kernel: &mut Kernel| {
            let plan = plan::plan(&here, &peers, &kernel.segments()?);
            let applied = kernel.apply(&plan, anew);
            applied.map(|()| (plan, kernel.provider()))
        };
        let (plan, provider) = self.kernel.run(look).await??;
        let without = without(&plan);
        for (node, why) in &without {
            if self.without.get(node) != Some(why) {
                tracing::warn!(node, "pods of a node cannot be reached: {why}");
                self.own.tell_of(node, why);
            }
        }
        self.without = without;
        // Others send to this node when they know its key, and by now it can hear them.
        let own = nodes
            .iter()
            .find(|node| node.metadata.name.as_ref() == Some(&self.here.name));
        match own {
            Some(own) => self.own.publish(own, provider).await,
            None => Ok(()),
        }
    }
}

/// The nodes to whose pods no way leads, and why.
fn without(plan: &Plan) -> BTreeMap<String, &'static str> {
    let address = "it has no address that the tunnel could lead to";
    let key = "packets to them must be encrypted, and it has not said by which key; none are sent";
    let unreachable = plan.unreachable.iter().map(|node| (node, address));
    let keyless = plan.keyless.iter().map(|node| (node, key));
    let all = unreachable.chain(keyless);
    all.map(|(node, why)| (node.clone(), why)).collect()
}
