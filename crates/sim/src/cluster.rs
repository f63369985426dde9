//! The cluster: what is made of which parts, and how they are killed.

use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::SignedDuration;

use navarch_apiserver::{AdmissionOptions, ApiServer, Config, Credentials};
use navarch_auth::{MASTERS, StaticTokens, UserInfo};
use navarch_client::{Client, Clock, Informer, InformerOptions};
use navarch_controllers::certificates::serving::Reserved;
use navarch_controllers::node_cidr::NodeRanges;
use navarch_controllers::{Context, Options};
use navarch_scheduler::Scheduler;
use navarch_store::{Memory, Store};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::SimClock;
use crate::faults::Faults;
use crate::link::Link;
use crate::machine::Machine;
use crate::node::{SimNode, Speaks};

/// A part that can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The scheduler.
    Scheduler,
    /// All controllers, which are one process.
    Controllers,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Scheduler => "scheduler",
            Self::Controllers => "controllers",
        }
    }
}

/// A cluster.
pub struct Cluster {
    /// What goes wrong.
    pub faults: Arc<Faults>,
    /// The state, which outlives the API servers.
    pub store: Arc<Memory>,
    /// The nodes.
    pub nodes: Vec<SimNode>,
    clock: Arc<dyn Clock>,
    servers: watch::Sender<Option<Arc<ApiServer>>>,
    scheduler: Option<JoinHandle<()>>,
    controllers: Option<JoinHandle<()>>,
}

/// The cluster's clock as the API server wants it.
fn server_clock(clock: Arc<dyn Clock>) -> navarch_apiserver::Clock {
    navarch_apiserver::Clock::new(move || clock.now())
}

impl Cluster {
    /// A cluster of so many nodes, which all run.
    ///
    /// # Errors
    /// The API server cannot make what it begins with, or a machine has no directory.
    pub async fn start(seed: u64, nodes: u8) -> Result<Self, Box<dyn std::error::Error>> {
        let clock: Arc<dyn Clock> = Arc::new(SimClock::start());
        let mut cluster = Self {
            faults: Arc::new(Faults::new(seed)),
            store: Arc::new(Memory::new()),
            nodes: Vec::new(),
            clock: clock.clone(),
            servers: watch::Sender::new(None),
            scheduler: None,
            controllers: None,
        };
        cluster.start_server().await?;
        cluster.start_part(Part::Scheduler);
        cluster.start_part(Part::Controllers);
        for number in 1..=nodes {
            let machine = Machine::new(number, cluster.faults.clone(), clock.clone())?;
            let address = Ipv4Addr::new(192, 168, 0, number);
            let name = format!("n{number}");
            let node = SimNode::new(name, address.into(), machine, clock.clone());
            cluster.nodes.push(node);
        }
        for at in 0..cluster.nodes.len() {
            cluster.start_node(at);
        }
        Ok(cluster)
    }

    /// A client that speaks as an administrator, to whom nothing is lost.
    pub fn admin(&self) -> Client {
        self.client(
            "admin",
            UserInfo::authenticated("admin", [MASTERS.to_owned()]),
            Arc::new(Faults::new(0)),
        )
    }

    fn client(&self, part: &str, user: UserInfo, faults: Arc<Faults>) -> Client {
        Client::new(Arc::new(Link {
            part: part.to_owned(),
            user,
            servers: self.servers.subscribe(),
            faults,
        }))
    }

    fn of_part(&self, part: &str, user: UserInfo) -> Client {
        self.client(part, user, self.faults.clone())
    }

    /// Starts an API server on the store as it is.
    ///
    /// # Errors
    /// It cannot make what a cluster begins with.
    pub async fn start_server(&self) -> Result<(), Box<dyn std::error::Error>> {
        let store: Arc<dyn Store> = self.store.clone();
        let credentials = Credentials::new(store.clone(), StaticTokens::default(), None);
        let server = ApiServer::new(Config {
            clock: server_clock(self.clock.clone()),
            authenticator: Arc::new(credentials),
            store,
            table: navarch_api::table::builtin().clone(),
            admission: AdmissionOptions::default(),
            token_keys: None,
            node_proxy: None,
            service_cidrs: "10.96.0.0/16".parse()?,
            cluster_dns: None,
            node_ports: 30000..=32767,
            advertise: "192.168.0.1:6443".parse()?,
        });
        server.bootstrap().await?;
        self.servers.send_replace(Some(server));
        Ok(())
    }

