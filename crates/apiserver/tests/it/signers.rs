//! Who grants certificates, and who issues them. The answers are those of Kubernetes 1.36.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const REQUEST: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIV01INENBUUF3SERFTU1Bb0dBMVVFQ2d3RFpHVjJNUXd3Q2dZRFZRUUREQU5pYjJJd1dUQVRCZ2NxaGtqTwpQUUlCQmdncWhrak9QUU1CQndOQ0FBVHpPcE51N2wwSWhhaXdPNDJCSE5QOWltaUZjY3M4ejltbmNmQTNFSWNqCmJyWlVkZjJvU2NwZFhVelhDbm1kQmpvT2dIWTJvUTc0TWZ6Z25tcENWWkZrb0FBd0NnWUlLb1pJemowRUF3SUQKU0FBd1JRSWhBTU5QSTQ1QjFSUzJBSGVrcU9PN1ErVUhxWjI2TVAwZUU0SjlMaUhJeVFZcUFpQUJNQWZGNmpOUApaNGROWkdvQkFMTWNIcytDVEkxd0dEOTB3NWRqaE5FMkpBPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==";

async fn patch(client: &mut Client, path: &str, patch: &Value) -> (u16, String) {
    let kind = [("content-type", "application/merge-patch+json")];
    let got = client.send("PATCH", path, &kind, &patch.to_string()).await;
    let said = if got.status.is_success() {
        String::new()
    } else {
        got.message()
    };
    (got.status.as_u16(), said)
}

#[tokio::test]
async fn a_signer_is_for_those_who_may_sign_for_it() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let mut alice = Client::connect(&cluster, Who::Token("alice-token")).await;
    let request = json!({"metadata": {"name": "q"}, "spec": {
        "request": REQUEST, "signerName": "example.org/s", "usages": ["client auth"]}});
    let made = admin.post(REQUESTS, &request).await;
    assert_eq!(made.status, 201, "{}", made.message());
    let group = "certificates.k8s.io";
    let mut rules = json!([{"apiGroups": [group], "verbs": ["get", "update", "patch"], "resources": [
        "certificatesigningrequests", "certificatesigningrequests/approval", "certificatesigningrequests/status"]}]);
    let role = json!({"metadata": {"name": "csr"}, "rules": rules});
    admin.post(&format!("{RBAC}/clusterroles"), &role).await;
    let rbac = "rbac.authorization.k8s.io";
    let binding = json!({"metadata": {"name": "csr"}, "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "csr"},
        "subjects": [{"kind": "User", "name": "alice", "apiGroup": rbac}]});
    admin
        .post(&format!("{RBAC}/clusterrolebindings"), &binding)
        .await;
    let (approval, status) = (
        format!("{REQUESTS}/q/approval"),
        format!("{REQUESTS}/q/status"),
    );
    let condition = |kind: &str| json!({"type": kind, "status": "True", "reason": "x"});
    let approved = json!({"status": {"conditions": [condition("Approved")]}});
    let failed = json!({"status": {"conditions": [condition("Failed")]}});
    let refused = |verb: &str| {
        let why =
            format!("user not permitted to {verb} requests with signerName \"example.org/s\"");
        (
            403,
            format!("certificatesigningrequests.certificates.k8s.io \"q\" is forbidden: {why}"),
        )
    };
    assert_eq!(
        patch(&mut alice, &approval, &approved).await,
        refused("approve")
    );
    assert_eq!(patch(&mut alice, &status, &failed).await, refused("sign"));
    let signers = json!({"apiGroups": [group], "resources": ["signers"], "resourceNames": ["example.org/*"], "verbs": ["approve", "sign"]});
    rules.as_array_mut().unwrap().push(signers);
    patch(
        &mut admin,
        &format!("{RBAC}/clusterroles/csr"),
        &json!({"rules": rules}),
    )
    .await;
    assert_eq!(patch(&mut alice, &approval, &approved).await.0, 200);
    let both = json!({"status": {"conditions": [condition("Approved"), condition("Failed")]}});
    assert_eq!(patch(&mut alice, &status, &both).await.0, 200);
}
