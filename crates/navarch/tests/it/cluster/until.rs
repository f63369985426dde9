//! Waiting for an object by watching it.

use std::fmt::Debug;
use std::time::Duration;

use futures::TryStreamExt;
use kube::Api;
use kube::api::{ListParams, WatchEvent, WatchParams};
use serde::de::DeserializeOwned;

/// The longest that anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Watches the object `name` until `wanted` finds in it what it looks for. `None` is an object that is not there.
///
/// # Panics
/// When it takes too long, with the object as it was last seen.
pub(crate) async fn until<K, T>(
    api: &Api<K>,
    name: &str,
    mut wanted: impl FnMut(Option<&K>) -> Option<T>,
) -> T
where
    K: Clone + Debug + DeserializeOwned,
{
    let fields = format!("metadata.name={name}");
    let mut last = None;
    let watching = async {
        loop {
            // The list may fail, or the watch end: the server of some tests is killed.
            let Ok(list) = api.list(&ListParams::default().fields(&fields)).await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            last = list.items.into_iter().next();
            if let Some(found) = wanted(last.as_ref()) {
                return found;
            }
            let version = list.metadata.resource_version.unwrap_or_default();
            let parameters = WatchParams::default().fields(&fields);
            let Ok(events) = api.watch(&parameters, &version).await else {
                continue;
            };
            let mut events = Box::pin(events);
            while let Ok(Some(event)) = events.try_next().await {
                match event {
                    WatchEvent::Added(object) | WatchEvent::Modified(object) => last = Some(object),
                    WatchEvent::Deleted(_) => last = None,
                    WatchEvent::Bookmark(_) => {}
                    WatchEvent::Error(_) => break,
                }
                if let Some(found) = wanted(last.as_ref()) {
                    return found;
                }
            }
        }
    };
    let found = tokio::time::timeout(PATIENCE, watching).await;
    found.unwrap_or_else(|_| panic!("{name} did not come to be as wanted; last seen: {last:#?}"))
}
