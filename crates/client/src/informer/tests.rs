use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use navarch_api::call::{Answer, Call, Endpoint, WatchStream};
use navarch_machinery::status::{Result, StatusError};

use super::*;

/// Lists nothing, and says of every watch that its history is gone.
#[derive(Default)]
struct Forgetful {
    lists: AtomicUsize,
}

#[async_trait::async_trait]
impl Endpoint for Forgetful {
    async fn call(&self, _: Call) -> Result<Answer> {
        self.lists.fetch_add(1, Ordering::Relaxed);
        Ok(Answer::List {
            items: Vec::new(),
            resource_version: "7".into(),
            continue_token: String::new(),
        })
    }

    async fn watch(&self, _: Call) -> Result<WatchStream> {
        let gone = StatusError::expired("too old resource version: 7 (9)");
        Ok(Box::pin(futures::stream::iter([Err(gone)])))
    }
}

#[tokio::test(start_paused = true)]
async fn history_that_is_always_gone_is_not_asked_for_in_a_tight_loop() {
    let server = Arc::new(Forgetful::default());
    let client = Client::new(server.clone());
    let informer = Informer::<ConfigMap>::start(client, InformerOptions::default());
    informer.synced().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let lists = server.lists.load(Ordering::Relaxed);
    assert!((5..20).contains(&lists), "{lists} lists in a minute");
}
