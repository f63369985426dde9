//! Garbage collection: what goes when its owners are gone, in the order that the deletion of the owners asked for.
//!
//! [`plan`] decides on the [owner graph](crate::graph); the rest of this module queues uids, looks up what the graph does not show,
//! and makes the calls.

mod look_up;
mod plan;

use std::sync::Arc;

use futures::StreamExt;
use navarch_client::{Backoff, EventRecorder, EventType, Queue};
use navarch_machinery::object::Object;
use navarch_machinery::status::Result;
use serde_json::json;

use crate::graph::{Graph, Node, Owner, State};
use crate::{Action, Context};
use look_up::LookUps;
pub use plan::{Decision, Sought, Standing, plan};

/// The service account that it calls as.
const ACCOUNT: &str = "generic-garbage-collector";
/// The objects that are worked on at a time. Kubernetes' `concurrent-gc-syncs`.
const WORKERS: usize = 20;
/// The dependents of one object that are changed at a time.
const SIDE_BY_SIDE: usize = 32;

struct Collector {
    graph: Graph,
    context: Context,
    recorder: EventRecorder,
    queue: Arc<Queue<Arc<str>>>,
    look_ups: Arc<LookUps>,
}

/// Collects garbage until it is time to stop, and returns when what was begun is done.
pub async fn run(graph: Graph, context: Context) {
    let context = context.of_account(ACCOUNT);
    if context
        .stop
        .run_until_cancelled(graph.synced())
        .await
        .is_none()
    {
        return;
    }
    let queue = Arc::new(Queue::new(Backoff::CONTROLLER));
    let look_ups = Arc::new(LookUps::new(context.client.clone()));
    let (q, absent) = (queue.clone(), look_ups.clone());
    graph.on_change(move |state, old, new| {
        if let (Some(gone), None) = (old, new) {
            absent.note_absent(gone);
        }
        affected(state, old, new, &mut |uid| q.add(uid.clone()));
    });
    let recorder = EventRecorder::start(
        context.client.clone(),
        "garbage-collector-controller",
        "",
        context.clock.clone(),
    );
    let collector = Collector {
        graph,
        context,
        recorder,
        queue,
        look_ups,
    };
    futures::future::join_all((0..WORKERS).map(|_| collector.work())).await;
}

/// The objects about which something may be to do after a change.
fn affected(
    state: &State,
    old: Option<&Arc<Node>>,
    new: Option<&Arc<Node>>,
    queue: &mut dyn FnMut(&Arc<str>),
) {
    match (old, new) {
        (old, Some(new)) if old.is_none_or(|old| old.differs(new)) => {
            if !new.owners.is_empty() || new.is_deleting {
                queue(&new.uid);
            }
            if new.is_deleting && new.has_finalizer(plan::FOREGROUND) {
                state
                    .dependents(&new.uid)
                    .for_each(|dependent| queue(&dependent.uid));
            }
        }
        (Some(gone), None) => state
            .dependents(&gone.uid)
            .for_each(|dependent| queue(&dependent.uid)),
        _ => return,
    }
    // Who does not block its owners any more, or is gone, may have been what they waited for.
    for owner in old.into_iter().flat_map(|old| &old.owners) {
        if state.get(&owner.uid).is_some_and(|owner| owner.is_deleting) {
            queue(&owner.uid);
        }
    }
}

impl Collector {
    async fn work(&self) {
        while let Some(uid) = self.context.next(&self.queue).await {
            match self.consider(&uid).await {
                Ok(()) => self.queue.forget(&uid),
                Err(error) => {
                    tracing::debug!(%uid, %error, "will be tried again");
                    self.queue.retry(uid.clone());
                }
            }
            self.queue.done(&uid);
        }
    }

    async fn consider(&self, uid: &Arc<str>) -> Result<()> {
        let mut decision = self.decide(uid, &[]);
        if !decision.look_up.is_empty() {
            let found = self
                .look_ups
                .look_up(std::mem::take(&mut decision.look_up))
                .await?;
            decision = self.decide(uid, &found);
            if !decision.look_up.is_empty() {
                // It has got other owners meanwhile; their event queues it again, and this is for the case that it came already.
                self.queue.add(uid.clone());
                return Ok(());
            }
        }
        self.warn(uid, &decision.misplaced);
        decision
            .next
            .into_iter()
            .for_each(|uid| self.queue.add(uid));
        for step in decision.plan.steps {
            let calls = step.actions.into_iter().map(|action| self.perform(action));
            let mut done = futures::stream::iter(calls).buffer_unordered(SIDE_BY_SIDE);
            while let Some(result) = done.next().await {
                result?;
            }
        }
        Ok(())
    }

    fn decide(&self, uid: &str, found: &[(Sought, Standing)]) -> Decision {
        let known = |sought: &Sought| {
            let found = found.iter().find(|(other, _)| other == sought);
            found
                .map(|(_, standing)| *standing)
                .or_else(|| self.look_ups.known(sought))
        };
        plan(&self.graph.read(), uid, &known)
    }

    async fn perform(&self, action: Action) -> Result<()> {
        match self.context.client.call(action.call).await {
            Err(error) if action.idempotent && error.is_not_found() => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Warns, as Kubernetes does, of references to owners in other namespaces.
    fn warn(&self, uid: &str, misplaced: &[Owner]) {
        let Some(node) = self.graph.read().get(uid).cloned() else {
            return;
        };
        for owner in misplaced {
            let Some((about, kind)) = stub(&node).zip(owner.kind.as_ref().map(|kind| &kind.0))
            else {
                continue;
            };
            let namespace = &node.key.namespace;
            let message = format!(
                "ownerRef [{}/{}, namespace: {namespace}, name: {}, uid: {}] does not exist in namespace {namespace:?}",
                kind.api_version(),
                kind.kind,
                owner.name,
                owner.uid
            );
            self.recorder.event(
                about.as_ref(),
                EventType::Warning,
                "OwnerRefInvalidNamespace",
                message,
            );
        }
    }
}

/// As much of an object as an event about it needs.
fn stub(node: &Node) -> Option<Arc<dyn Object>> {
    let metadata =
        json!({"namespace": node.key.namespace(), "name": &*node.key.name, "uid": &*node.uid});
    let object = json!({"apiVersion": node.kind.api_version(), "kind": node.kind.kind, "metadata": metadata});
    node.kind
        .strategy
        .decode_stored(object.to_string().as_bytes())
        .ok()
}

#[cfg(test)]
mod tests;
