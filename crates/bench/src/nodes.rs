//! Nodes that are none: objects with room and leases, for measuring what is above the nodes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::task::AbortHandle;
use tokio::time::{interval, timeout};

use crate::api::{Api, MERGE_PATCH};
use crate::load::{self, Until};
use crate::objects::{self, LABEL};

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
/// How often each node says that it is there, as a kubelet does.
const RENEW: Duration = Duration::from_secs(10);
/// How long the cluster may take to find all nodes ready.
const PATIENCE: Duration = Duration::from_secs(120);
const IN_FLIGHT: usize = 16;

/// Nodes of one run.
pub(crate) struct Nodes {
    api: Arc<Api>,
    run: String,
    renewing: AbortHandle,
}

impl Nodes {
    /// Makes nodes and waits until pods may be placed on all of them.
    pub(crate) async fn make(api: &Arc<Api>, count: usize) -> Result<Self> {
        let run = objects::run_id();
        let (maker, label) = (api.clone(), run.clone());
        let create = move |index| {
            let (api, run) = (maker.clone(), label.clone());
            async move {
                let name = name(&run, index);
                api.create(LEASES, &objects::lease(&name, &run)).await?;
                api.create("/api/v1/nodes", &objects::node(&name, index, &run))
                    .await
            }
        };
        let renewing = tokio::spawn(renew(api.clone(), run.clone(), count)).abort_handle();
        let nodes = Self {
            api: api.clone(),
            run,
            renewing,
        };
        let made = async {
            load::run(IN_FLIGHT, Until::count(count), create).await?;
            timeout(PATIENCE, nodes.untainted(count))
                .await
                .context("the nodes did not become ready")?
        };
        match made.await {
            Ok(()) => Ok(nodes),
            Err(error) => {
                nodes.remove().await?;
                Err(error)
            }
        }
    }

    async fn untainted(&self, count: usize) -> Result<()> {
        let mut events = self
            .api
            .watch(
                &format!("/api/v1/nodes?labelSelector={LABEL}%3D{}", self.run),
                None,
            )
            .await?;
        let mut tainted = HashMap::new();
        while tainted.len() < count || tainted.values().any(|tainted| *tainted) {
            let (_, node) = events.event().await?;
            let name = node["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            tainted.insert(
                name,
                node["spec"]["taints"]
                    .as_array()
                    .is_some_and(|taints| !taints.is_empty()),
            );
        }
        Ok(())
    }

    /// Deletes them.
    pub(crate) async fn remove(self) -> Result<()> {
        self.renewing.abort();
        let selector = format!("labelSelector={LABEL}%3D{}", self.run);
        self.api
            .delete(&format!("/api/v1/nodes?{selector}"), &json!({}))
            .await?;
        self.api
            .delete(&format!("{LEASES}?{selector}"), &json!({}))
            .await
    }
}

fn name(run: &str, index: usize) -> String {
    format!("bench-{run}-{index}")
}

/// Renews all leases, evenly over each period.
async fn renew(api: Arc<Api>, run: String, count: usize) {
    let mut ticks = interval(RENEW / u32::try_from(count).unwrap_or(u32::MAX).max(1));
    for index in (0..count).cycle() {
        ticks.tick().await;
        let name = name(&run, index);
        let patch: Value = json!({"spec": objects::lease(&name, &run)["spec"]});
        // One that is missed is renewed in the next round, well before it ends.
        api.call(
            Method::PATCH,
            &format!("{LEASES}/{name}"),
            Some((MERGE_PATCH, Bytes::from(patch.to_string()))),
        )
        .await
        .ok();
    }
}
