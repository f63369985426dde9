//! The shell around the plans: it queues keys, takes snapshots, makes the calls, retries, and reads its own writes.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use navarch_api::call::{Answer, Call, Gvr};
use navarch_api::def::Verb;
use navarch_client::{Backoff, Client, Clock, EventRecorder, Informer, ObjectKey, Queue};
use navarch_machinery::object::{Object, Typed};
use navarch_machinery::status::StatusError;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::own_writes::OwnWrites;
use crate::plan::{Action, Expected, Note, Plan, Step};

/// The keys a controller works on at a time. client-go's controllers have 5 for most kinds.
const WORKERS: usize = 4;
/// The calls of one step that are under way at a time, at most: a step begins with one and doubles while all succeed, so that
/// a refusal (a quota, say) is met once and not a thousand times.
const SIDE_BY_SIDE: usize = 128;

/// Makes a client that speaks as a service account of the namespace `kube-system`.
pub type Accounts = Arc<dyn Fn(&str) -> Client + Send + Sync>;

/// What all controllers are given.
#[derive(Clone)]
pub struct Context {
    /// How they look: the informers that they share speak as the controller manager.
    pub client: Client,
    /// How each calls: as an account of its own.
    pub accounts: Accounts,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// When it is time to stop: no more keys are begun.
    pub stop: CancellationToken,
}

impl Context {
    /// The next key of a queue; `None` when it is time to stop.
    pub(crate) async fn next<K: Clone + Eq + Hash>(&self, queue: &Queue<K>) -> Option<K> {
        self.stop.run_until_cancelled(queue.next()).await.flatten()
    }

    /// For the controller of an account; for the controller manager itself, where that is empty.
    #[must_use]
    pub fn of_account(&self, name: &str) -> Self {
        let client = match name {
            "" => self.client.clone(),
            name => (self.accounts)(name),
        };
        Self {
            client,
            ..self.clone()
        }
    }
}

/// A controller: what it looks at, and its plan.
pub trait Controller: Send + Sync + 'static {
    /// As it signs its events: `deployment-controller`.
    const NAME: &'static str;
    /// The service account that it calls as, to which a role of the bootstrap policy is bound. It may do nothing else. Empty: as the
    /// controller manager, which is only for what service accounts themselves wait for.
    const ACCOUNT: &'static str;
    /// Snapshots of all that a plan looks at.
    type View: Send;

    /// Has keys queued for changes: registers handlers on the informers. Called once.
    fn watch(&self, queue: &Arc<Queue<ObjectKey>>);
    /// The informers that must be in before the first plan, and whose kinds this controller writes.
    fn watched(&self) -> Vec<&dyn Watched>;
    /// The snapshots of this moment.
    fn view(&self) -> Self::View;
    /// What to do about `key`. Pure.
    fn plan(&self, now: Timestamp, view: &Self::View, key: &ObjectKey) -> Plan;
    /// What to do about `key` after the last plan for it failed: for controllers that tell of failures in a status. Pure.
    fn plan_after(
        &self,
        failure: &Failure,
        now: Timestamp,
        view: &Self::View,
        key: &ObjectKey,
    ) -> Plan {
        let _ = failure;
        self.plan(now, view, key)
    }
}

/// Why a plan could not be carried out: its first call that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The verb of the call.
    pub verb: Verb,
    /// What it was about.
    pub resource: Gvr,
    /// How it was refused.
    pub error: StatusError,
}

/// An informer, whatever its kind.
pub trait Watched: Send + Sync {
    /// Its kind.
    fn resource(&self) -> Gvr;
    /// Waits until it has seen everything up to `revision`.
    fn reached(&self, revision: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
    /// The revision up to which it has seen everything.
    fn revision(&self) -> u64;
}

impl<T: Typed> Watched for Informer<T> {
    fn resource(&self) -> Gvr {
        Gvr::of::<T>()
    }

    fn reached(&self, revision: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(Informer::reached(self, revision))
    }

