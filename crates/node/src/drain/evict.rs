//! Tells pods to go, and tells them again where that is not for now.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use navarch_api::call::Body;
use navarch_api::def::Verb;
use navarch_client::{Client, DeleteOptions};
use navarch_machinery::status::StatusError;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::plan::name;
use super::{DrainError, DrainOptions, failed};

/// After an eviction that was not allowed for now.
const RETRY: Duration = Duration::from_secs(5);
/// How many calls are made at a time. Whoever was refused waits behind those that were not asked yet.
const SIDE_BY_SIDE: usize = 32;

/// What became of a call.
enum Asked {
    Goes,
    /// Not for now, and why.
    Later(StatusError),
}

/// How pods are told.
pub(super) struct Evictions<'a> {
    client: &'a Client,
    options: &'a DrainOptions,
    calls: Semaphore,
}

impl<'a> Evictions<'a> {
    pub(super) fn new(client: &'a Client, options: &'a DrainOptions) -> Self {
        Self {
            client,
            options,
            calls: Semaphore::new(SIDE_BY_SIDE),
        }
    }

    /// Returns when the pod has been told to go.
    pub(super) async fn evict(&self, pod: &Pod, tell: &impl Fn(&str)) -> Result<(), DrainError> {
        let own = name(pod);
        loop {
            let asked = {
                // Fails when it is closed, which nobody does.
                let _call = self.calls.acquire().await;
                match self.options.disable_eviction {
                    true => {
                        tell(&format!("deleting pod {own}"));
                        self.delete(pod).await?
                    }
                    false => {
                        tell(&format!("evicting pod {own}"));
                        self.ask(pod).await?
                    }
                }
            };
            let Asked::Later(why) = asked else {
                return Ok(());
            };
            tell(&format!(
                "pod {own} cannot go yet (will retry after {RETRY:?}): {why}"
            ));
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn delete(&self, pod: &Pod) -> Result<Asked, DrainError> {
        let options = DeleteOptions {
            grace_period: self.options.grace_period,
            ..DeleteOptions::default()
        };
        let (namespace, own) = whose(pod);
        match self.client.delete::<Pod>(namespace, own, options).await {
            Err(error) if !error.is_not_found() => {
                Err(failed(format!("delete pod {}", name(pod)))(error))
            }
            _ => Ok(Asked::Goes),
        }
    }

    async fn ask(&self, pod: &Pod) -> Result<Asked, DrainError> {
        let (namespace, own) = whose(pod);
        let body = Body::Json(self.eviction(pod));
        let asked = self
            .client
            .subresource::<Pod>(Verb::Create, namespace, own, "eviction", body);
        match asked.await {
            Ok(_) => Ok(Asked::Goes),
            Err(error) if error.is_not_found() => Ok(Asked::Goes),
            Err(error) if error.code == 429 => Ok(Asked::Later(error)),
            Err(error) if is_namespace_going(&error) => self.with_its_namespace(pod, error).await,
            Err(error) => Err(failed(format!("evict pod {}", name(pod)))(error)),
        }
    }

    fn eviction(&self, pod: &Pod) -> Value {
        let (namespace, own) = whose(pod);
        let mut eviction = json!({
            "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": own, "namespace": namespace},
        });
        if let Some(seconds) = self.options.grace_period {
            eviction["deleteOptions"] = json!({"gracePeriodSeconds": seconds});
        }
        eviction
    }

    /// Nothing is evicted in a namespace that goes: its pods are told to go as well, if not yet then soon.
    async fn with_its_namespace(&self, pod: &Pod, why: StatusError) -> Result<Asked, DrainError> {
        let (namespace, own) = whose(pod);
        match self.client.get::<Pod>(namespace, own).await {
            Ok(found) if found.metadata.deletion_timestamp.is_none() => Ok(Asked::Later(why)),
            Err(error) if !error.is_not_found() => {
                Err(failed(format!("find pod {}", name(pod)))(error))
            }
            _ => Ok(Asked::Goes),
        }
    }
}

fn whose(pod: &Pod) -> (Option<&str>, &str) {
    let own = pod.metadata.name.as_deref().unwrap_or_default();
    (pod.metadata.namespace.as_deref(), own)
}

fn is_namespace_going(error: &StatusError) -> bool {
    let details = error.details.as_ref();
    let mut causes = details
        .into_iter()
        .flat_map(|details| details.causes.iter().flatten());
    causes.any(|cause| cause.reason.as_deref() == Some("NamespaceTerminating"))
}