    /// Ends the API server; calls and watches that are under way end with it.
    pub fn kill_server(&self) {
        self.servers.send_replace(None);
    }

    /// Starts a part, if it does not run.
    pub fn start_part(&mut self, part: Part) {
        let (context, scheduler) = (
            self.context(),
            self.of_part(
                "scheduler",
                UserInfo::authenticated("system:kube-scheduler", []),
            ),
        );
        let clock = self.clock.clone();
        let running = self.running(part);
        if running.is_some() {
            return;
        }
        *running = Some(match part {
            Part::Scheduler => tokio::spawn(schedule(scheduler, clock)),
            Part::Controllers => tokio::spawn(async move {
                let options = Options {
                    pod_ranges: NodeRanges::default(),
                    root_ca: "-".into(),
                    issue_token: None,
                    signer: None,
                    signing_duration: SignedDuration::from_hours(1),
                    approve_serving: false,
                    reserved: Reserved::default(),
                    load_balancer_addresses: None,
                };
                navarch_controllers::start(context, options).await;
            }),
        });
    }

    /// Kills a part, wherever it is.
    pub fn kill_part(&mut self, part: Part) {
        if let Some(running) = self.running(part).take() {
            running.abort();
        }
    }

    fn running(&mut self, part: Part) -> &mut Option<JoinHandle<()>> {
        match part {
            Part::Scheduler => &mut self.scheduler,
            Part::Controllers => &mut self.controllers,
        }
    }

    /// Starts a node's agent, if it does not run.
    pub fn start_node(&mut self, at: usize) {
        let Some(name) = self.nodes.get(at).map(|node| node.name.clone()) else {
            return;
        };
        let proxy = UserInfo::authenticated("system:kube-proxy", []);
        let speaks = Speaks {
            node: self.of_part(&name, UserInfo::node(&name)),
            service_proxy: self.of_part(&name, proxy),
        };
        if let Some(node) = self.nodes.get_mut(at) {
            node.start(speaks);
        }
    }

    /// Everything runs, and nothing goes wrong any more.
    ///
    /// # Errors
    /// As [`Self::start_server`].
    pub async fn heal(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        self.faults.set(crate::Rates::NONE);
        let names: Vec<String> = self.nodes.iter().map(|node| node.name.clone()).collect();
        for part in [Part::Scheduler.name(), Part::Controllers.name()] {
            self.faults.cut(part, false);
        }
        for name in &names {
            self.faults.cut(name, false);
        }
        let there = self.servers.borrow().is_some();
        if !there {
            self.start_server().await?;
        }
        self.start_part(Part::Scheduler);
        self.start_part(Part::Controllers);
        for at in 0..names.len() {
            self.start_node(at);
        }
        Ok(())
    }

    fn context(&self) -> Context {
        let (servers, faults) = (self.servers.subscribe(), self.faults.clone());
        let link = move |user| {
            Client::new(Arc::new(Link {
                part: Part::Controllers.name().to_owned(),
                user,
                servers: servers.clone(),
                faults: faults.clone(),
            }))
        };
        Context {
            client: link(UserInfo::authenticated(
                "system:kube-controller-manager",
                [],
            )),
            accounts: Arc::new(move |name| link(UserInfo::service_account("kube-system", name))),
            clock: self.clock.clone(),
            // Parts are killed here.
            stop: CancellationToken::new(),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill_part(Part::Scheduler);
        self.kill_part(Part::Controllers);
    }
}

async fn schedule(client: Client, clock: Arc<dyn Clock>) {
    let nodes = Informer::start(client.clone(), InformerOptions::default());
    let pods = Informer::start(client.clone(), InformerOptions::default());
    let scheduler = Scheduler {
        client,
        clock,
        nodes,
        pods,
    };
    navarch_scheduler::run(scheduler, CancellationToken::new()).await;
}
