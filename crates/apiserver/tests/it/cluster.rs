//! A server for a test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use navarch_api::call::Endpoint;
use navarch_apiserver::{AdmissionOptions, ApiServer, Config, Credentials, tls_config};
use navarch_auth::{
    Authority, Issued, MASTERS, Purpose, StaticTokens, Subject, TokenKey, UserInfo,
};
use navarch_store::{Memory, Store};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) const TOKEN: &str = "the-admins-token";

pub(crate) struct Cluster {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) server: Arc<ApiServer>,
    pub(crate) admin: Arc<dyn Endpoint>,
    pub(crate) address: SocketAddr,
    pub(crate) authority: Authority,
    pub(crate) client: Issued,
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
        let key = PrivateKeyDer::from_pem_slice(signing.key.as_bytes()).unwrap();
        let key =
            Arc::new(TokenKey::load(key.secret_der(), "https://kubernetes.default.svc").unwrap());
        let tokens = StaticTokens::parse(&format!(
            "{TOKEN},admin,1,\"system:masters\"\nalice-token,alice,2\n"
        ))
        .unwrap();
        let kept = store.clone();
        let server = ApiServer::new(Config {
            authenticator: Arc::new(Credentials::new(store.clone(), tokens, Some(key.clone()))),
            store,
            table: navarch_api::table::builtin().clone(),
            admission,
            token_key: Some(key),
            node_proxy: None,
            service_cidr: "10.96.0.0/16".parse().unwrap(),
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
            shutdown,
            served,
        }
    }
}
