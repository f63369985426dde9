//! What kubelets tell the API, without containers: a bound pod runs at once, a deleted one is gone at once.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::api::{Api, MERGE_PATCH};
use crate::objects;
use crate::workload::schedule::BOUND;

/// Requests that are under way at a time.
const IN_FLIGHT: usize = 64;
/// Where the addresses of pods begin: a block for measurements of networks, which no cluster has.
const ADDRESSES: u32 = u32::from_be_bytes([198, 18, 0, 0]);

/// Looks after the bound pods of a namespace until it fails or is dropped.
pub(super) async fn run(api: Arc<Api>, namespace: String) -> Result<()> {
    let path: Arc<str> = format!("/api/v1/namespaces/{namespace}/pods").into();
    let mut events = api.watch(&format!("{path}?{BOUND}"), None).await?;
    let (mut started, mut stopped) = (HashSet::new(), HashSet::new());
    let mut requests = JoinSet::new();
    let mut address = ADDRESSES;
    loop {
        let (kind, pod) = events.event().await?;
        let uid = pod["metadata"]["uid"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if kind == "DELETED" {
            started.remove(&uid);
            stopped.remove(&uid);
            continue;
        }
        while requests.len() >= IN_FLIGHT {
            settle(requests.join_next().await)?;
        }
        if pod["metadata"]["deletionTimestamp"].is_string() {
            if stopped.insert(uid) {
                requests.spawn(stop(api.clone(), path.clone(), pod));
            }
        } else if started.insert(uid) {
            address = address.wrapping_add(1);
            requests.spawn(start(
                api.clone(),
                path.clone(),
                pod,
                Ipv4Addr::from(address).to_string(),
            ));
        }
        while let Some(done) = requests.try_join_next() {
            settle(Some(done))?;
        }
    }
}

fn settle(done: Option<Result<Result<()>, tokio::task::JoinError>>) -> Result<()> {
    done.map_or(Ok(()), |done| done?)
}

async fn start(api: Arc<Api>, path: Arc<str>, pod: Value, address: String) -> Result<()> {
    let patch = Bytes::from(objects::running(&pod, &address).to_string());
    let status = format!("{path}/{}/status", name(&pod));
    let answer = api
        .send(Method::PATCH, &status, Some((MERGE_PATCH, patch)))
        .await?;
    // It may have been deleted meanwhile.
    anyhow::ensure!(
        answer.status().is_success() || answer.status() == http::StatusCode::NOT_FOUND,
        "PATCH {status}: {}",
        answer.status()
    );
    Ok(())
}

async fn stop(api: Arc<Api>, path: Arc<str>, pod: Value) -> Result<()> {
    let options =
        json!({"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}});
    api.delete(&format!("{path}/{}", name(&pod)), &options)
        .await
}

fn name(pod: &Value) -> &str {
    pod["metadata"]["name"].as_str().unwrap_or_default()
}
