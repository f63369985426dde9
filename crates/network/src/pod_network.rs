//! The pod network as the node uses it: a handle on the thread that owns it.

use std::{collections::HashSet, net::IpAddr, path::Path, sync::Arc, thread};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinSet,
};

use crate::{
    Attachment, Config, Connection, Degradation, Error, PodRequest, keeping, namespace,
    netfilter::watch::Watch,
    node,
    node::{Node, Waiter},
    records, removal,
    remover::{self, Departure},
    task::Task,
};

/// How many requests wait for the thread; those beyond wait with their caller.
const QUEUE: usize = 256;

pub(crate) type Job = Box<dyn FnOnce(&mut Node) + Send>;

/// A node's pod network. Clones are the same network; it stops serving, and changes nothing, when the last is dropped.
///
/// A request that was sent is carried out even if its future is dropped; since attach and detach are idempotent, the caller
/// simply asks again.
#[derive(Debug, Clone)]
pub struct PodNetwork {
    jobs: mpsc::Sender<Job>,
    departures: mpsc::Sender<Departure>,
    /// As many detaches at once as the remover's queue has room for.
    detaching: Arc<Semaphore>,
    /// Has the tables looked after.
    _keeping: Arc<Task>,
}

impl PodNetwork {
    /// Makes the bridge and the rules, and takes up the attachments of an earlier run from the state directory. What the host
    /// cannot do (rules, forwarding) is in [`PodNetwork::degradations`].
    pub async fn start(config: Config) -> Result<Self, Error> {
        config.validate()?;
        let (started, start) = oneshot::channel();
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (departures, leaving) = mpsc::channel(remover::BATCH);
        spawn(move || serve(config, started, queue, leaving))?;
        let watch = start.await.map_err(|_| Error::Stopped)??;
        Ok(Self {
            _keeping: Arc::new(keeping::start(watch, jobs.downgrade())),
            jobs,
            departures,
            detaching: Arc::new(Semaphore::new(remover::BATCH)),
        })
    }

    /// Whether an earlier run has left attachments in this directory.
    pub fn has_attached(state_dir: &Path) -> bool {
        records::has_any(state_dir)
    }

    /// Gives the sandbox whose network namespace is at `netns_path` an interface `eth0` with an address, a default route, and
    /// loopback. Attached already, it is left as it is; broken, it is mended and keeps its address.
    pub async fn attach(
        &self,
        sandbox_id: &str,
        netns_path: &Path,
        pod: PodRequest,
    ) -> Result<Attachment, Error> {
        let (id, netns) = (sandbox_id.to_owned(), netns_path.to_owned());
        self.run(move |node| node.attach(&id, &netns, pod)).await?
    }

    /// Takes the sandbox's host ports, interface and address away. Its namespace may be gone already. Detached already is fine.
    /// Many at once take hardly longer than one.
    pub async fn detach(&self, sandbox_id: &str) -> Result<(), Error> {
        let room = self
            .detaching
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| Error::Stopped)?;
        let (waiter, done) = oneshot::channel();
        let (id, jobs, departures) = (
            sandbox_id.to_owned(),
            self.jobs.downgrade(),
            self.departures.downgrade(),
        );
        let begin =
            move |node: &mut Node| begin_detach(node, &id, (waiter, room), jobs, &departures);
        self.run(begin).await?;
        done.await.map_err(|_| Error::Stopped)?
    }

    /// Every attachment, by sandbox id.
    pub async fn attachments(&self) -> Result<Vec<Attachment>, Error> {
        self.run(|node| node.attachments()).await
    }

    /// Whether a sandbox is attached, and its interface up.
    pub async fn check(&self, sandbox_id: &str) -> Result<Connection, Error> {
        let id = sandbox_id.to_owned();
        self.run(move |node| node.connection(&id)).await?
    }

    /// Detaches every sandbox that is not in `live_sandbox_ids`, and returns their ids. To be called with all sandboxes there are
    /// before new ones are attached: one that is attached and not in the set is taken for dead.
    /// One that cannot be detached does not keep the others; the first error comes at the end.
    pub async fn reconcile(&self, live_sandbox_ids: HashSet<String>) -> Result<Vec<String>, Error> {
        let dead = self.run(move |node| node.dead(&live_sandbox_ids)).await?;
        let mut detaches = JoinSet::new();
        for id in &dead {
            let (network, id) = (self.clone(), id.clone());
            detaches.spawn(async move { network.detach(&id).await });
        }
        let detached: Result<(), Error> = detaches.join_all().await.into_iter().collect();
        self.run(Node::remove_strays).await??;
        detached.map(|()| dead)
    }

    /// The node's address among its pods, which everything they send goes to first.
    pub async fn gateway(&self) -> Result<IpAddr, Error> {
        self.run(|node| node.gateway()).await
    }

    /// What the node does without; empty when all is well.
    pub async fn degradations(&self) -> Result<Vec<Degradation>, Error> {
        self.run(|node| node.degradations()).await
    }

    /// Removes what networks of this configuration made: rules, interfaces, bridge, files. No such network may be running.
    pub async fn remove_everything(config: Config) -> Result<(), Error> {
        config.validate()?;
        let (done, result) = oneshot::channel();
        spawn(move || {
            let removed = enter(&config).and_then(|()| removal::remove_everything(&config));
            // Nobody waits for it any more: nothing to tell.
            let _ = done.send(removed);
        })?;
        result.await.map_err(|_| Error::Stopped)?
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Node) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (done, result) = oneshot::channel();
        let job = Box::new(move |node: &mut Node| {
            let _ = done.send(work(node));
        });
        self.jobs.send(job).await.map_err(|_| Error::Stopped)?;
        result.await.map_err(|_| Error::Stopped)
    }
}

