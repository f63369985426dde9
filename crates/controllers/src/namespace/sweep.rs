//! Deletes what is in a namespace, and sees what is left.

use std::sync::Arc;

use navarch_api::call::{Answer, Body, Call, Gvr, Options};
use navarch_api::def::{ResourceDef, Verb};
use navarch_api::strategy::Propagation;
use navarch_api::table;
use navarch_client::Client;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::contents::{Contents, Left};
use crate::graph::is_stored;

/// The objects of a page.
const PAGE: u64 = 500;
/// The resources that are emptied at a time.
const SIDE_BY_SIDE: usize = 8;

/// The resources whose objects live in namespaces and can be deleted, each once.
fn kinds() -> Vec<Arc<ResourceDef>> {
    let needed = [Verb::List, Verb::DeleteCollection];
    let rows = table::builtin().rows().filter(|row| {
        row.is_namespaced() && is_stored(row) && needed.iter().all(|verb| row.verbs.contains(verb))
    });
    rows.cloned().collect()
}

/// Deletes everything in a namespace. Pods go first: while one is there, it may need the rest.
pub(super) async fn sweep(client: &Client, namespace: &str) -> Contents {
    let (pods, others): (Vec<_>, Vec<_>) = kinds()
        .into_iter()
        .partition(|kind| kind.group.is_empty() && kind.plural == "pods");
    let mut contents = Contents::default();
    for kinds in [pods, others] {
        for some in kinds.chunks(SIDE_BY_SIDE) {
            let mut sweeps = Vec::with_capacity(some.len());
            for kind in some {
                sweeps.push(
                    Sweep {
                        client,
                        namespace,
                        kind,
                    }
                    .left(),
                );
            }
            contents
                .left
                .extend(futures::future::join_all(sweeps).await);
        }
        if !contents.is_empty() {
            break;
        }
    }
    contents
        .left
        .retain(|left| left.count > 0 || left.error.is_some());
    contents
}

struct Sweep<'a> {
    client: &'a Client,
    namespace: &'a str,
    kind: &'a ResourceDef,
}

impl Sweep<'_> {
    async fn left(self) -> Left {
        let mut left = Left {
            resource: self.kind.plural.to_string(),
            group: self.kind.group.to_string(),
            version: self.kind.version.to_string(),
            ..Left::default()
        };
        let done = self.delete(&mut left).await;
        left.error = done
            .err()
            .map(|error| error.message)
            .or_else(|| left.unexpected(self.namespace));
        left
    }

    async fn delete(&self, left: &mut Left) -> Result<()> {
        // Most kinds have nothing in most namespaces.
        if self.page(1, String::new()).await?.0.is_empty() {
            return Ok(());
        }
        let options = Options {
            propagation: Some(Propagation::Background),
            ..Options::default()
        };
        self.client
            .call(self.call(Verb::DeleteCollection, options))
            .await?;
        let mut token = String::new();
        loop {
            let (items, next) = self.page(PAGE, token).await?;
            items.iter().for_each(|object| note(object.as_ref(), left));
            if next.is_empty() {
                return Ok(());
            }
            token = next;
        }
    }

    async fn page(
        &self,
        limit: u64,
        continue_token: String,
    ) -> Result<(Vec<Arc<dyn Object>>, String)> {
        let options = Options {
            limit,
            continue_token,
            ..Options::default()
        };
        match self.client.call(self.call(Verb::List, options)).await? {
            Answer::List {
                items,
                continue_token,
                ..
            } => Ok((items, continue_token)),
            _ => Err(StatusError::internal(
                "a list was answered with something else",
            )),
        }
    }

    fn call(&self, verb: Verb, options: Options) -> Call {
        Call {
            verb,
            resource: Gvr {
                group: self.kind.group.to_string(),
                version: self.kind.version.to_string(),
                resource: self.kind.plural.to_string(),
            },
            namespace: Some(self.namespace.to_owned()),
            name: None,
            subresource: None,
            body: Body::None,
            options,
        }
    }
}

fn note(object: &dyn Object, left: &mut Left) {
    let metadata = object.metadata();
    left.count += 1;
    for finalizer in metadata.finalizers.iter().flatten() {
        *left.finalizers.entry(finalizer.clone()).or_default() += 1;
    }
    left.grace = left
        .grace
        .max(metadata.deletion_grace_period_seconds.unwrap_or(0));
}
