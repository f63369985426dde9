//! Informers: a kind's objects kept in memory by a list and a watch, for all of a program's consumers at once.

use std::sync::Arc;
use std::time::Duration;

use navarch_machinery::object::Typed;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::api::{Change, Client, ListOptions, next_change};
use crate::{Backoff, Index, ObjectKey, Snapshot};

/// What is told of a change: the object before, and after. Handlers run one after the other and must be quick: they queue keys.
type Handler<T> = Box<dyn Fn(Option<&Arc<T>>, Option<&Arc<T>>) + Send + Sync>;

/// How an informer is set up.
pub struct InformerOptions<T> {
    /// Which objects.
    pub list: ListOptions,
    /// How they can be found beside by key.
    pub indices: Vec<Index<T>>,
}

impl<T> Default for InformerOptions<T> {
    fn default() -> Self {
        Self {
            list: ListOptions::default(),
            indices: Vec::new(),
        }
    }
}

/// A watch that ended in less time without a word counts as a failure.
const SHORT: Duration = Duration::from_secs(1);

struct Shared<T> {
    options: InformerOptions<T>,
    keep: fn(Arc<T>) -> Arc<T>,
    state: RwLock<Snapshot<T>>,
    handlers: RwLock<Vec<Handler<T>>>,
    /// Serializes changes with the registration of handlers, so that a late handler misses none and sees none twice.
    changing: Mutex<()>,
    revision: watch::Sender<u64>,
}

/// A kind's objects, kept current. Ends its watch when the last handle is dropped.
pub struct Informer<T> {
    shared: Arc<Shared<T>>,
    task: Arc<Task>,
}

struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T> Clone for Informer<T> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            task: self.task.clone(),
        }
    }
}

impl<T: Typed> Informer<T> {
    /// Starts to list and watch.
    pub fn start(client: Client, options: InformerOptions<T>) -> Self {
        Self::start_keeping(client, options, |object| object)
    }

    /// The same, for who needs little of each object: `keep` makes of it what is kept and told of. Name, namespace, uid and revision must
    /// stay.
    pub fn start_keeping(
        client: Client,
        options: InformerOptions<T>,
        keep: fn(Arc<T>) -> Arc<T>,
    ) -> Self {
        let shared = Arc::new(Shared {
            options,
            keep,
            state: RwLock::new(Snapshot::default()),
            handlers: RwLock::new(Vec::new()),
            changing: Mutex::new(()),
            revision: watch::Sender::new(0),
        });
        let task = tokio::spawn(reflect(client, shared.clone()));
        Self {
            shared,
            task: Arc::new(Task(task)),
        }
    }

    /// The objects of this moment.
    pub fn snapshot(&self) -> Snapshot<T> {
        self.shared.state.read().clone()
    }

    /// One object of this moment.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<T>> {
        self.shared.state.read().get(key).cloned()
    }

    /// Has `handler` told of every object there is and of every change to come, in order.
    pub fn on_change(
        &self,
        handler: impl Fn(Option<&Arc<T>>, Option<&Arc<T>>) + Send + Sync + 'static,
    ) {
        let _changing = self.shared.changing.lock();
        for object in self.snapshot().iter() {
            handler(None, Some(object));
        }
        self.shared.handlers.write().push(Box::new(handler));
    }

    /// Waits until the first list is in.
    pub async fn synced(&self) {
        self.reached(1).await;
    }

    /// Waits until everything up to `revision` has been seen: how a controller reads its own writes.
    pub async fn reached(&self, revision: u64) {
        let mut seen = self.shared.revision.subscribe();
        // The sender lives in `self.shared`, so this cannot fail while `self` is borrowed.
        let _ = seen.wait_for(|seen| *seen >= revision).await;
    }

    /// The revision up to which everything has been seen; 0 before the first list.
    pub fn revision(&self) -> u64 {
        *self.shared.revision.borrow()
    }

    /// That revision as it grows. Handlers have been told of everything up to it.
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.shared.revision.subscribe()
    }
}

