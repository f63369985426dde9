//! Follows the API's nodes and the host's interfaces, and has the kernel follow them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use navarch_client::{Backoff, Client, Informer};
use tokio::sync::{Notify, watch};

use super::config::{NodeRoutesConfig, here, settings};
use super::holders::Holders;
use super::interfaces;
use super::kept::KeptNodes;
use super::kernel::Kernel;
use super::peer::Peer;
use super::plan::{self, Here, Plan};
use super::publish::Publisher;
use super::without::Without;
use crate::error::NodeRoutesError;
use crate::netfilter::watch::SETTLE;
use crate::owned::{Gone, Owned};
use crate::task::Task;

/// The name of the thread that speaks with the kernel.
const THREAD: &str = "node-routes";
/// How often the kernel is compared with what it should be: somebody else may have changed it.
pub(super) const COMPARISON: Duration = Duration::from_secs(60);
/// The least between two looks: each pod's interface rings too.
const PAUSE: Duration = Duration::from_millis(100);
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
        let changed = settings.changed.clone();
        let socket = interfaces::open(config.netns.as_deref())?;
        let kernel =
            Owned::start(THREAD, config.netns.clone(), move || Kernel::open(settings)).await?;
        let following = Task::spawn(interfaces::follow(socket, changed.clone()));
        let foreign = Arc::new(Notify::new());
        let watch = kernel.run(|kernel| kernel.watch()).await?;
        let watching = watch.map(|watch| watch.and_then(|watch| watch.follow(foreign.clone())));
        if let Some(Err(error)) = &watching {
            tracing::warn!(%error, "what others change of the tunnel's guard is seen late");
        }
        let (applying, applied) = watch::channel(false);
        let own = Publisher::new(client, &config);
        let path = config.kept.clone().filter(|_| config.encryption.is_some());
        let keep = path.map(|path| Keep {
            path,
            mtu: config.mtu,
        });
        let shell = Shell {
            nodes,
            here: here(config),
            kernel,
            changed,
            foreign,
            applied: applying,
            without: Without::default(),
            own,
            holders: Holders::new(),
            kept: keep.as_ref().and_then(|keep| KeptNodes::read(&keep.path)),
            keep,
        };
        Ok(Self {
            applied,
            _looking: Task::spawn(shell.run()),
            _following: following,
            _watching: watching.and_then(Result::ok),
        })
    }

    /// Before there are any pods that could send something: where all is to be encrypted, has nothing go out but what is, and nothing come in.
    /// The ways that an earlier run left stay.
    pub async fn seal(config: NodeRoutesConfig) -> Result<(), NodeRoutesError> {
        if config.encryption.is_none() {
            return Ok(());
        }
        let settings = settings(&config);
        let sealed = Owned::start(THREAD, config.netns, move || {
            let mut kernel = Kernel::open(settings)?;
            kernel.seal().map(|()| kernel)
        });
        sealed.await.map(drop)
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

impl From<Gone> for NodeRoutesError {
    fn from(_: Gone) -> Self {
        Self::Stopped
    }
}

pub(super) struct Shell {
    pub(super) nodes: Informer<Node>,
    pub(super) here: Here,
    pub(super) kernel: Owned<Kernel>,
    pub(super) changed: Arc<Notify>,
    /// Rings when others change the tunnel's guard.
    pub(super) foreign: Arc<Notify>,
    applied: watch::Sender<bool>,
    /// The nodes that are known not to be reached.
    without: Without,
    own: Publisher,
    /// Who has had which key.
    pub(super) holders: Holders,
    /// Which nodes there were last, where that is kept.
    pub(super) kept: Option<KeptNodes>,
    keep: Option<Keep>,
}

/// Where it is kept which nodes there are.
struct Keep {
    path: PathBuf,
    mtu: u32,
}

impl Shell {
    async fn run(mut self) {
        if self.wait_for_nodes().await.is_err() {
            return;
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
                        () = self.without.due() => anew = false,
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

    /// Whether packets to other nodes' pods are encrypted.
    pub(super) fn encrypts(&self) -> bool {
        self.here.key.is_some()
    }

    /// Writes down which nodes there are, where that has changed.
    async fn keep(&mut self, plan: &Plan) {
        let Some(Keep { path, mtu }) = &self.keep else {
            return;
        };
        let now = KeptNodes::of(self.here.pod_cidrs, *mtu, plan);
        if self.kept.as_ref() == Some(&now) {
            return;
        }
        self.kept = Some(now.clone());
        let path = path.clone();
        // It waits for the disk, and is as long as there are nodes.
        let write = move || {
            if let Err(error) = now.write(&path) {
                let path = path.display();
                tracing::warn!(%path, %error, "which nodes there are is not kept");
            }
        };
        // Fails when it panics, which the log has.
        let _ = tokio::task::spawn_blocking(write).await;
    }

    async fn look(&mut self, anew: bool) -> Result<(), NodeRoutesError> {
        let nodes = self.nodes.snapshot();
        let peers: Vec<Peer> = nodes.iter().map(|node| Peer::of(node)).collect();
        let (mut here, had) = (self.here.clone(), self.holders.clone());
        here.is_at_as_told(&peers);
        let look = move |kernel: &mut Kernel| {
            let plan = plan::plan(&here, &peers, &kernel.segments()?, &had);
            let applied = kernel.apply(&plan, anew);
            Ok::<_, NodeRoutesError>((plan, applied.map(|()| kernel.provider())))
        };
        let (plan, applied) = self.kernel.run(look).await??;
        self.holders.clone_from(&plan.holders);
        let provider = applied?;
        self.keep(&plan).await;
        for (node, why) in self.without.update(&plan, Instant::now()) {
            tracing::warn!(node, "pods of a node cannot be reached: {why}");
            self.own.tell_of(&node, &why);
        }
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
