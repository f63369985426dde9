//! A server for a test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use navarch_api::call::Endpoint;
use navarch_apiserver::{AdmissionOptions, ApiServer, Config, Credentials, NodeProxy, tls_config};
use navarch_auth::{
    Authority, Issued, MASTERS, Purpose, SigningKey, StaticTokens, Subject, TokenKeys, UserInfo,
};
use navarch_store::{Memory, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) const TOKEN: &str = "the-admins-token";

/// The addresses of services where nothing is said of them.
const SERVICES: &str = "10.96.0.0/16";

pub(crate) struct Cluster {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) server: Arc<ApiServer>,
    pub(crate) admin: Arc<dyn Endpoint>,
    pub(crate) address: SocketAddr,
    pub(crate) authority: Authority,
    pub(crate) client: Issued,
    pub(crate) keys: Arc<TokenKeys>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: tokio::task::JoinHandle<()>,
}

impl Cluster {
    pub(crate) async fn start(port: u16) -> Self {
        Self::on(Arc::new(Memory::new()), port).await
    }

    pub(crate) async fn on(store: Arc<dyn Store>, port: u16) -> Self {
        Self::with(store, port, AdmissionOptions::default()).await
    }

    /// A server with other rules of admission than the usual ones.
    pub(crate) async fn with(
        store: Arc<dyn Store>,
        port: u16,
        admission: AdmissionOptions,
    ) -> Self {
        Self::made(store, port, (admission, SERVICES), |_| None).await
    }

    /// A server with a way to nodes, which may need what the cluster's authority signs.
    pub(crate) async fn with_nodes(nodes: impl FnOnce(&Authority) -> Arc<dyn NodeProxy>) -> Self {
        let admission = AdmissionOptions::default();
        Self::made(
            Arc::new(Memory::new()),
            0,
            (admission, SERVICES),
            |authority| Some(nodes(authority)),
        )
        .await
    }

    /// A server of a cluster with these addresses of services.
    pub(crate) async fn with_services(ranges: &str) -> Self {
        Self::on_services(Arc::new(Memory::new()), ranges).await
    }

    /// The same, of what is in a store.
    pub(crate) async fn on_services(store: Arc<dyn Store>, ranges: &str) -> Self {
        Self::made(store, 0, (AdmissionOptions::default(), ranges), |_| None).await
    }

    async fn made(
        store: Arc<dyn Store>,
        port: u16,
        (admission, services): (AdmissionOptions, &str),
        nodes: impl FnOnce(&Authority) -> Option<Arc<dyn NodeProxy>>,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let now = SystemTime::now();
        let authority = Authority::create("test", now).unwrap();
        let subject = Subject {
            name: "apiserver".into(),
            addresses: vec![address.ip()],
            dns_names: vec!["localhost".into()],
            group: None,
        };
        let proof = authority.issue(&subject, Purpose::Server, now).unwrap();
        let admin = Subject {
            name: "admin".into(),
            group: Some(MASTERS.into()),
            ..Subject::default()
        };
        let client = authority.issue(&admin, Purpose::Client, now).unwrap();
        let signing = authority
            .issue(
                &Subject {
                    name: "signer".into(),
                    ..Subject::default()
                },
                Purpose::Both,
                now,
            )
            .unwrap();
        let signer = SigningKey::from_pem(&signing.key).unwrap();
        let issuer = "https://kubernetes.default.svc";
        let keys = Arc::new(TokenKeys::new(signer, Vec::new(), issuer));
        let tokens = StaticTokens::parse(&format!(
            "{TOKEN},admin,1,\"system:masters\"\nalice-token,alice,2\n"
        ))
        .unwrap();
        let kept = store.clone();
        let server = ApiServer::new(Config {
            clock: navarch_apiserver::Clock::default(),
            authenticator: Arc::new(Credentials::new(store.clone(), tokens, Some(keys.clone()))),
            store,
            table: navarch_api::table::builtin().clone(),
            admission,
            token_keys: Some(keys.clone()),
            node_proxy: nodes(&authority),
            service_cidrs: services.parse().unwrap(),
            node_ports: 30000..=32767,
            advertise: address,
            cluster_dns: None,
        });
        server.bootstrap().await.unwrap();
        let tls = tls_config(&proof.certificate, &proof.key, authority.certificate()).unwrap();
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(server.clone().serve(listener, tls, shutdown.clone()));
        let admin = server.as_user(UserInfo::authenticated("admin", [MASTERS.to_owned()]));
        Self {
            store: kept,
            server,
            admin,
            address,
            authority,
            client,
            keys,
            shutdown,
            served,
        }
    }
}
