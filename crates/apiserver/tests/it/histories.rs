//! Under many writers, whoever reads must agree: a list is the replay of the events up to it, also with a selector; no watch skips or goes
//! back; the pages of a list are of one moment. Random, by a seed that a failure prints and `NAVARCH_SEED` gives again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use k8s_openapi::api::core::v1::ConfigMap;
use navarch_api::call::{Answer, Body, Call, Endpoint, Gvr, Options, PatchKind, WatchEvent};
use navarch_api::def::Verb;
use navarch_machinery::object::Object;
use serde_json::json;
use tokio::sync::Barrier;
use tokio::sync::watch::Receiver;

use crate::cluster::Cluster;

const WRITERS: u64 = 6;
const WRITES: u64 = 80;
const NAMES: u64 = 12;
const QUIET: Duration = Duration::from_secs(2);

/// Xorshift: enough to be different each time, and the same for a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn call(verb: Verb, name: Option<String>, body: Body, options: Options) -> Call {
    Call {
        verb,
        resource: Gvr::of::<ConfigMap>(),
        subresource: None,
        namespace: Some("default".into()),
        name,
        body,
        options,
    }
}

/// What is known of each object: its label and its revision.
type State = BTreeMap<String, (String, u64)>;

fn revision(object: &dyn Object) -> u64 {
    object
        .metadata()
        .resource_version
        .as_deref()
        .unwrap()
        .parse()
        .unwrap()
}

fn entry(object: &dyn Object) -> (String, (String, u64)) {
    let metadata = object.metadata();
    let label = metadata
        .labels
        .as_ref()
        .and_then(|all| all.get("half"))
        .cloned();
    (
        metadata.name.clone().unwrap(),
        (label.unwrap_or_default(), revision(object)),
    )
}

async fn list(admin: &dyn Endpoint, options: Options) -> (State, u64, String) {
    let answer = admin
        .call(call(Verb::List, None, Body::None, options))
        .await
        .unwrap();
    let Answer::List {
        items,
        resource_version,
        continue_token,
    } = answer
    else {
        panic!("not a list");
    };
    let state = items.iter().map(|item| entry(&**item)).collect();
    (state, resource_version.parse().unwrap(), continue_token)
}

/// Writes at random; that something is there already or no more is part of it.
async fn write(admin: Arc<dyn Endpoint>, mut random: Random, start: Arc<Barrier>) {
    start.wait().await;
    for _ in 0..WRITES {
        let name = format!("m{}", random.below(NAMES));
        let labels = json!({"half": random.below(2).to_string()});
        let options = Options::default();
        let written = match random.below(4) {
            0 => call(Verb::Delete, Some(name), Body::None, options),
            1 => {
                let patch = json!({"metadata": {"labels": labels}, "data": {"n": random.below(1000).to_string()}});
                call(
                    Verb::Patch,
                    Some(name),
                    Body::Patch(PatchKind::Merge, patch),
                    options,
                )
            }
            _ => {
                let map = json!({"metadata": {"name": name, "labels": labels}});
                call(Verb::Create, None, Body::Json(map), options)
            }
        };
        match admin.call(written).await {
            Ok(_) => {}
            Err(error) => assert!(matches!(error.code, 404 | 409), "{error}"),
        }
        if random.below(8) == 0 {
            tokio::time::sleep(Duration::from_millis(random.below(3))).await;
        }
    }
}

/// Follows from what a list says until everything is written and has been told, and checks on the way that revisions only grow.
async fn replay(admin: Arc<dyn Endpoint>, selector: &str, mut written: Receiver<bool>) -> State {
    let options = |version: &str| Options {
        label_selector: selector.into(),
        resource_version: version.into(),
        ..Options::default()
    };
    let (mut state, mut last, _) = list(&*admin, options("")).await;
    let watch = call(Verb::Watch, None, Body::None, options(&last.to_string()));
    let mut watch = admin.watch(watch).await.unwrap();
    loop {
        let is_written = *written.borrow_and_update();
        let event = tokio::select! {
            event = watch.next() => event.unwrap().unwrap(),
            changed = written.changed(), if !is_written => {
                changed.unwrap();
                continue;
            }
            // What is written is on its way; nothing tells that there is no more.
            () = tokio::time::sleep(QUIET), if is_written => return state,
        };
        let (object, is_deleted) = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, false),
            WatchEvent::Deleted(object) => (object, true),
            WatchEvent::Bookmark(_) => continue,
        };
        let (name, now) = entry(&*object);
        assert!(now.1 > last, "{name} at {} after {last}", now.1);
        last = now.1;
        let before = match is_deleted {
            true => state.remove(&name),
            false => state.insert(name.clone(), now),
        };
        assert!(before.is_some() || !is_deleted, "{name} was not there");
    }
}

/// Reads pages while others write: together they are the list of the first page's revision.
async fn page(admin: Arc<dyn Endpoint>, mut random: Random) {
    for _ in 0..12 {
        let limit = 1 + random.below(4);
        let options = |token: &str| Options {
            limit,
            continue_token: token.into(),
            ..Options::default()
        };
        let (mut all, version, mut token) = list(&*admin, options("")).await;
        while !token.is_empty() {
            let (more, same, next) = list(&*admin, options(&token)).await;
            assert_eq!(same, version);
            for (name, now) in more {
                assert!(all.insert(name, now).is_none());
            }
            token = next;
            tokio::task::yield_now().await;
        }
        assert!(
            all.values().all(|(_, written)| *written <= version),
            "{all:?} at {version}"
        );
        let exact = Options {
            limit: 1000,
            resource_version: version.to_string(),
            ..Options::default()
        };
        assert_eq!(list(&*admin, exact).await.0, all, "at {version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout, reason = "shown where it fails")]
async fn lists_are_the_replay_of_events() {
    let given = std::env::var("NAVARCH_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let now = u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap();
    let seed = given.unwrap_or(now) | 1;
    println!("NAVARCH_SEED={seed}");
    let cluster = Cluster::start(0).await;
    let admin = &cluster.admin;
    let (end, written) = tokio::sync::watch::channel(false);
    let start = Arc::new(Barrier::new(usize::try_from(WRITERS).unwrap()));
    let writers = (0..WRITERS).map(|writer| {
        let random = Random(seed.wrapping_mul(writer + 1) | 1);
        tokio::spawn(write(admin.clone(), random, start.clone()))
    });
    let readers = ["", "half=0", "half!=1", "", "half in (0,1)"];
    let following =
        join_all(readers.map(|selector| replay(admin.clone(), selector, written.clone())));
    let writing = async {
        for done in join_all(writers).await {
            done.unwrap();
        }
        end.send_replace(true);
    };
    let paging = page(admin.clone(), Random(seed));
    let (replayed, (), ()) = tokio::join!(following, writing, paging);
    for (selector, state) in readers.iter().zip(replayed) {
        let options = Options {
            label_selector: (*selector).into(),
            ..Options::default()
        };
        let (expected, ..) = list(&**admin, options).await;
        assert_eq!(state, expected, "{selector:?}");
    }
}
