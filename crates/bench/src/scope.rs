//! A namespace for one run, that is gone afterwards.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::json;
use tokio::time::timeout;

use crate::api::Api;
use crate::objects;

/// How long a controller may take to make a namespace's service account.
const ACCOUNT: Duration = Duration::from_secs(10);

/// Runs `work` in a namespace of its own and cleans up, also after an error or Ctrl-C.
pub(crate) async fn in_namespace<F, W>(api: &Arc<Api>, work: W) -> Result<()>
where
    F: Future<Output = Result<()>>,
    W: FnOnce(String) -> F,
{
    let name = format!("bench-{}", objects::run_id());
    api.create("/api/v1/namespaces", &objects::namespace(&name))
        .await?;
    let result = until_interrupted(work(name.clone())).await;
    let pods = format!("/api/v1/namespaces/{name}/pods");
    // Pods of nodes that are none would wait for ever for somebody to stop them.
    let removed = async {
        api.delete(
            &format!("/apis/apps/v1/namespaces/{name}/deployments"),
            &json!({}),
        )
        .await?;
        api.delete(&pods, &json!({"gracePeriodSeconds": 0})).await?;
        api.delete(&format!("/api/v1/namespaces/{name}"), &json!({}))
            .await
    };
    result.and(removed.await)
}

/// Runs `work` to its end or to Ctrl-C, which is an error.
pub(crate) async fn until_interrupted(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::select! {
        result = work => result,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    }
}

/// Waits until the namespace has its service account, without which no pod can be created. Where no controller makes one, it is made.
pub(crate) async fn service_account(api: &Api, namespace: &str) -> Result<()> {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
    let mut events = api
        .watch(
            &format!("{path}?fieldSelector=metadata.name%3Ddefault"),
            None,
        )
        .await?;
    match timeout(ACCOUNT, events.next()).await {
        Ok(event) => event.map(drop),
        Err(_) => api.create(&path, &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}})).await,
    }
}
