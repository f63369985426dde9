//! Load balancers' addresses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use k8s_openapi::api::core::v1::{Namespace, Service};
use navarch_api::call::{Answer, Call, Endpoint, WatchStream};
use navarch_api::def::Verb;
use navarch_auth::UserInfo;
use navarch_client::{Client, Informer, InformerOptions};
use navarch_controllers::load_balancer_addresses::LoadBalancerAddresses;
use navarch_machinery::status::{Result, StatusError};
use serde_json::json;

use crate::cluster::Cluster;

/// The service that is refused.
const BAD: &str = "a-bad";

/// Refuses to change one service, as a webhook may.
struct Refusing {
    behind: Arc<dyn Endpoint>,
    tries: Arc<AtomicU32>,
}

#[async_trait::async_trait]
impl Endpoint for Refusing {
    async fn call(&self, call: Call) -> Result<Answer> {
        if call.verb == Verb::Patch && call.name.as_deref() == Some(BAD) {
            self.tries.fetch_add(1, Ordering::Relaxed);
            return Err(StatusError::forbidden("", "services", BAD, "no"));
        }
        self.behind.call(call).await
    }

    async fn watch(&self, call: Call) -> Result<WatchStream> {
        self.behind.watch(call).await
    }
}

#[tokio::test]
async fn a_service_that_cannot_be_written_keeps_no_other_from_its_address() {
    let mut cluster = Cluster::start().await;
    let (server, tries) = (cluster.server.clone(), Arc::new(AtomicU32::new(0)));
    let counted = tries.clone();
    cluster.context.accounts = Arc::new(move |name| {
        let account = UserInfo::service_account("kube-system", name);
        let (behind, tries) = (server.as_user(account), counted.clone());
        Client::new(Arc::new(Refusing { behind, tries }))
    });
    let namespace = json!({"metadata": {"name": "ns"}});
    cluster.create::<Namespace>(namespace).await;
    let start = || InformerOptions::default();
    let controller = LoadBalancerAddresses {
        services: Informer::start(cluster.client.clone(), start()),
        nodes: Informer::start(cluster.client.clone(), InformerOptions::default()),
        pool: Some("192.0.2.8/29".parse().unwrap()),
    };
    let running = tokio::spawn(navarch_controllers::run(
        controller,
        cluster.context.clone(),
    ));
    for name in [BAD, "b", "c", "d"] {
        let spec = json!({"type": "LoadBalancer", "ports": [{"port": 80}]});
        let service = json!({"metadata": {"namespace": "ns", "name": name}, "spec": spec});
        cluster.create::<Service>(service).await;
    }
    for name in ["b", "c", "d"] {
        let has = |service: &Service| {
            let status = service.status.as_ref();
            let balancer = status.and_then(|status| status.load_balancer.as_ref());
            balancer.is_some_and(|it| it.ingress.is_some())
        };
        cluster.until::<Service>("ns", name, has).await;
    }
    // It is tried again all the while.
    let before = tries.load(Ordering::Relaxed);
    while tries.load(Ordering::Relaxed) < before + 2 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    running.abort();
}
