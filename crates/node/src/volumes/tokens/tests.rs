use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use navarch_api::call::{Answer, Call, Endpoint, WatchStream};
use navarch_client::Client;
use serde_json::json;

use super::*;

/// A clock that is set, and an API that signs tokens for so many seconds.
struct World {
    now: Mutex<Timestamp>,
    issued: Mutex<u32>,
    is_away: AtomicBool,
}

const LIFE: i64 = 600;

impl Clock for World {
    fn now(&self) -> Timestamp {
        *self.now.lock()
    }
}

#[async_trait]
impl Endpoint for World {
    async fn call(&self, _: Call) -> navarch_machinery::status::Result<Answer> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(StatusError::unavailable("away"));
        }
        *self.issued.lock() += 1;
        let token = format!("token {}", self.issued.lock());
        let end = self.now() + SignedDuration::from_secs(LIFE);
        let status = json!({"token": token, "expirationTimestamp": end});
        let spec = json!({"expirationSeconds": LIFE});
        Ok(Answer::Json(json!({"spec": spec, "status": status})))
    }

    async fn watch(&self, _: Call) -> navarch_machinery::status::Result<WatchStream> {
        Err(StatusError::unavailable("no watches"))
    }
}

fn world() -> (Arc<World>, Tokens, Objects) {
    let world = Arc::new(World {
        now: Mutex::new(Timestamp::UNIX_EPOCH),
        issued: Mutex::default(),
        is_away: AtomicBool::default(),
    });
    let objects = Objects::new(Client::new(world.clone()));
    (world.clone(), Tokens::new(world), objects)
}

/// The token at so many seconds.
async fn at(
    (world, tokens, objects): &(Arc<World>, Tokens, Objects),
    seconds: i64,
) -> Result<String, StatusError> {
    *world.now.lock() = Timestamp::from_second(seconds).unwrap();
    let pod = Pod::default();
    tokens.get(objects, &pod, "token", None, LIFE).await
}

#[tokio::test]
async fn a_token_is_replaced_when_four_fifths_of_its_time_are_over() {
    let world = world();
    for (seconds, token) in [
        (0, "token 1"),
        (480, "token 1"),
        (481, "token 2"),
        (961, "token 2"),
        (962, "token 3"),
    ] {
        assert_eq!(at(&world, seconds).await.unwrap(), token, "{seconds}");
    }
}

#[tokio::test]
async fn an_old_token_is_used_while_there_is_no_new_one() {
    let world = world();
    at(&world, 0).await.unwrap();
    world.0.is_away.store(true, Ordering::Relaxed);
    assert_eq!(at(&world, 599).await.unwrap(), "token 1");
    assert!(at(&world, 600).await.is_err(), "it is over");
    world.0.is_away.store(false, Ordering::Relaxed);
    assert_eq!(at(&world, 601).await.unwrap(), "token 2");
}

#[tokio::test]
async fn volumes_are_due_before_a_token_ends() {
    let world = world();
    assert_eq!(world.1.due(Timestamp::MAX), None);
    at(&world, 0).await.unwrap();
    let seconds = |at: Option<Timestamp>| at.map(Timestamp::as_second);
    let by = |end| seconds(world.1.due(Timestamp::from_second(end).unwrap()));
    assert_eq!(by(599), None);
    assert_eq!(by(600), Some(480));
    world.1.forget("");
    assert_eq!(by(600), None);
}