    fn revision(&self) -> u64 {
        Informer::revision(self)
    }
}

struct Shell<C> {
    controller: C,
    context: Context,
    recorder: EventRecorder,
    queue: Arc<Queue<ObjectKey>>,
    own_writes: OwnWrites,
    /// Why the last plan of a key failed, of the keys that are tried again.
    failures: Mutex<HashMap<ObjectKey, Failure>>,
}

/// Runs a controller until it is time to stop, and returns when what it had begun is done.
pub async fn run<C: Controller>(controller: C, context: Context) {
    let context = context.of_account(C::ACCOUNT);
    let queue = Arc::new(Queue::new(Backoff::CONTROLLER));
    for informer in controller.watched() {
        let reached = informer.reached(1);
        if context.stop.run_until_cancelled(reached).await.is_none() {
            return;
        }
    }
    controller.watch(&queue);
    let recorder = EventRecorder::start(context.client.clone(), C::NAME, "", context.clock.clone());
    let shell = Shell {
        controller,
        context,
        recorder,
        queue,
        own_writes: OwnWrites::default(),
        failures: Mutex::default(),
    };
    futures::future::join_all((0..WORKERS).map(|_| shell.work())).await;
}

impl<C: Controller> Shell<C> {
    async fn work(&self) {
        while let Some(key) = self.context.next(&self.queue).await {
            if !self.own_writes.seen(&key, &self.controller.watched()).await {
                tracing::warn!(controller = C::NAME, %key, "own writes have not come back yet");
                self.queue.add(key.clone());
                self.queue.done(&key);
                continue;
            }
            match self.reconcile(&key).await {
                Ok(wake) => {
                    self.queue.forget(&key);
                    if self.failures.lock().remove(&key).is_some() {
                        // What was told of the failure no longer holds.
                        self.queue.add(key.clone());
                    }
                    if let Some(at) = wake {
                        let wait = at.duration_since(self.context.clock.now());
                        self.queue.add_after(
                            key.clone(),
                            Duration::try_from(wait).unwrap_or(Duration::from_millis(1)),
                        );
                    }
                }
                Err(failure) => {
                    tracing::debug!(controller = C::NAME, %key, error = %failure.error, "will be tried again");
                    self.failures.lock().insert(key.clone(), *failure);
                    self.queue.retry(key.clone());
                }
            }
            self.queue.done(&key);
        }
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Option<Timestamp>, Box<Failure>> {
        let view = self.controller.view();
        let now = self.context.clock.now();
        let failure = self.failures.lock().get(key).cloned();
        let plan = match &failure {
            Some(failure) => self.controller.plan_after(failure, now, &view, key),
            None => self.controller.plan(now, &view, key),
        };
        drop(view);
        for step in plan.steps {
            self.carry_out(key, step).await?;
        }
        plan.notes.iter().for_each(|note| self.tell(note, "", ""));
        Ok(plan.wake)
    }

    /// Makes the calls of a step in batches of 1, 2, 4, …; the first failure ends it after its batch, or after all where they are apart.
    async fn carry_out(&self, key: &ObjectKey, step: Step) -> Result<(), Box<Failure>> {
        let mut actions = step.actions.into_iter();
        let mut batch = 1;
        let mut first = Ok(());
        loop {
            let now: Vec<Action> = actions.by_ref().take(batch).collect();
            if now.is_empty() || (first.is_err() && !step.apart) {
                return first;
            }
            let calls = now.into_iter().map(|action| self.perform(key, action));
            let results: Vec<Result<(), Box<Failure>>> = futures::stream::iter(calls)
                .buffer_unordered(SIDE_BY_SIDE)
                .collect()
                .await;
            first = first.and(results.into_iter().collect());
            batch = (batch * 2).min(SIDE_BY_SIDE);
        }
    }

    async fn perform(&self, key: &ObjectKey, action: Action) -> Result<(), Box<Failure>> {
        if let Some(expected) = &action.expected {
            return self.confirm(action.call, expected).await;
        }
        let Action {
            call,
            done,
            failed,
            idempotent,
            expected: _,
        } = action;
        let (verb, resource) = (call.verb, call.resource.clone());
        match self.context.client.call(call).await {
            Ok(answer) => {
                let informers = self.controller.watched();
                self.own_writes.remember(key, resource, &answer, &informers);
                if let Some(note) = done {
                    self.tell(&note, name_in(&answer), "");
                }
                Ok(())
            }
            Err(error) if idempotent && (error.is_not_found() || error.is_already_exists()) => {
                Ok(())
            }
            // The namespace goes, and the key's own object with it: there is nothing to try again, and nothing to complain of.
            Err(error) if is_namespace_going(&error) => Ok(()),
            Err(error) => {
                if let Some(note) = failed {
                    self.tell(&note, "", &error.message);
                }
                Err(Box::new(Failure {
                    verb,
                    resource,
                    error,
                }))
            }
        }
    }

    /// Reads what a plan rests on. That it is otherwise is a conflict as any other: the key is planned again.
    async fn confirm(&self, call: Call, expected: &Expected) -> Result<(), Box<Failure>> {
        let (verb, resource) = (call.verb, call.resource.clone());
        let name = call.name.clone().unwrap_or_default();
        let error = match self.context.client.call(call).await {
            Ok(Answer::Object(found)) if expected.is_met(Some(found.as_ref())) => return Ok(()),
            Err(error) if error.is_not_found() && expected.is_met(None) => return Ok(()),
            Err(error) if !error.is_not_found() => error,
            _ => match expected {
                Expected::Allowed(what) => {
                    let why = "the subject access review was not approved";
                    StatusError::forbidden(&resource.group, &resource.resource, what, why)
                }
                _ => StatusError::modified(&resource.group, &resource.resource, &name),
            },
        };
        Err(Box::new(Failure {
            verb,
            resource,
            error,
        }))
    }

    fn tell(&self, note: &Note, name: &str, error: &str) {
        let message = note.message.replace("{}", name) + error;
        self.recorder
            .event(note.about.as_ref(), note.kind, note.reason, message);
    }
}

/// Whether a creation was refused because its namespace is being deleted.
fn is_namespace_going(error: &StatusError) -> bool {
    let causes = error
        .details
        .iter()
        .flat_map(|details| details.causes.iter().flatten());
    causes
        .into_iter()
        .any(|cause| cause.reason.as_deref() == Some("NamespaceTerminating"))
}

fn name_in(answer: &Answer) -> &str {
    match answer {
        Answer::Object(object) => Object::metadata(object.as_ref())
            .name
            .as_deref()
            .unwrap_or(""),
        _ => "",
    }
}
