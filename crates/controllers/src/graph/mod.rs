//! The owner graph: of every object of every kind that can be watched just so much as tells who owns whom, and who waits for whom.
//!
//! It is bounded by the objects that there are. Events own nothing and are owned by nothing, so they are left out, as Kubernetes does.

mod node;
mod reflector;
mod state;

use std::sync::Arc;

use navarch_api::def::{ResourceDef, Verb};
use navarch_api::table;
use navarch_client::Client;
use parking_lot::{RwLock, RwLockReadGuard};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use node::{Node, Owner, OwnerKind};
pub use state::State;

/// Told of each change with the graph after it: what was there of the object, and what is. It must be quick, and not ask the graph itself.
type Handler = Box<dyn Fn(&State, Option<&Arc<Node>>, Option<&Arc<Node>>) + Send + Sync>;

struct Shared {
    state: RwLock<State>,
    handlers: RwLock<Vec<Handler>>,
    /// How many kinds have not been listed yet.
    missing: watch::Sender<usize>,
}

/// The graph, kept current. Cheap to clone; ends its watches when the last handle is dropped.
#[derive(Clone)]
pub struct Graph {
    shared: Arc<Shared>,
    _reflectors: Arc<JoinSet<()>>,
}

impl Graph {
    /// Starts to list and watch all kinds.
    pub fn start(client: &Client) -> Self {
        let kinds = kinds();
        let shared = Arc::new(Shared {
            state: RwLock::default(),
            handlers: RwLock::default(),
            missing: watch::Sender::new(kinds.len()),
        });
        let mut reflectors = JoinSet::new();
        for kind in kinds {
            reflectors.spawn(reflector::reflect(client.clone(), kind, shared.clone()));
        }
        Self {
            shared,
            _reflectors: Arc::new(reflectors),
        }
    }

    /// Waits until every kind has been listed: from then on nobody lacks a dependent that has been there for long.
    pub async fn synced(&self) {
        let mut missing = self.shared.missing.subscribe();
        // The sender lives in `self.shared`, so this cannot fail while `self` is borrowed.
        let _ = missing.wait_for(|missing| *missing == 0).await;
    }

    /// The graph of this moment. Changes wait while it is held: not for long, and not across an await.
    pub fn read(&self) -> RwLockReadGuard<'_, State> {
        self.shared.state.read()
    }

    /// Has `handler` told of every object there is and of every change to come.
    pub fn on_change(
        &self,
        handler: impl Fn(&State, Option<&Arc<Node>>, Option<&Arc<Node>>) + Send + Sync + 'static,
    ) {
        // Changes hold the state's lock while they tell the handlers, so that none is missed or seen twice here.
        let state = self.shared.state.write();
        for node in state.nodes() {
            handler(&state, None, Some(node));
        }
        self.shared.handlers.write().push(Box::new(handler));
    }
}

impl Shared {
    fn put(&self, node: Node) {
        let node = Arc::new(node);
        let mut state = self.state.write();
        let old = state.put(node.clone());
        self.tell(&state, old.as_ref(), Some(&node));
    }

    fn remove(&self, uid: &str) {
        let mut state = self.state.write();
        if let Some(old) = state.remove(uid) {
            self.tell(&state, Some(&old), None);
        }
    }

    fn tell(&self, state: &State, old: Option<&Arc<Node>>, new: Option<&Arc<Node>>) {
        for handler in self.handlers.read().iter() {
            handler(state, old, new);
        }
    }
}

/// The resources whose objects the graph holds: all that can be listed, watched and deleted, each once, under the address at which
/// it is stored.
pub(crate) fn kinds() -> Vec<Arc<ResourceDef>> {
    let needed = [Verb::List, Verb::Watch, Verb::Delete];
    let rows = table::builtin().rows().filter(|row| {
        needed.iter().all(|verb| row.verbs.contains(verb)) && is_stored(row) && row.kind != "Event"
    });
    rows.cloned().collect()
}

/// Whether a resource is stored as itself, and not as another kind's objects.
pub(crate) fn is_stored(row: &ResourceDef) -> bool {
    row.storage.group == row.group && row.storage.version == row.version
}

#[cfg(test)]
mod tests;
