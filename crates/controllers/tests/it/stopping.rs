use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use navarch_api::call::{Answer, Call, Endpoint, Gvr, WatchStream};
use navarch_api::def::Verb;
use navarch_auth::UserInfo;
use navarch_client::Client;
use navarch_controllers::Context;
use navarch_machinery::status::Result;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::cluster::Cluster;
use crate::rollout::options;

/// Makes no service account before it is let go.
struct Holding {
    server: Arc<dyn Endpoint>,
    asked: Arc<Semaphore>,
    let_go: Arc<Semaphore>,
}

#[async_trait::async_trait]
impl Endpoint for Holding {
    async fn call(&self, call: Call) -> Result<Answer> {
        if call.verb == Verb::Create && call.resource == Gvr::of::<ServiceAccount>() {
            self.asked.add_permits(1);
            self.let_go.acquire().await.unwrap().forget();
        }
        self.server.call(call).await
    }

    async fn watch(&self, call: Call) -> Result<WatchStream> {
        self.server.watch(call).await
    }
}

/// So that nothing is made after another process's controllers have looked.
#[tokio::test]
async fn controllers_end_what_they_have_begun_before_they_stop() {
    let cluster = Cluster::start().await;
    let (asked, let_go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (server, were_asked, are_let_go) = (cluster.server.clone(), asked.clone(), let_go.clone());
    let context = Context {
        accounts: Arc::new(move |name| {
            let account = UserInfo::service_account("kube-system", name);
            Client::new(Arc::new(Holding {
                server: server.as_user(account),
                asked: were_asked.clone(),
                let_go: are_let_go.clone(),
            }))
        }),
        ..cluster.context.clone()
    };
    let stop = context.stop.clone();
    let mut running = tokio::spawn(navarch_controllers::start(context, options()));
    cluster
        .create::<Namespace>(json!({"metadata": {"name": "ns"}}))
        .await;
    asked.acquire().await.unwrap().forget();
    stop.cancel();
    let soon = Duration::from_millis(300);
    let ended = tokio::time::timeout(soon, &mut running).await;
    assert!(ended.is_err(), "an account is being made");
    let_go.add_permits(100);
    let ended = tokio::time::timeout(Duration::from_secs(10), running).await;
    ended.expect("nothing is being done any more").unwrap();
    let later = json!({"metadata": {"name": "later"}});
    cluster.create::<Namespace>(later).await;
    tokio::time::sleep(soon).await;
    assert!(
        !cluster.is_there::<ServiceAccount>("later", "default").await,
        "they have stopped"
    );
}
