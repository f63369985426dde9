//! Accounts that limit the secrets of their pods. Every sort of container is tested where the rule is.
#![allow(
    clippy::needless_pass_by_value,
    reason = "tests write JSON where it is used"
)]

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const NAMESPACE: &str = "/api/v1/namespaces/default";

/// CVE-2023-2728 and CVE-2024-3177: neither a new pod nor an ephemeral container of one that is there gets at a secret that the account
/// does not name.
#[tokio::test]
async fn pods_and_their_ephemeral_containers_get_no_other_secrets_than_the_accounts() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default",
        "annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}}});
    admin
        .post(&format!("{NAMESPACE}/serviceaccounts"), &account)
        .await;
    let pods = format!("{NAMESPACE}/pods");
    let pod = |env_from: Value| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {
            "automountServiceAccountToken": false,
            "containers": [{"name": "c", "image": "x:1", "envFrom": env_from}],
        }})
    };
    let refused = admin
        .post(&pods, &pod(json!([{"secretRef": {"name": "s"}}])))
        .await;
    assert_eq!(refused.status, 403);
    let why = "referencing secret.secretName=\"s\" is not allowed because service account default does not reference that secret";
    assert_eq!(
        refused.message(),
        format!("pods \"p\" is forbidden: container c with envFrom {why}")
    );
    let made = admin.post(&pods, &pod(json!([]))).await;
    assert_eq!(made.status, 201, "{}", made.message());
    let from = json!({"secretKeyRef": {"name": "s", "key": "k"}});
    let container = json!({"name": "e", "image": "x:1", "env": [{"name": "E", "valueFrom": from}]});
    let patch = json!({"spec": {"ephemeralContainers": [container]}}).to_string();
    let strategic = [("content-type", "application/strategic-merge-patch+json")];
    let path = format!("{pods}/p/ephemeralcontainers");
    let refused = admin.send("PATCH", &path, &strategic, patch).await;
    assert_eq!(refused.status, 500);
    assert_eq!(
        refused.message(),
        format!("ephemeral container e with envVar E {why}")
    );
}
