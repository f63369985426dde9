use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use navarch_api::call::{Answer, Body, Call, Endpoint, WatchStream};
use navarch_machinery::object::{Object as _, downcast};
use navarch_machinery::status::StatusError;
use parking_lot::Mutex;

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

fn never() -> CancellationToken {
    CancellationToken::new()
}

fn elector(server: &Arc<impl Endpoint + 'static>, identity: &str) -> Elector {
    let settings = LeaseSettings {
        namespace: "kube-system".into(),
        name: "l".into(),
        identity: identity.into(),
        duration: Duration::from_secs(15),
        retry: Duration::from_secs(2),
    };
    Elector::new(Client::new(server.clone()), Arc::new(SystemClock), settings)
}

#[tokio::test(start_paused = true)]
async fn a_leader_gives_up_before_its_lease_ends() {
    let server = Arc::new(Server::default());
    let mut elector = elector(&server, "me");
    assert!(elector.lead(&never()).await);
    let renewed = Instant::now();
    server.ill.store(true, Ordering::Relaxed);
    elector.hold(&never()).await;
    let held = renewed.elapsed();
    assert!(held < Duration::from_secs(15), "held for {held:?}");
}

/// Keeps a lease as the API does, at its versions.
#[derive(Default)]
struct Kept {
    lease: Mutex<Option<Lease>>,
    /// Before how many updates somebody else writes it.
    overtakes: AtomicU32,
}

impl Kept {
    fn spec(&self) -> LeaseSpec {
        self.lease.lock().clone().unwrap().spec.unwrap()
    }

    fn write(kept: &mut Option<Lease>, mut lease: Lease) -> Arc<Lease> {
        let before = kept
            .as_ref()
            .and_then(|it| it.metadata.resource_version.clone());
        let version = before.map_or(1, |it| it.parse::<u64>().unwrap() + 1);
        lease.metadata.resource_version = Some(version.to_string());
        *kept = Some(lease.clone());
        Arc::new(lease)
    }
}

#[async_trait::async_trait]
impl Endpoint for Kept {
    async fn call(&self, call: Call) -> Result<Answer> {
        let mut kept = self.lease.lock();
        let Body::Object(object) = call.body else {
            let there = kept.clone().map(|lease| Answer::Object(Arc::new(lease)));
            return there
                .ok_or_else(|| StatusError::not_found("coordination.k8s.io", "leases", "l"));
        };
        let left = self.overtakes.load(Ordering::Relaxed);
        if let Some(lease) = kept.clone().filter(|_| left > 0) {
            self.overtakes.store(left - 1, Ordering::Relaxed);
            Self::write(&mut kept, lease);
        }
        let lease = downcast::<Lease>(object).unwrap();
        let there = kept.as_ref().map(|it| &it.metadata.resource_version);
        if there.is_some_and(|version| *version != lease.metadata().resource_version) {
            return Err(StatusError::conflict(
                "coordination.k8s.io",
                "leases",
                "l",
                "changed",
            ));
        }
        Ok(Answer::Object(Self::write(&mut kept, (*lease).clone())))
    }

    async fn watch(&self, _: Call) -> Result<WatchStream> {
        Err(StatusError::internal("no watches here"))
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_leader_gives_back_the_next_takes_at_once() {
    let server = Arc::new(Kept::default());
    let (mut first, mut second) = (elector(&server, "first"), elector(&server, "second"));
    assert!(first.lead(&never()).await);
    assert_eq!(second.attempt().await.unwrap(), Standing::Follower);
    // What is another's is not given back.
    second.release().await;
    assert_eq!(server.spec().holder_identity.as_deref(), Some("first"));
    // Renewals whose answers were lost do not keep it from being so.
    server.overtakes.store(3, Ordering::Relaxed);
    let asked = Instant::now();
    first.release().await;
    assert!(asked.elapsed() >= 3 * PAUSE, "{:?}", asked.elapsed());
    let free = server.spec();
    assert_eq!(free.holder_identity.as_deref(), Some(""));
    assert_eq!(
        (free.lease_duration_seconds, free.lease_transitions),
        (Some(1), Some(0))
    );
    assert!(free.renew_time.is_some() && free.acquire_time == free.renew_time);
    assert_eq!(second.attempt().await.unwrap(), Standing::Leader);
    let taken = server.spec();
    assert_eq!(taken.holder_identity.as_deref(), Some("second"));
    assert_eq!(
        (taken.lease_duration_seconds, taken.lease_transitions),
        (Some(15), Some(1))
    );
}

/// Whoever ends does not wait for an API that is gone.
#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_given_back_is_left() {
    let server = Arc::new(Server::default());
    let mut elector = elector(&server, "me");
    assert!(elector.lead(&never()).await);
    for flag in [&server.ill, &server.failed] {
        flag.store(true, Ordering::Relaxed);
    }
    let asked = Instant::now();
    elector.release().await;
    assert!(
        asked.elapsed() <= RELEASE + Duration::from_millis(10),
        "{:?}",
        asked.elapsed()
    );
}
