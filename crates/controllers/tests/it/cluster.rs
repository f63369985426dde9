//! An API server in memory, and what tests ask of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use navarch_apiserver::{AdmissionOptions, ApiServer, Config, Credentials};
use navarch_auth::{MASTERS, StaticTokens, UserInfo};
use navarch_client::{Client, SystemClock};
use navarch_controllers::Context;
use navarch_machinery::object::Typed;
use navarch_store::Memory;
use tokio_util::sync::CancellationToken;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Cluster {
    pub(crate) server: Arc<ApiServer>,
    pub(crate) client: Client,
    pub(crate) context: Context,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let store = Arc::new(Memory::new());
        let server = ApiServer::new(Config {
            clock: navarch_apiserver::Clock::default(),
            authenticator: Arc::new(Credentials::new(
                store.clone(),
                StaticTokens::default(),
                None,
            )),
            store,
            table: navarch_api::table::builtin().clone(),
            admission: AdmissionOptions::default(),
            token_keys: None,
            node_proxy: None,
            service_cidrs: "10.96.0.0/16".parse().unwrap(),
            node_ports: 30000..=32767,
            advertise: "127.0.0.1:6443".parse().unwrap(),
            cluster_dns: None,
        });
        server.bootstrap().await.unwrap();
        let admin = server.as_user(UserInfo::authenticated("admin", [MASTERS.to_owned()]));
        let client = Client::new(admin);
        let manager = UserInfo::authenticated("system:kube-controller-manager", []);
        let accounts = server.clone();
        let context = Context {
            client: Client::new(server.as_user(manager)),
            accounts: Arc::new(move |name| {
                let account = UserInfo::service_account("kube-system", name);
                Client::new(accounts.as_user(account))
            }),
            clock: Arc::new(SystemClock),
            stop: CancellationToken::new(),
        };
        Self {
            server,
            client,
            context,
        }
    }

    /// Makes an object of this JSON.
    pub(crate) async fn create<T: Typed>(&self, object: serde_json::Value) -> Arc<T> {
        self.client
            .create(serde_json::from_value::<T>(object).unwrap())
            .await
            .unwrap()
    }

    pub(crate) async fn is_there<T: Typed>(&self, namespace: &str, name: &str) -> bool {
        let namespace = (!namespace.is_empty()).then_some(namespace);
        match self.client.get::<T>(namespace, name).await {
            Ok(_) => true,
            Err(error) if error.is_not_found() => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits until an object is gone; answers how long that took.
    pub(crate) async fn gone<T: Typed>(&self, namespace: &str, name: &str) -> Duration {
        let start = Instant::now();
        while self.is_there::<T>(namespace, name).await {
            assert!(
                start.elapsed() < PATIENCE,
                "{} {namespace}/{name} does not go",
                T::KIND
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        start.elapsed()
    }

    /// Waits until an object is as it should be.
    pub(crate) async fn until<T: Typed>(
        &self,
        namespace: &str,
        name: &str,
        is: impl Fn(&T) -> bool,
    ) -> Arc<T> {
        let start = Instant::now();
        let namespace = (!namespace.is_empty()).then_some(namespace);
        loop {
            if let Ok(object) = self.client.get::<T>(namespace, name).await {
                if is(&object) {
                    return object;
                }
                assert!(start.elapsed() < PATIENCE, "{object:?}");
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{} {name} does not come",
                T::KIND
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}
