//! How a drain asks, and what it makes of the answers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusCause;
use navarch_api::call::{Answer, Call, Endpoint, WatchStream};
use navarch_api::def::Verb;
use navarch_client::{Client, DeleteOptions};
use navarch_machinery::status::{Result, StatusError};
use navarch_node::drain::{DrainError, DrainOptions, Permitted, drain};
use parking_lot::Mutex;
use serde_json::json;

use crate::api::Api;

/// Evictions of pods whose names begin so are refused for now.
const KEPT: &str = "kept";

/// An API that evicts.
struct Evicting {
    api: Arc<Api>,
    /// Whether lists are refused.
    is_mute: bool,
    /// Whether the pods' namespace goes.
    is_going: bool,
}

#[async_trait]
impl Endpoint for Evicting {
    async fn call(&self, mut call: Call) -> Result<Answer> {
        if self.is_mute && call.verb == Verb::List {
            return Err(StatusError::forbidden("", "pods", "", "not you"));
        }
        if call.subresource.as_deref() != Some("eviction") {
            return self.api.call(call).await;
        }
        let name = call.name.clone().unwrap_or_default();
        if self.is_going {
            return Err(going(&name));
        }
        if name.starts_with(KEPT) {
            return Err(StatusError::too_many_requests("not now", 0));
        }
        call.verb = Verb::Delete;
        call.subresource = None;
        call.options.grace_period = Some(0);
        self.api.call(call).await
    }

    async fn watch(&self, call: Call) -> Result<WatchStream> {
        self.api.watch(call).await
    }
}

fn going(name: &str) -> StatusError {
    let mut error = StatusError::forbidden("", "pods", name, "its namespace goes");
    let cause = StatusCause {
        reason: Some("NamespaceTerminating".into()),
        ..StatusCause::default()
    };
    error.details.get_or_insert_default().causes = Some(vec![cause]);
    error
}

/// A node with these pods, and its API.
async fn node(pods: impl IntoIterator<Item = String>) -> Arc<Api> {
    let api = Api::new();
    let client = Client::new(api.clone());
    let node = json!({"metadata": {"name": "n1"}, "spec": {"unschedulable": true}});
    let node: Node = serde_json::from_value(node).unwrap();
    client.create(node).await.unwrap();
    for name in pods {
        let pod = json!({"metadata": {"name": name, "namespace": "default"}, "spec": {"nodeName": "n1", "containers": []}});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        client.create(pod).await.unwrap();
    }
    api
}

fn options(timeout: Duration) -> DrainOptions {
    DrainOptions {
        permitted: Permitted {
            force: true,
            ..Permitted::default()
        },
        timeout: Some(timeout),
        ..DrainOptions::default()
    }
}

/// Those that a budget keeps are many, and first.
#[tokio::test]
async fn pods_that_may_not_go_keep_no_others() {
    let kept = (0..40).map(|n| format!("{KEPT}-{n:02}"));
    let api = node(kept.chain(["other".to_owned()])).await;
    let client = Client::new(Arc::new(Evicting {
        api: api.clone(),
        is_mute: false,
        is_going: false,
    }));
    let drained = drain(&client, "n1", &options(Duration::from_secs(1)), &|_| {}).await;
    let Err(DrainError::Timeout { left, .. }) = drained else {
        panic!("{drained:?}");
    };
    assert_eq!(left.len(), 40);
    assert!(!left.contains(&"default/other".to_owned()));
}

#[tokio::test]
async fn pods_of_a_namespace_that_goes_are_waited_for() {
    let api = node(["a".to_owned()]).await;
    let client = Client::new(Arc::new(Evicting {
        api: api.clone(),
        is_mute: false,
        is_going: true,
    }));
    let own = Client::new(api.clone());
    let delete = |grace_period| DeleteOptions {
        grace_period,
        ..DeleteOptions::default()
    };
    own.delete::<Pod>(Some("default"), "a", delete(None))
        .await
        .unwrap();
    let said = Mutex::new(Vec::new());
    let tell = |line: &str| said.lock().push(line.to_owned());
    let patient = options(Duration::from_secs(30));
    let ends = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        own.delete::<Pod>(Some("default"), "a", delete(Some(0)))
            .await
            .unwrap();
    };
    let (drained, ()) = tokio::join!(drain(&client, "n1", &patient, &tell), ends);
    drained.unwrap();
    assert_eq!(said.lock().last().unwrap(), "node/n1 drained");
}

#[tokio::test]
async fn who_may_not_list_pods_is_told_so() {
    let client = Client::new(Arc::new(Evicting {
        api: node([]).await,
        is_mute: true,
        is_going: false,
    }));
    let drained = drain(&client, "n1", &options(Duration::from_secs(30)), &|_| {}).await;
    let Err(DrainError::Api { what, source }) = drained else {
        panic!("{drained:?}");
    };
    assert_eq!(what, "list pods of node n1");
    assert_eq!(source.code, 403);
}
