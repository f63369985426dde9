//! The node's lease: how the control plane knows that the node lives.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use navarch_machinery::status::StatusError;
use navarch_machinery::time::microseconds;

use crate::worker::Worker;

const NAMESPACE: &str = "kube-node-lease";
/// How long it holds, in seconds.
const HOLDS: i32 = 40;
/// A quarter of that.
const RENEW: Duration = Duration::from_secs(10);
/// When the API could not be reached.
const RETRY: Duration = Duration::from_secs(1);

/// Renews the lease for ever.
pub(crate) async fn renew(worker: &Worker) {
    loop {
        let wait = match attempt(worker).await {
            Ok(()) => RENEW,
            Err(error) => {
                tracing::debug!(%error, "the node's lease could not be renewed");
                RETRY
            }
        };
        tokio::time::sleep(wait).await;
    }
}

async fn attempt(worker: &Worker) -> Result<(), StatusError> {
    let (client, name, now) = (&worker.client, &worker.options.name, worker.clock.now());
    match client.get::<Lease>(Some(NAMESPACE), name).await {
        Ok(lease) => {
            let mut lease = (*lease).clone();
            lease.spec = Some(spec(name, now));
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
