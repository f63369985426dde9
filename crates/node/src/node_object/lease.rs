//! The node's lease: how the control plane knows that the node lives.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use navarch_api::endpoints_applied::ANNOTATION;
use navarch_machinery::status::StatusError;
use navarch_machinery::time::microseconds;
use tokio::time::Instant;

use crate::worker::Worker;

const NAMESPACE: &str = "kube-node-lease";
/// How long it holds, in seconds.
const HOLDS: i32 = 40;
/// A quarter of that.
const RENEW: Duration = Duration::from_secs(10);
/// When the API could not be reached.
const RETRY: Duration = Duration::from_secs(1);

/// Renews the lease for ever; at once when other nodes wait for what is noted on it.
pub(crate) async fn renew(worker: &Worker) {
    let (mut told, mut last) = (None, None);
    loop {
        let word = worker.withdrawals.word(told);
        let begun = Instant::now();
        match attempt(worker, word.or(told)).await {
            Ok(()) => {
                worker.heard.send_replace(begun);
                if let Some(revision) = word {
                    (told, last) = (word, Some(Instant::now()));
                    worker.withdrawals.said(revision);
                }
                let has_word = worker
                    .withdrawals
                    .has_word(&worker.options.name, told, last);
                // Either way.
                let _ = tokio::time::timeout(RENEW, has_word).await;
            }
            Err(error) => {
                tracing::debug!(%error, "the node's lease could not be renewed");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// `word`: what is to be noted of the endpoints that this node's rules lead to. What is noted of a node that has no rules would have
/// everybody wait for what never comes.
async fn attempt(worker: &Worker, word: Option<u64>) -> Result<(), StatusError> {
    let (client, name, now) = (&worker.client, &worker.options.name, worker.clock.now());
    let word = word.map(|revision| (ANNOTATION.to_owned(), revision.to_string()));
    match client.get::<Lease>(Some(NAMESPACE), name).await {
        Ok(lease) => {
            let mut lease = (*lease).clone();
            lease.spec = Some(spec(name, now));
            let annotations = lease.metadata.annotations.get_or_insert_default();
            annotations.extend(word);
            if !worker.withdrawals.has_rules() {
                annotations.remove(ANNOTATION);
            }
            client.update(lease).await.map(drop)
        }
        Err(error) if error.is_not_found() => {
            // A node that was removed has no lease: it would be collected, and made again.
            let node = match client.get::<Node>(None, name).await {
                Ok(node) => node,
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) => return Err(error),
            };
            let owner = OwnerReference {
                api_version: "v1".into(),
                kind: "Node".into(),
                name: name.clone(),
                uid: node.metadata.uid.clone().unwrap_or_default(),
                ..OwnerReference::default()
            };
            let metadata = ObjectMeta {
                name: Some(name.clone()),
                namespace: Some(NAMESPACE.to_owned()),
                annotations: word.map(|word| [word].into()),
                owner_references: Some(vec![owner]),
                ..ObjectMeta::default()
            };
            client
                .create(Lease {
                    metadata,
                    spec: Some(spec(name, now)),
                })
                .await
                .map(drop)
        }
        Err(error) => Err(error),
    }
}

fn spec(holder: &str, now: Timestamp) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(holder.to_owned()),
        lease_duration_seconds: Some(HOLDS),
        renew_time: Some(microseconds(now)),
        ..LeaseSpec::default()
    }
}
