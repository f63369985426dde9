//! Priority and fairness: the objects that every server begins with are kept as they should be, and every schema says whether
//! its level is there.

mod dangling;
mod upkeep;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::Resource;
use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use navarch_api::call::{Body, Call, Endpoint, Gvr, Options, PatchKind};
use navarch_api::def::Verb;
use navarch_machinery::status::Result;
use navarch_store::{Revision, Watch};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::upkeep::{Kept, Step};
use crate::ApiServer;
use crate::limits::WATCH_BATCH;

/// How often the objects are put right.
const UPKEEP: Duration = Duration::from_secs(60);
/// How long whoever makes a schema waits for its condition at most.
const MARKING: Duration = Duration::from_secs(5);
const UPKEEP_MANAGER: &str = "api-priority-and-fairness-config-producer-v1";
const STATUS_MANAGER: &str = "api-priority-and-fairness-config-consumer-v1";

/// Makes what is missing, puts right what must be so, and removes what no longer belongs.
pub(super) async fn ensure(server: &ApiServer, me: &dyn Endpoint) -> Result<()> {
    put_right::<PriorityLevelConfiguration>(server, me).await?;
    put_right::<FlowSchema>(server, me).await
}

async fn put_right<T: Kept>(server: &ApiServer, me: &dyn Endpoint) -> Result<()> {
    let steps = upkeep::steps(&all::<T>(server)?);
    together(me, steps.into_iter().map(call_of).collect()).await
}

fn call_of<T: Kept>(step: Step<T>) -> Call {
    let mut call = call::<T>(step.verb(), step.name(), UPKEEP_MANAGER);
    match step {
        Step::Create(object) => {
            call.name = None;
            call.body = Body::Object(Arc::new(object));
        }
        Step::Update(object) => call.body = Body::Object(Arc::new(object)),
        Step::Delete { uid, version, .. } => {
            call.options.uid = Some(uid);
            call.options.precondition_version = Some(version);
        }
    }
    call
}

/// Waits until the schemas of a revision know whether their levels are there: who makes one and reads it finds the answer in it.
pub(crate) async fn marked(server: &ApiServer, revision: Revision) {
    if !server.health.bootstrapped.load(Ordering::Acquire) {
        return;
    }
    let mut marked = server.schemas_marked.subscribe();
    // Should it take longer, the schema is there all the same.
    let _ = tokio::time::timeout(MARKING, marked.wait_for(|at| *at >= revision)).await;
}

/// Tells every schema that does not know whether its level is there.
async fn mark_dangling(server: &ApiServer, me: &dyn Endpoint) -> Result<()> {
    let levels = all::<PriorityLevelConfiguration>(server)?;
    let now = server.clock.now();
    let mut calls = Vec::new();
    for schema in all::<FlowSchema>(server)? {
        if let Some(condition) = dangling::news(&schema, &levels, now) {
            let name = schema.metadata.name.as_deref().unwrap_or_default();
            let mut call = call::<FlowSchema>(Verb::Patch, name, STATUS_MANAGER);
            call.subresource = Some("status".to_owned());
            call.options.force = true;
            let patch = json!({
                "apiVersion": FlowSchema::API_VERSION, "kind": FlowSchema::KIND, "metadata": {"name": name},
                "status": {"conditions": [condition]},
            });
            call.body = Body::Patch(PatchKind::Apply, patch);
            calls.push(call);
        }
    }
    together(me, calls).await
}

/// Makes calls at once, so that they share a sync. Where somebody else was there first, it is looked at again.
pub(super) async fn together(me: &dyn Endpoint, calls: Vec<Call>) -> Result<()> {
    let answers = join_all(calls.into_iter().map(|call| me.call(call))).await;
    let failed = answers.into_iter().filter_map(std::result::Result::err);
    let mut serious = failed.filter(|error| {
        !(error.is_conflict() || error.is_already_exists() || error.is_not_found())
    });
    serious.next().map_or(Ok(()), Err)
}

fn all<T: Kept>(server: &ApiServer) -> Result<Vec<Arc<T>>> {
    let served = server
        .directory
        .find(T::GROUP, T::VERSION, T::URL_PATH_SEGMENT);
    served.map_or(Ok(Vec::new()), |served| {
        served.all(&*server.store.snapshot(), "")
    })
}

fn call<T: Resource>(verb: Verb, name: &str, manager: &str) -> Call {
    Call {
        verb,
        resource: Gvr::of::<T>(),
        namespace: None,
        name: Some(name.to_owned()),
        subresource: None,
        body: Body::None,
        options: Options {
            field_manager: manager.to_owned(),
            ..Options::default()
        },
    }
}

/// Does both for as long as the server is there: at every change of a schema or a level, and every now and then.
pub(super) async fn keep(server: Weak<ApiServer>) {
    let Some((closing, mut watches)) = server.upgrade().and_then(|server| follow(&server)) else {
        return;
    };
    let mut upkeep = tokio::time::interval(UPKEEP);
    let (mut schemas, mut levels) = (Vec::new(), Vec::new());
    loop {
        let (due, seen) = tokio::select! {
            () = closing.cancelled() => return,
            _ = upkeep.tick() => (true, Ok(())),
            seen = watches.0.next(&mut schemas, WATCH_BATCH) => (false, seen.map(drop)),
            seen = watches.1.next(&mut levels, WATCH_BATCH) => (false, seen.map(drop)),
        };
        schemas.clear();
        levels.clear();
        let Some(server) = server.upgrade() else {
            return;
        };
        match seen {
            Ok(()) => {}
            Err(navarch_store::Error::Closed) => return,
            // Too slow: the present state is all that counts.
            Err(_) => match follow(&server) {
                Some((_, anew)) => watches = anew,
                None => return,
            },
        }
        let me = server.own_endpoint();
        let kept = if due {
            ensure(&server, &*me).await
        } else {
            Ok(())
        };
        let revision = server.store.snapshot().revision();
        for failed in [kept, mark_dangling(&server, &*me).await] {
            if let Err(error) = failed {
                warn!(%error, "flow control configuration");
            }
        }
        server.schemas_marked.send_replace(revision);
    }
}

type Watches = (Box<dyn Watch>, Box<dyn Watch>);

fn follow(server: &ApiServer) -> Option<(CancellationToken, Watches)> {
    let from = server.store.snapshot().revision();
    let watch = |plural| {
        let served = server
            .directory
            .find(FlowSchema::GROUP, FlowSchema::VERSION, plural)?;
        server.store.watch(&served.prefix, from).ok()
    };
    let schemas = watch(FlowSchema::URL_PATH_SEGMENT)?;
    let levels = watch(PriorityLevelConfiguration::URL_PATH_SEGMENT)?;
    Some((server.closing.clone(), (schemas, levels)))
}