/// The network thread's life: it enters the node's namespace and stays there. The remover's thread is its child, and so in the
/// same namespace.
fn serve(
    config: Config,
    started: oneshot::Sender<Result<Option<Watch>, Error>>,
    mut queue: mpsc::Receiver<Job>,
    leaving: mpsc::Receiver<Departure>,
) {
    match enter(&config).and_then(|()| start(config, leaving)) {
        Err(error) => drop(started.send(Err(error))),
        Ok(mut node) => {
            let watch = node.watch().and_then(|watch| {
                watch
                    .inspect_err(|error| tracing::warn!(%error, "what others change of the tables of pods is seen late"))
                    .ok()
            });
            if started.send(Ok(watch)).is_err() {
                return;
            }
            while let Some(job) = queue.blocking_recv() {
                job(&mut node);
            }
        }
    }
}

fn start(config: Config, leaving: mpsc::Receiver<Departure>) -> Result<Node, Error> {
    let node = Node::start(config)?;
    let host = node::open_netlink()?;
    spawn(move || remover::serve(host, leaving))?;
    Ok(node)
}

/// Runs on the network's thread, and comes back to it by way of the remover. What is lost because the network is being dropped
/// drops the waiter, who is told that it has stopped.
fn begin_detach(
    node: &mut Node,
    id: &str,
    (waiter, room): (Waiter, OwnedSemaphorePermit),
    jobs: mpsc::WeakSender<Job>,
    departures: &mpsc::WeakSender<Departure>,
) {
    let Some(host_name) = node.begin_detach(id, waiter) else {
        return;
    };
    let departing = id.to_owned();
    let gone = Box::new(move |removed| {
        drop(room);
        if let Some(jobs) = jobs.upgrade() {
            // Fails when the network's thread is gone, and the waiter with it.
            let _ = jobs.blocking_send(Box::new(move |node: &mut Node| {
                node.finish_detach(&departing, &removed);
            }));
        }
    });
    let sent = departures
        .upgrade()
        .is_some_and(|queue| queue.try_send(Departure { host_name, gone }).is_ok());
    if !sent {
        node.finish_detach(id, &Err(std::io::Error::other("the remover is gone")));
    }
}

fn enter(config: &Config) -> Result<(), Error> {
    use std::os::fd::AsFd;
    let Some(path) = &config.netns else {
        return Ok(());
    };
    let namespace = namespace::open(path)?;
    namespace::enter(namespace.as_fd()).map_err(|source| Error::Namespace {
        path: path.clone(),
        source,
    })
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let spawned = thread::Builder::new()
        .name("pod-network".to_owned())
        .spawn(work);
    spawned.map(drop).map_err(|_| Error::Stopped)
}
