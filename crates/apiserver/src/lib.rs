//! The request pipeline: from a path to the store and back.
//!
//! A request comes over HTTPS ([`ApiServer::serve`]) or from a part in this process ([`ApiServer::as_user`]); from
//! [`pipeline`] on it makes no difference. Resources are rows of [`navarch_api::table`]; nothing here is written for one
//! of them but what Kubernetes itself writes for it (addresses of services, the end of a namespace, a pod's binding).
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod admission;
mod at_rest;
mod authentication;
mod authorization;
mod bootstrap;
mod clock;
mod discovery;
mod encode;
mod endpoint;
mod errors;
#[cfg(fuzzing)]
pub mod fuzzing;
mod health;
mod identity;
mod kubelets;
mod labels;
mod limits;
mod managed;
mod metrics;
mod openapi;
mod pipeline;
mod proxy;
mod random;
mod registry;
mod reply;
mod request;
mod served;
mod server;
mod services;
mod version;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use navarch_api::table::Table;
use navarch_auth::TokenKeys;
use navarch_machinery::ranges::Ranges;
use navarch_store::{Revision, Store};
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use admission::{AdmissionOptions, AdmissionOptionsError};
pub use at_rest::EncryptedAtRest;
pub use authentication::Credentials;
pub use clock::Clock;
pub use encode::body::ReplyBody;
pub use identity::{Authenticator, Recognised, UsedToken};
pub use kubelets::Kubelets;
pub use proxy::Wire;
#[cfg(feature = "simulation")]
pub use random::draw_from;
pub use registry::{NodeProxy, NodeRequest};
pub use server::{TlsError, tls_config};

/// What an API server is made of.
pub struct Config {
    /// What time it is where the server writes one down.
    pub clock: Clock,
    /// The cluster's state.
    pub store: Arc<dyn Store>,
    /// The resources that are served.
    pub table: Table,
    /// Recognises clients. [`Credentials`] is the usual one.
    pub authenticator: Arc<dyn Authenticator>,
    /// Which rules of admission are on, and what is said of them.
    pub admission: AdmissionOptions,
    /// Sign the tokens of service accounts, and tell which are believed.
    pub token_keys: Option<Arc<TokenKeys>>,
    /// The way to the nodes for logs, exec, attach and port-forward.
    pub node_proxy: Option<Arc<dyn NodeProxy>>,
    /// The addresses of services.
    pub service_cidrs: Ranges,
    /// The node ports of services; 30000 to 32767 in Kubernetes.
    pub node_ports: RangeInclusive<u16>,
    /// Where clients reach this server: told in discovery and in the endpoints of the service `kubernetes`.
    pub advertise: SocketAddr,
    /// The address of the service `kube-dns`, where the nodes answer cluster DNS; without one there is no such service.
    pub cluster_dns: Option<IpAddr>,
}

/// The API server.
pub struct ApiServer {
    clock: Clock,
    store: Arc<dyn Store>,
    directory: served::Directory,
    authenticator: Arc<dyn Authenticator>,
    permissions: authorization::Permissions,
    token_keys: Option<Arc<TokenKeys>>,
    node_proxy: Option<Arc<dyn NodeProxy>>,
    services: services::Services,
    admission: admission::Chain,
    /// The writes that quotas limit go one after the other.
    turns: registry::Turns,
    labels: labels::LabelIndexes,
    discovery: discovery::Documents,
    openapi: openapi::Documents,
    metrics: metrics::Metrics,
    health: health::Health,
    advertise: SocketAddr,
    /// Where pods reach this server, if not where others do.
    from_pods: RwLock<Option<SocketAddr>>,
    cluster_dns: Option<IpAddr>,
    /// Cancelled when the server is told to stop: watches end.
    closing: CancellationToken,
    /// The revision up to which flow schemas know whether their levels are there.
    schemas_marked: watch::Sender<Revision>,
}

impl ApiServer {
    /// A server that answers calls in this process at once, and over a socket when it is told to [`serve`](Self::serve).
    pub fn new(config: Config) -> Arc<Self> {
        let table = config.table;
        let openapi = openapi::Documents::new(&table);
        let discovery = discovery::Documents::new(&table, config.advertise);
        let directory = served::Directory::new(table);
        let permissions = authorization::Permissions::new(config.store.clone(), &directory);
        Arc::new(Self {
            clock: config.clock,
            discovery,
            openapi,
            metrics: metrics::Metrics::new(),
            health: health::Health::default(),
            directory,
            permissions,
            authenticator: config.authenticator,
            token_keys: config.token_keys,
            node_proxy: config.node_proxy,
            services: services::Services {
                addresses: config.service_cidrs,
                ports: config.node_ports,
            },
            admission: admission::Chain::new(&config.admission),
            turns: registry::Turns::new(&config.store),
            labels: labels::LabelIndexes::default(),
            advertise: config.advertise,
            from_pods: RwLock::new(None),
            cluster_dns: config.cluster_dns,
            closing: CancellationToken::new(),
            schemas_marked: watch::Sender::new(0),
            store: config.store,
        })
    }

    /// The address of the service `kubernetes`, which the server's certificate must name.
    pub fn service_address(&self) -> IpAddr {
        self.services.first()
    }
}
