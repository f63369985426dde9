use std::sync::atomic::{AtomicUsize, Ordering};

use k8s_openapi::api::core::v1::ConfigMap;
use navarch_api::call::{Answer, Body, Call, Endpoint, WatchStream};
use navarch_machinery::status::{Result, StatusError};

use super::*;
use crate::SystemClock;

/// Takes a while for each write, and counts them.
#[derive(Default)]
struct Slow {
    written: AtomicUsize,
}

#[async_trait::async_trait]
impl Endpoint for Slow {
    async fn call(&self, call: Call) -> Result<Answer> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.written.fetch_add(1, Ordering::Relaxed);
        match call.body {
            Body::Object(object) => Ok(Answer::Object(object)),
            _ => Err(StatusError::bad_request("an object is needed")),
        }
    }

    async fn watch(&self, _: Call) -> Result<WatchStream> {
        Err(StatusError::method_not_allowed())
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_told_is_written_when_a_flush_returns() {
    let server = Arc::new(Slow::default());
    let recorder = EventRecorder::start(
        Client::new(server.clone()),
        "test",
        "",
        Arc::new(SystemClock),
    );
    let mut about = ConfigMap::default();
    for number in 0..10 {
        about.metadata.uid = Some(format!("u{number}"));
        recorder.event(&about, EventType::Normal, "Told", "something");
    }
    assert_eq!(server.written.load(Ordering::Relaxed), 0);
    recorder.flush().await;
    assert_eq!(server.written.load(Ordering::Relaxed), 10);
}
