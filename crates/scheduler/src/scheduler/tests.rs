use navarch_api::call::{Answer, Call, Endpoint, WatchStream};
use navarch_client::{InformerOptions, SystemClock};

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