async fn reflect<T: Typed>(client: Client, shared: Arc<Shared<T>>) {
    let mut failures = 0;
    loop {
        match list_and_watch(&client, &shared, &mut failures).await {
            Ok(()) => {}
            Err(error) => {
                failures = failures.saturating_add(1);
                // History that is gone asks for a list at once, but not for one after the other.
                let wait = if error.is_expired() && failures == 1 {
                    std::time::Duration::ZERO
                } else {
                    Backoff::REFLECTOR.after(failures)
                };
                tracing::debug!(kind = T::KIND, %error, ?wait, "list and watch ended");
                tokio::time::sleep(wait).await;
            }
        }
    }
}

async fn list_and_watch<T: Typed>(
    client: &Client,
    shared: &Shared<T>,
    failures: &mut u32,
) -> navarch_machinery::status::Result<()> {
    let list = client.list::<T>(&shared.options.list).await?;
    let mut version = list.resource_version.clone();
    let items = list.items.into_iter().map(shared.keep).collect();
    shared.replace(items, revision_of(&version));
    loop {
        let begun = Instant::now();
        let mut stream = client.watch::<T>(&shared.options.list, &version).await?;
        let mut heard = false;
        while let Some(change) = next_change::<T>(&mut stream).await {
            let change = change?;
            heard = true;
            // Only a change tells that list and watch both work.
            *failures = 0;
            version = match change {
                Change::Put(object) => shared.put(&(shared.keep)(object)),
                Change::Gone(object) => shared.gone(&(shared.keep)(object)),
                Change::Upto(bookmark) => {
                    shared.advance(revision_of(&bookmark));
                    bookmark
                }
            };
        }
        if !heard && begun.elapsed() < SHORT {
            // A server that closes watches at once must not be asked in a tight loop.
            *failures = failures.saturating_add(1);
            tokio::time::sleep(Backoff::REFLECTOR.after(*failures)).await;
        }
    }
}

impl<T: Typed> Shared<T> {
    fn replace(&self, items: Vec<Arc<T>>, revision: u64) {
        let _changing = self.changing.lock();
        let mut next = Snapshot::default();
        for object in items {
            next.insert(object, &self.options.indices);
        }
        next.revision = revision;
        let before = std::mem::replace(&mut *self.state.write(), next.clone());
        for object in before.iter() {
            if next.get(&ObjectKey::of(object.metadata())).is_none() {
                self.tell(Some(object), None);
            }
        }
        for object in next.iter() {
            let old = before.get(&ObjectKey::of(object.metadata()));
            if old.is_none_or(|old| {
                old.metadata().resource_version != object.metadata().resource_version
            }) {
                self.tell(old, Some(object));
            }
        }
        self.announce(revision);
    }

    fn put(&self, object: &Arc<T>) -> String {
        let _changing = self.changing.lock();
        let version = object
            .metadata()
            .resource_version
            .clone()
            .unwrap_or_default();
        let old = {
            let mut state = self.state.write();
            state.revision = revision_of(&version);
            state.insert(object.clone(), &self.options.indices)
        };
        self.tell(old.as_ref(), Some(object));
        self.announce(revision_of(&version));
        version
    }

    fn gone(&self, object: &Arc<T>) -> String {
        let _changing = self.changing.lock();
        let version = object
            .metadata()
            .resource_version
            .clone()
            .unwrap_or_default();
        let old = {
            let mut state = self.state.write();
            state.revision = revision_of(&version);
            state.remove(&ObjectKey::of(object.metadata()), &self.options.indices)
        };
        if old.is_some() {
            self.tell(Some(object), None);
        }
        self.announce(revision_of(&version));
        version
    }

    fn advance(&self, revision: u64) {
        self.state.write().revision = revision;
        self.announce(revision);
    }

    fn announce(&self, revision: u64) {
        self.revision.send_if_modified(|seen| {
            let newer = revision > *seen;
            *seen = revision.max(*seen);
            newer
        });
    }

    fn tell(&self, old: Option<&Arc<T>>, new: Option<&Arc<T>>) {
        for handler in self.handlers.read().iter() {
            handler(old, new);
        }
    }
}

/// Navarch's resource versions are revisions. Of another server's, which are opaque, the order is unknown: 1, "something".
fn revision_of(version: &str) -> u64 {
    version.parse::<u64>().unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests;
