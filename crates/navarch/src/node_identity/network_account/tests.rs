use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use k8s_openapi::api::core::v1::Pod;
use navarch_auth::Authority;
use navarch_client::ListOptions;
use tokio::task::JoinHandle;

use super::*;

/// How long its tokens hold, in seconds.
const LIFE: u64 = 600;

/// An API with one node, which gives it tokens.
#[derive(Default)]
struct World {
    is_registered: AtomicBool,
    asked: AtomicU64,
}

#[async_trait::async_trait]
impl Endpoint for World {
    async fn call(&self, call: Call) -> Result<Answer> {
        if call.subresource.is_none() {
            let node = json!({"metadata": {"name": "n", "uid": "u"}});
            let node: Node = serde_json::from_value(node).map_err(StatusError::internal)?;
            return match self.is_registered.load(Ordering::Relaxed) {
                true => Ok(Answer::Object(Arc::new(node))),
                false => Err(StatusError::not_found("", "nodes", "n")),
            };
        }
        let navarch_api::call::Body::Json(request) = &call.body else {
            return Err(StatusError::bad_request("no request"));
        };
        let bound = json!({"kind": "Node", "apiVersion": "v1", "name": "n", "uid": "u"});
        assert_eq!(request["spec"]["boundObjectRef"], bound);
        assert_eq!(call.namespace.as_deref(), Some("kube-system"));
        assert_eq!(call.name.as_deref(), Some("kube-proxy"));
        self.asked.fetch_add(1, Ordering::Relaxed);
        let status = json!({"token": "t", "expirationTimestamp": "1970-01-01T00:00:00Z"});
        let spec = json!({"expirationSeconds": LIFE});
        Ok(Answer::Json(json!({"spec": spec, "status": status})))
    }

    async fn watch(&self, _: Call) -> Result<WatchStream> {
        Err(StatusError::unavailable("no watches"))
    }
}

fn started() -> (Arc<World>, ByToken, JoinHandle<()>) {
    let world = Arc::new(World::default());
    let authority = Authority::create("a", SystemTime::now()).unwrap();
    let keeper = Keeper {
        node: Client::new(world.clone()),
        name: "n".into(),
        servers: Servers::new(vec!["https://127.0.0.1:1".into()]),
        authority: authority.certificate().to_owned(),
        current: watch::Sender::new(None),
        refused: Arc::default(),
    };
    let kept = keeper.kept();
    (world, kept, tokio::spawn(keeper.keep()))
}

async fn after(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_the_node_to_be_registered_and_not_for_ever() {
    let (world, kept, _keeping) = started();
    let refused = kept.now().await.err().unwrap();
    assert_eq!(refused.code, 503, "{refused}");
    world.is_registered.store(true, Ordering::Relaxed);
    let by = loop {
        if let Ok(by) = kept.now().await {
            break by;
        }
    };
    assert_eq!(world.asked.load(Ordering::Relaxed), 1);
    assert!(Arc::ptr_eq(&by, &kept.now().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_exchanged_before_it_ends_and_when_it_is_refused() {
    let (world, kept, _keeping) = started();
    world.is_registered.store(true, Ordering::Relaxed);
    let asked = || world.asked.load(Ordering::Relaxed);
    let first = kept.now().await.unwrap();
    after(479.0).await;
    assert_eq!(asked(), 1);
    after(2.0).await;
    assert_eq!(asked(), 2);
    let second = kept.now().await.unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    // What was asked by the first is refused late; what was asked by the second, forbidden and then refused.
    let answers = |code, by: &Arc<Https>| {
        let answer: Result<()> = Err(StatusError::new(code, "", ""));
        kept.heard(by, answer).unwrap_err();
    };
    for (code, by, wanted) in [(401, &first, 2), (403, &second, 2), (401, &second, 3)] {
        answers(code, by);
        after(5.0).await;
        assert_eq!(asked(), wanted, "{code}");
    }
    // Each is refused at once: no more than one a second.
    for _ in 0..100 {
        answers(401, &kept.now().await.unwrap());
        after(0.1).await;
    }
    assert!(asked() < 15, "{}", asked());
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_nobody_any_more_is_told() {
    let (_, kept, keeping) = started();
    keeping.abort();
    let client = Client::new(Arc::new(kept));
    let listed = client.list::<Pod>(&ListOptions::default()).await;
    assert_eq!(listed.err().unwrap().code, 503);
}
