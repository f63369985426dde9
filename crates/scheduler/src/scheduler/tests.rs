use navarch_api::call::{Answer, Call, Endpoint, Gvr, WatchStream};
use navarch_client::{InformerOptions, SystemClock};
use navarch_machinery::object::Object;

use super::*;

/// A cluster in which nothing is there and nothing happens: what happens is told by hand.
struct Still;

#[async_trait::async_trait]
impl Endpoint for Still {
    async fn call(&self, _: Call) -> Result<Answer> {
        Ok(Answer::List {
            items: Vec::new(),
            resource_version: "1".into(),
            continue_token: String::new(),
        })
    }

    async fn watch(&self, _: Call) -> Result<WatchStream> {
        std::future::pending().await
    }
}

fn shell() -> Shell {
    let client = Client::new(Arc::new(Still));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Shell {
        recorder: EventRecorder::start(client.clone(), NAME, "", clock.clone()),
        scheduler: Scheduler {
            nodes: Informer::start(client.clone(), InformerOptions::default()),
            pods: Informer::start(client.clone(), InformerOptions::default()),
            client,
            clock,
        },
        state: Mutex::default(),
        changed: Notify::new(),
        binding: Arc::new(Semaphore::new(1)),
    }
}

fn pod(uid: &str, spec: &serde_json::Value) -> Arc<Pod> {
    let pod = json!({
        "metadata": {"name": "p", "namespace": "d", "uid": uid},
        "spec": spec,
    });
    Arc::new(serde_json::from_value(pod).unwrap())
}

fn key() -> ObjectKey {
    ObjectKey::new("d", "p")
}

fn counts(shell: &Shell) -> (usize, usize) {
    shell.state.lock().pending.counts()
}

/// Takes the only pod that is ready and says that no node takes it.
fn park(shell: &Shell) {
    let mut state = shell.state.lock();
    let now = Timestamp::UNIX_EPOCH;
    assert_eq!(state.pending.next(now), Some(key()));
    state.pending.refused(&key(), true, now);
}

#[tokio::test]
async fn an_empty_node_name_is_none() {
    let shell = shell();
    let pod = pod("1", &json!({"nodeName": "", "containers": []}));
    shell.pod_changed(None, Some(&pod));
    assert_eq!(counts(&shell), (1, 0));
}

#[tokio::test]
async fn a_parked_pod_that_asks_otherwise_is_tried_again() {
    let shell = shell();
    let one = pod("1", &json!({"containers": []}));
    shell.pod_changed(None, Some(&one));
    park(&shell);
    shell.pod_changed(Some(&one), Some(&pod("1", &json!({"containers": []}))));
    let at_the_latest = shell.state.lock().pending.wake_at().unwrap();
    let tolerant = json!({"containers": [], "tolerations": [{"operator": "Exists"}]});
    shell.pod_changed(Some(&one), Some(&pod("1", &tolerant)));
    assert!(shell.state.lock().pending.wake_at().unwrap() < at_the_latest);
}

#[tokio::test]
async fn a_pod_that_replaces_another_is_not_taken_for_it() {
    let shell = shell();
    let one = pod("1", &json!({"containers": []}));
    shell.pod_changed(None, Some(&one));
    {
        // The first is being bound.
        let mut state = shell.state.lock();
        state.pending.next(Timestamp::UNIX_EPOCH);
        state.index.put_pod(&key(), &one, "n");
    }
    let two = pod("2", &json!({"containers": []}));
    shell.pod_changed(Some(&one), Some(&two));
    assert_eq!(counts(&shell), (1, 0), "the second is to be tried");
    assert!(!shell.state.lock().index.remove_pod(&key()));
}

#[tokio::test]
async fn room_that_a_failed_binding_gives_back_is_offered() {
    let shell = shell();
    let waiting = pod("1", &json!({"containers": []}));
    shell.pod_changed(None, Some(&waiting));
    park(&shell);
    let at_the_latest = shell.state.lock().pending.wake_at().unwrap();
    let other = ObjectKey::new("d", "other");
    shell.state.lock().index.put_pod(&other, &waiting, "n");
    shell.take_back(&other, &waiting);
    assert!(shell.state.lock().pending.wake_at().unwrap() < at_the_latest);
}

/// A cluster with a node and a pod, in which bindings take their time.
struct Slow {
    binds: Arc<Notify>,
    bound: Arc<Notify>,
}

#[async_trait::async_trait]
impl Endpoint for Slow {
    async fn call(&self, call: Call) -> Result<Answer> {
        if let Body::Object(object) = call.body {
            if call.subresource.as_deref() == Some("binding") {
                self.binds.notify_one();
                self.bound.notified().await;
            }
            return Ok(Answer::Object(object));
        }
        let item: Arc<dyn Object> = match call.resource == Gvr::of::<Pod>() {
            true => pod("1", &json!({"containers": []})),
            false => {
                let status = json!({"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}});
                let node = json!({"metadata": {"name": "n"}, "status": status});
                Arc::new(serde_json::from_value::<Node>(node).unwrap())
            }
        };
        Ok(Answer::List {
            items: vec![item],
            resource_version: "1".into(),
            continue_token: String::new(),
        })
    }

    async fn watch(&self, _: Call) -> Result<WatchStream> {
        std::future::pending().await
    }
}

/// So that none comes after another process's scheduler has looked.
#[tokio::test(start_paused = true)]
async fn bindings_have_ended_when_the_scheduler_has() {
    let (binds, bound) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let client = Client::new(Arc::new(Slow {
        binds: binds.clone(),
        bound: bound.clone(),
    }));
    let scheduler = Scheduler {
        nodes: Informer::start(client.clone(), InformerOptions::default()),
        pods: Informer::start(client.clone(), InformerOptions::default()),
        client,
        clock: Arc::new(SystemClock),
    };
    let stop = CancellationToken::new();
    let mut running = tokio::spawn(run(scheduler, stop.clone()));
    binds.notified().await;
    stop.cancel();
    let soon = Duration::from_secs(1);
    let ended = tokio::time::timeout(soon, &mut running).await;
    assert!(ended.is_err(), "a pod is being bound");
    bound.notify_one();
    tokio::time::timeout(soon, running).await.unwrap().unwrap();
}
