use std::sync::atomic::{AtomicBool, Ordering};

use navarch_api::call::{Answer, Body, Call, Endpoint, WatchStream};
use navarch_machinery::status::StatusError;

use super::*;
use crate::SystemClock;

/// Grants the lease while it is well; then fails once at once, and never answers again.
#[derive(Default)]
struct Server {
    ill: AtomicBool,
    failed: AtomicBool,
}

#[async_trait::async_trait]
impl Endpoint for Server {
    async fn call(&self, call: Call) -> Result<Answer> {
        if self.ill.load(Ordering::Relaxed) {
            if self.failed.swap(true, Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_secs(7)).await;
            return Err(StatusError::internal("ill"));
        }
        match call.body {
            Body::Object(object) => Ok(Answer::Object(object)),
            _ => Err(StatusError::not_found("coordination.k8s.io", "leases", "l")),
        }
    }

    async fn watch(&self, _: Call) -> Result<WatchStream> {
        Err(StatusError::internal("no watches here"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_gives_up_before_its_lease_ends() {
    let server = Arc::new(Server::default());
    let settings = LeaseSettings {
        namespace: "kube-system".into(),
        name: "l".into(),
        identity: "me".into(),
        duration: Duration::from_secs(15),
        retry: Duration::from_secs(2),
    };
    let client = Client::new(server.clone());
    let mut elector = Elector::new(client, Arc::new(SystemClock), settings);
    elector.lead().await;
    let renewed = Instant::now();
    server.ill.store(true, Ordering::Relaxed);
    elector.hold().await;
    let held = renewed.elapsed();
    assert!(held < Duration::from_secs(15), "held for {held:?}");
}
