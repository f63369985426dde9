//! Follows services, endpoints, nodes and the host's own interfaces, and answers accordingly.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Service};
use navarch_api::segment_addresses::announced;
use navarch_client::{Backoff, Informer};
use tokio::sync::Notify;

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
    /// The node's addresses, as its object has them: it answers on their segments.
    pub addresses: Vec<IpAddr>,
    /// The network namespace that the node is in; `None` is the one of the calling thread.
    pub netns: Option<PathBuf>,
}

/// Answers for addresses of load balancers as long as it is there. Nothing stays of it.
pub struct Announcer {
    _looking: Task,
    _following: Task,
}

impl Announcer {
    /// Starts to answer, once the API has said what there is. `nodes` are all nodes of the cluster.
    pub async fn start(
        config: AnnouncerConfig,
        view: ServiceView,
        nodes: Informer<Node>,
    ) -> io::Result<Self> {
        let ear = node_routes::interfaces::open(config.netns.as_deref())?;
        let kernel = Owned::start(THREAD, config.netns.clone(), Netlink::open).await?;
        let changed = Arc::new(Notify::new());
        let following = Task::spawn(node_routes::interfaces::follow(ear, changed.clone()));
        let shell = Shell {
            config,
            view,
            nodes,
            kernel,
            changed,
            voices: BTreeMap::new(),
        };
        Ok(Self {
            _looking: Task::spawn(shell.run()),
            _following: following,
        })
    }
}

struct Shell {
    config: AnnouncerConfig,
    view: ServiceView,
    nodes: Informer<Node>,
    kernel: Owned<Netlink>,
    changed: Arc<Notify>,
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
                    self.changed.notified().await;
                }
                Err(error) => {
                    failures += 1;
                    let wait = Backoff::REFLECTOR.after(failures);
                    tracing::warn!(%error, ?wait, "this node does not answer for all addresses of load balancers that it should");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    fn listen(&self) {
        let changed = self.changed.clone();
        let matters = |service: &Service| announced(service).next().is_some();
        self.view.services.on_change(move |old, new| {
            if [old, new].into_iter().flatten().any(|it| matters(it)) {
                changed.notify_one();
            }
        });
        let (changed, services) = (self.changed.clone(), self.view.services.clone());
        let stays = move |key| {
            let service = services.get(&key);
            service.is_some_and(|it| matters(&it) && plan::is_local(&it))
        };
        self.view.slices.on_change(move |old, new| {
            let slices = [old, new].into_iter().flatten();
            if slices.filter_map(|slice| service_of(slice)).any(&stays) {
                changed.notify_one();
            }
        });
        let changed = self.changed.clone();
        self.nodes.on_change(move |old, new| {
            if old.map(|node| Candidate::of(node)) != new.map(|node| Candidate::of(node)) {
                changed.notify_one();
            }
        });
    }

    async fn look(&mut self) -> io::Result<()> {
        let asked_for = plan::asked_for(&self.view.services.snapshot());
        // Where there is nothing to answer for nobody is asked anything.
        let interfaces = match asked_for.is_empty() {
            true => Vec::new(),
            false => {
                let addresses = self.config.addresses.clone();
                let look = move |netlink: &mut Netlink| interfaces::with(netlink, &addresses);
                let found = self.kernel.run(look).await;
                found.map_err(|Gone| io::Error::other("nobody looks at interfaces any more"))??
            }
        };
        let nodes = self.nodes.snapshot();
        let nodes: Vec<Candidate> = nodes.iter().map(|node| Candidate::of(node)).collect();
        let slices = self.view.slices.snapshot();
        let here = &self.config.node;
        let plan = plan::plan(here, &asked_for, &nodes, &slices, &interfaces);
        self.voices.retain(|at, _| plan.contains_key(at));
        for (interface, addresses) in plan {
            if !self.voices.contains_key(&interface) {
                let voice = Voice::start(&interface, self.config.netns.as_deref())?;
                self.voices.insert(interface.clone(), voice);
            }
            if let Some(voice) = self.voices.get(&interface) {
                voice.speak_for(addresses);
            }
        }
        Ok(())
    }
}
