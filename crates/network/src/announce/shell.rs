//! Follows services, endpoints, nodes and the host's own interfaces, and answers accordingly.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Service};
use navarch_api::segment_addresses::announced;
use navarch_client::{Backoff, Informer};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::interfaces::{self, Interface};
use super::plan::{self, Candidate};
use super::voice::Voice;
use crate::netlink::Netlink;
use crate::node_routes;
use crate::owned::{Gone, Owned};
use crate::service_proxy::{ServiceView, service_of};
use crate::task::Task;

/// The name of the thread that asks the kernel for interfaces.
const THREAD: &str = "announcer";
/// The least between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// A node that answers for addresses of load balancers.
#[derive(Debug, Clone)]
pub struct AnnouncerConfig {
    /// The node's name.
    pub node: String,
    /// When the API has heard last that this node lives: from then on others may take its place.
    pub heard: watch::Receiver<Instant>,
    /// The network namespace that the node is in; `None` is the one of the calling thread.
    pub netns: Option<PathBuf>,
}

/// Answers for addresses of load balancers as long as it is there. Nothing stays of it.
pub struct Announcer {
    _looking: Task,
}

impl Announcer {
    /// Starts to answer, once the API has said what there is. `nodes` are all nodes of the cluster. While there is nothing to answer for
    /// it has no thread and no socket.
    pub fn start(config: AnnouncerConfig, view: ServiceView, nodes: Informer<Node>) -> Self {
        let shell = Shell {
            config,
            view,
            nodes,
            bell: Arc::default(),
            host: None,
            voices: BTreeMap::new(),
        };
        Self {
            _looking: Task::spawn(shell.run()),
        }
    }
}

/// What rings when something has changed.
#[derive(Default)]
struct Bell {
    changed: Arc<Notify>,
    /// Whether it was something that the API says, and not the host alone.
    of_api: AtomicBool,
    /// Whether there is anything to answer for: where there is not, only services matter.
    asked: AtomicBool,
}

impl Bell {
    fn ring(&self) {
        self.of_api.store(true, Ordering::SeqCst);
        self.changed.notify_one();
    }

    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}

/// What is needed of the host, while there is anything to answer for.
struct Host {
    kernel: Owned<Netlink>,
    _following: Task,
    /// As they were last.
    interfaces: Vec<Interface>,
}

struct Shell {
    config: AnnouncerConfig,
    view: ServiceView,
    nodes: Informer<Node>,
    bell: Arc<Bell>,
    host: Option<Host>,
    voices: BTreeMap<Interface, Voice>,
}

impl Shell {
    async fn run(mut self) {
        tokio::join!(
            self.view.services.synced(),
            self.view.slices.synced(),
            self.nodes.synced(),
        );
        self.listen();
        let mut failures = 0;
        loop {
            match self.look().await {
                Ok(()) => {
                    failures = 0;
                    tokio::time::sleep(PAUSE).await;
                    self.bell.changed.notified().await;
                }
                Err(error) => {
                    failures += 1;
                    let wait = Backoff::REFLECTOR.after(failures);
                    tracing::warn!(%error, ?wait, "this node does not answer for all addresses of load balancers that it should");
                    tokio::time::sleep(wait).await;
                    self.bell.of_api.store(true, Ordering::SeqCst);
                }
            }
        }
    }

    fn listen(&self) {
        let bell = self.bell.clone();
        let matters = |service: &Service| announced(service).next().is_some();
        self.view.services.on_change(move |old, new| {
            if [old, new].into_iter().flatten().any(|it| matters(it)) {
                bell.ring();
            }
        });
        let (bell, services) = (self.bell.clone(), self.view.services.clone());
        let stays = move |key| {
            let service = services.get(&key);
            service.is_some_and(|it| matters(&it) && plan::is_local(&it))
        };
        self.view.slices.on_change(move |old, new| {
            let slices = [old, new].into_iter().flatten();
            if bell.is_asked() && slices.filter_map(|slice| service_of(slice)).any(&stays) {
                bell.ring();
            }
        });
        let bell = self.bell.clone();
        self.nodes.on_change(move |old, new| {
            let of = |node: Option<&Arc<Node>>| node.map(|node| Candidate::of(node));
            if bell.is_asked() && of(old) != of(new) {
                bell.ring();
            }
        });
    }

    async fn look(&mut self) -> io::Result<()> {
        let of_api = self.bell.of_api.swap(false, Ordering::SeqCst);
        // Known before anything is looked at: what changes from here on rings.
        self.bell.asked.store(true, Ordering::SeqCst);
        let asked_for = plan::asked_for(&self.view.services.snapshot());
        if asked_for.is_empty() {
            self.bell.asked.store(false, Ordering::SeqCst);
            (self.host, self.voices) = (None, BTreeMap::new());
            return Ok(());
        }
        let nodes = self.nodes.snapshot();
        let nodes: Vec<Candidate> = nodes.iter().map(|node| Candidate::of(node)).collect();
        let own = plan::addresses(&self.config.node, &nodes);
        let (interfaces, is_new) = self.interfaces(own).await?;
        if !of_api && !is_new {
            return Ok(());
        }
        let slices = self.view.slices.snapshot();
        let here = &self.config.node;
        let mut plan = plan::plan(here, &asked_for, &nodes, &slices, &interfaces);
        // First those that there are fall silent for what is not theirs any more.
        self.voices.retain(|at, voice| match plan.remove(at) {
            Some(addresses) => {
                voice.speak_for(addresses);
                true
            }
            None => false,
        });
        let mut first = Ok(());
        for (interface, addresses) in plan {
            let (netns, heard) = (self.config.netns.as_deref(), self.config.heard.clone());
            match Voice::start(&interface, netns, heard) {
                Ok(voice) => {
                    voice.speak_for(addresses);
                    self.voices.insert(interface, voice);
                }
                Err(error) => first = first.and(Err(error)),
            }
        }
        first
    }

    /// Those of the node's addresses, and whether they are others than before.
    async fn interfaces(&mut self, addresses: Vec<IpAddr>) -> io::Result<(Vec<Interface>, bool)> {
        let host = match self.host.take() {
            Some(host) => host,
            None => self.open().await?,
        };
        let look = move |netlink: &mut Netlink| interfaces::with(netlink, &addresses);
        let found = host.kernel.run(look).await;
        let found =
            found.map_err(|Gone| io::Error::other("nobody looks at interfaces any more"))??;
        let is_new = found != host.interfaces;
        let interfaces = found.clone();
        self.host = Some(Host { interfaces, ..host });
        Ok((found, is_new))
    }

    async fn open(&self) -> io::Result<Host> {
        let netns = self.config.netns.clone();
        // From before the first look: what changes after it is told.
        let ear = node_routes::interfaces::open(netns.as_deref())?;
        let kernel = Owned::start(THREAD, netns, Netlink::open).await?;
        let changed = self.bell.changed.clone();
        Ok(Host {
            kernel,
            _following: Task::spawn(node_routes::interfaces::follow(ear, changed)),
            interfaces: Vec::new(),
        })
    }
}
