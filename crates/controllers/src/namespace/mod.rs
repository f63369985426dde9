//! Namespaces that are being deleted: emptied of everything, and then let go.

mod contents;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use navarch_api::call::{Body, Call, Gvr, Options};
use navarch_api::def::Verb;
use navarch_client::{Backoff, Informer, ObjectKey, Queue};
use navarch_machinery::status::{Result, StatusError};

use crate::Context;
use crate::graph::Graph;
pub use contents::{Contents, Left};

/// The service account that it calls as.
const ACCOUNT: &str = "namespace-controller";
/// The finalizer in a namespace's spec that stands for its content.
const CONTENT: &str = "kubernetes";
/// The namespaces that are emptied at a time. Kubernetes' `concurrent-namespace-syncs`.
const WORKERS: usize = 10;
/// How long to wait after an object has gone before the rest is looked at: many go at once.
const SETTLE: Duration = Duration::from_millis(20);
/// How long to wait at most before looking again, should no event tell that something has gone.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

struct Emptier {
    namespaces: Informer<Namespace>,
    context: Context,
    queue: Queue<ObjectKey>,
}

/// Empties namespaces until it is time to stop, and returns when what was begun is done.
pub async fn run(namespaces: Informer<Namespace>, graph: Graph, context: Context) {
    let context = context.of_account(ACCOUNT);
    let synced = namespaces.synced();
    if context.stop.run_until_cancelled(synced).await.is_none() {
        return;
    }
    let emptier = Arc::new(Emptier {
        namespaces: namespaces.clone(),
        context,
        queue: Queue::new(Backoff::CONTROLLER),
    });
    let it = emptier.clone();
    namespaces.on_change(move |_, new| {
        if let Some(namespace) = new.filter(|namespace| is_to_empty(namespace)) {
            it.queue.add(ObjectKey::of(&namespace.metadata));
        }
    });
    let it = emptier.clone();
    graph.on_change(move |_, old, new| {
        if let (Some(gone), None) = (old, new) {
            let key = ObjectKey::new("", &gone.key.namespace);
            if it
                .namespaces
                .get(&key)
                .is_some_and(|namespace| is_to_empty(&namespace))
            {
                it.queue.add_after(key, SETTLE);
            }
        }
    });
    futures::future::join_all((0..WORKERS).map(|_| emptier.work())).await;
}

/// Whether a namespace is being deleted and its content has not been seen to be gone.
fn is_to_empty(namespace: &Namespace) -> bool {
    let mut finalizers = namespace
        .spec
        .iter()
        .flat_map(|spec| spec.finalizers.iter().flatten());
    namespace.metadata.deletion_timestamp.is_some()
        && finalizers.any(|finalizer| finalizer == CONTENT)
}

impl Emptier {
    async fn work(&self) {
        while let Some(key) = self.context.next(&self.queue).await {
            match self.empty(&key).await {
                Ok(again) => {
                    self.queue.forget(&key);
                    if let Some(wait) = again {
                        self.queue.add_after(key.clone(), wait);
                    }
                }
                Err(error) => {
                    tracing::debug!(namespace = %key, %error, "will be tried again");
                    self.queue.retry(key.clone());
                }
            }
            self.queue.done(&key);
        }
    }

    /// Deletes what there is, tells what is left, and lets the namespace go when nothing is. Answers when to look again.
    async fn empty(&self, key: &ObjectKey) -> Result<Option<Duration>> {
        let Some(namespace) = self
            .namespaces
            .get(key)
            .filter(|namespace| is_to_empty(namespace))
        else {
            return Ok(None);
        };
        let contents = sweep::sweep(&self.context.client, &key.name).await;
        let namespace = self.tell(&namespace, &contents).await?;
        if let Some(error) = contents.errors().first() {
            return Err(StatusError::internal(error));
        }
        if contents.is_empty() {
            self.release(&namespace).await?;
            return Ok(None);
        }
        let half = Duration::from_secs(u64::try_from(contents.grace() / 2 + 1).unwrap_or(1));
        Ok(Some(half.max(LOOK_AGAIN)))
    }

    /// Writes the conditions where they have changed.
    async fn tell(
        &self,
        namespace: &Arc<Namespace>,
        contents: &Contents,
    ) -> Result<Arc<Namespace>> {
        let before = namespace
            .status
            .as_ref()
            .and_then(|status| status.conditions.as_deref());
        let before = before.unwrap_or_default();
        let conditions = contents.conditions(before, self.context.clock.now());
        if conditions == before {
            return Ok(namespace.clone());
        }
        let mut changed = (**namespace).clone();
        let status = changed.status.get_or_insert_default();
        status.phase = Some("Terminating".into());
        status.conditions = Some(conditions);
        self.context.client.update_status(changed).await
    }

    /// Takes out the finalizer that stands for the content.
    async fn release(&self, namespace: &Namespace) -> Result<()> {
        let mut changed = namespace.clone();
        if let Some(finalizers) = changed
            .spec
            .as_mut()
            .and_then(|spec| spec.finalizers.as_mut())
        {
            finalizers.retain(|finalizer| finalizer != CONTENT);
        }
        let call = Call {
            verb: Verb::Update,
            resource: Gvr::of::<Namespace>(),
            namespace: None,
            name: changed.metadata.name.clone(),
            subresource: Some("finalize".into()),
            body: Body::Object(Arc::new(changed)),
            options: Options::default(),
        };
        match self.context.client.call(call).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
