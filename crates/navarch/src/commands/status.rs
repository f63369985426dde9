//! `navarch status`: whether the cluster answers, and what is in it.

use std::sync::Arc;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Node, Pod};
use navarch_client::{Client, Https, ListOptions};

use crate::cli::Kubeconfig;
use crate::layout::Layout;
use crate::remote;

pub(super) async fn run(arguments: &Kubeconfig) -> Result<()> {
    let path = Layout::existing(&arguments.data.data_dir)?.kubeconfig();
    let client = Client::new(Arc::new(Https::new(remote::client(&path).await?)));
    let everything = ListOptions::default();
    let nodes = client
        .list::<Node>(&everything)
        .await
        .context("the API does not answer; is `navarch up` running?")?;
    let pods = client.list::<Pod>(&everything).await?;
    println!("API    answers, revision {}", nodes.resource_version);
    for node in &nodes.items {
        let conditions = node
            .status
            .as_ref()
            .and_then(|status| status.conditions.as_deref())
            .unwrap_or_default();
        let ready = conditions
            .iter()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True");
        let name = node.metadata.name.as_deref().unwrap_or("");
        println!(
            "node   {name}: {}",
            if ready { "ready" } else { "not ready" }
        );
    }
    let running = |pod: &Pod| {
        pod.status
            .as_ref()
            .and_then(|status| status.phase.as_deref())
            == Some("Running")
    };
    let count = pods.items.iter().filter(|pod| running(pod)).count();
    println!("pods   {count} of {} running", pods.items.len());
    Ok(())
}
