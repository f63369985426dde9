//! Whether owners that the graph does not show are there.

use std::num::NonZeroUsize;

use lru::LruCache;
use navarch_api::call::{Answer, Body, Call, Gvr, Options};
use navarch_api::def::Verb;
use navarch_client::Client;
use navarch_machinery::status::{Result, StatusError};
use parking_lot::Mutex;

use super::plan::{FOREGROUND, Sought, Standing};
use crate::graph::Node;

/// So many owners are remembered as gone: those of which many dependents ask in a row. Kubernetes remembers 500.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// Looks owners up, and remembers those that are gone: a uid never comes back.
pub(super) struct LookUps {
    client: Client,
    absent: Mutex<LruCache<Sought, ()>>,
}

impl LookUps {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            absent: Mutex::new(LruCache::new(REMEMBERED)),
        }
    }

    /// What is remembered of an owner.
    pub(super) fn known(&self, sought: &Sought) -> Option<Standing> {
        self.absent.lock().get(sought).map(|()| Standing::Absent)
    }

    /// An object was seen to go.
    pub(super) fn note_absent(&self, node: &Node) {
        let gone = Sought {
            resource: Gvr {
                group: node.kind.group.to_string(),
                version: node.kind.version.to_string(),
                resource: node.kind.plural.to_string(),
            },
            namespace: node.key.namespace.clone(),
            name: (&*node.key.name).into(),
            uid: node.uid.clone(),
        };
        self.absent.lock().put(gone, ());
    }

    /// Asks the API for each of them.
    pub(super) async fn look_up(&self, sought: Vec<Sought>) -> Result<Vec<(Sought, Standing)>> {
        let mut found = Vec::with_capacity(sought.len());
        for sought in sought {
            let standing = self.ask(&sought).await?;
            if standing == Standing::Absent {
                self.absent.lock().put(sought.clone(), ());
            }
            found.push((sought, standing));
        }
        Ok(found)
    }

    async fn ask(&self, sought: &Sought) -> Result<Standing> {
        let call = Call {
            verb: Verb::Get,
            resource: sought.resource.clone(),
            namespace: (!sought.namespace.is_empty()).then(|| sought.namespace.to_string()),
            name: Some(sought.name.to_string()),
            subresource: None,
            body: Body::None,
            options: Options::default(),
        };
        let owner = match self.client.call(call).await {
            Ok(Answer::Object(owner)) => owner,
            Ok(_) => {
                return Err(StatusError::internal(
                    "an object was expected, the answer is something else",
                ));
            }
            Err(error) if error.is_not_found() => return Ok(Standing::Absent),
            Err(error) => return Err(error),
        };
        let metadata = owner.metadata();
        if metadata.uid.as_deref() != Some(&*sought.uid) {
            return Ok(Standing::Absent);
        }
        let mut finalizers = metadata.finalizers.iter().flatten();
        let waits = metadata.deletion_timestamp.is_some()
            && finalizers.any(|finalizer| finalizer == FOREGROUND);
        Ok(if waits {
            Standing::Waiting
        } else {
            Standing::Solid
        })
    }
}
