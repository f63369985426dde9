use k8s_openapi::api::coordination::v1::Lease;
use navarch_api::call::{Answer, Body, Call, Endpoint, WatchStream};
use navarch_machinery::object::downcast;
use navarch_machinery::status::{Result, StatusError};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;

/// Keeps a lease.
#[derive(Default)]
struct Leases {
    kept: Mutex<Option<Lease>>,
    /// How long it takes to write it.
    slow: Mutex<Duration>,
}

impl Leases {
    fn holder(&self) -> String {
        let spec = self.kept.lock().clone().and_then(|lease| lease.spec);
        spec.and_then(|spec| spec.holder_identity)
            .unwrap_or_default()
    }
}

#[async_trait::async_trait]
impl Endpoint for Leases {
    async fn call(&self, call: Call) -> Result<Answer> {
        let Body::Object(object) = call.body else {
            let kept = self.kept.lock().clone();
            let there = kept.map(|lease| Answer::Object(Arc::new(lease)));
            return there
                .ok_or_else(|| StatusError::not_found("coordination.k8s.io", "leases", "l"));
        };
        let slow = *self.slow.lock();
        tokio::time::sleep(slow).await;
        *self.kept.lock() = Some((*downcast::<Lease>(object.clone()).unwrap()).clone());
        Ok(Answer::Object(object))
    }

    async fn watch(&self, _: Call) -> Result<WatchStream> {
        Err(StatusError::internal("no watches here"))
    }
}

/// Does something until it is told to stop, and for a while after that.
fn work_that_ends_after(
    leases: &Arc<Leases>,
    while_: Duration,
    stop: &CancellationToken,
) -> JoinHandle<()> {
    let settings = LeaseSettings {
        namespace: "kube-system".into(),
        name: "l".into(),
        identity: "me".into(),
        duration: Duration::from_secs(15),
        retry: Duration::from_secs(2),
    };
    let client = Client::new(leases.clone());
    let work = move |stop: CancellationToken| async move {
        stop.cancelled().await;
        tokio::time::sleep(while_).await;
    };
    tokio::spawn(led(client, settings, stop.clone(), work))
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_given_back_when_what_was_done_under_it_has_ended() {
    let (leases, stop) = (Arc::default(), CancellationToken::new());
    let running = work_that_ends_after(&leases, Duration::from_secs(1), &stop);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(leases.holder(), "me");
    stop.cancel();
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(leases.holder(), "me", "it is still being worked under it");
    running.await.unwrap();
    assert_eq!(leases.holder(), "");
}

#[tokio::test(start_paused = true)]
async fn a_lease_stays_with_what_does_not_end() {
    let (leases, stop) = (Arc::default(), CancellationToken::new());
    let running = work_that_ends_after(&leases, Duration::from_secs(600), &stop);
    tokio::time::sleep(Duration::from_secs(60)).await;
    stop.cancel();
    let stopped = Instant::now();
    running.await.unwrap();
    assert!(stopped.elapsed() < ENDING + Duration::from_millis(10));
    assert_eq!(leases.holder(), "me");
}

/// What is granted to a process that stops is given back as well.
#[tokio::test(start_paused = true)]
async fn a_lease_that_is_being_asked_for_is_not_forgotten() {
    let (leases, stop) = (Arc::<Leases>::default(), CancellationToken::new());
    *leases.slow.lock() = Duration::from_secs(1);
    let running = work_that_ends_after(&leases, Duration::ZERO, &stop);
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(leases.holder(), "");
    assert!(leases.kept.lock().is_some(), "it was written");
}
