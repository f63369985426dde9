//! Who comes with a bootstrap token, and when it is none any more.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";
const SECRET: &str = "/api/v1/namespaces/kube-system/secrets/bootstrap-token-abcdef";
const TOKEN: &str = "abcdef.0123456789abcdef";
const ME: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

/// The status, and who the token is of.
async fn who(cluster: &Cluster, token: &str) -> (u16, Value) {
    let mut client = Client::connect(cluster, Who::Token(token)).await;
    let got = client.post(ME, &json!({})).await;
    let user = got.json().pointer("/status/userInfo").cloned();
    (got.status.as_u16(), user.unwrap_or_default())
}

async fn change(admin: &mut Client, data: &Value) {
    let kind = [("content-type", "application/merge-patch+json")];
    let patch = json!({"stringData": data}).to_string();
    let got = admin.send("PATCH", SECRET, &kind, &patch).await;
    assert_eq!(got.status, 200, "{}", got.message());
}

#[tokio::test]
async fn a_token_authenticates_as_long_as_its_secret_says_so() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    assert_eq!(who(&cluster, TOKEN).await.0, 401, "there is none");
    let group = "system:bootstrappers:kubeadm:default-node-token";
    let secret = json!({
        "metadata": {"name": "bootstrap-token-abcdef"}, "type": "bootstrap.kubernetes.io/token",
        "stringData": {
            "token-id": "abcdef", "token-secret": "0123456789abcdef", "auth-extra-groups": group,
            "usage-bootstrap-authentication": "true", "expiration": "2099-01-01T00:00:00Z",
        },
    });
    assert_eq!(admin.post(SECRETS, &secret).await.status, 201);
    let (status, user) = who(&cluster, TOKEN).await;
    assert_eq!(status, 201);
    assert_eq!(user["username"], "system:bootstrap:abcdef");
    let groups = ["system:bootstrappers", group, "system:authenticated"];
    assert_eq!(user["groups"], json!(groups));
    assert_eq!(who(&cluster, "abcdef.0123456789abcdee").await.0, 401);
    // It may ask for a certificate, and nothing more.
    let mut token = Client::connect(&cluster, Who::Token(TOKEN)).await;
    assert_eq!(token.get(REQUESTS).await.status, 200);
    assert_eq!(token.get(SECRETS).await.status, 403);
    assert_eq!(token.get("/api/v1/nodes").await.status, 403);

    let soon = Timestamp::now() + SignedDuration::from_secs(1);
    change(&mut admin, &json!({"expiration": soon.to_string()})).await;
    assert_eq!(token.get(REQUESTS).await.status, 200);
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(token.get(REQUESTS).await.status, 401, "its time is over");
    let ever = json!({"expiration": "", "usage-bootstrap-authentication": "false"});
    change(&mut admin, &ever).await;
    assert_eq!(token.get(REQUESTS).await.status, 401, "not meant for it");
    let used = json!({"usage-bootstrap-authentication": "true"});
    change(&mut admin, &used).await;
    assert_eq!(token.get(REQUESTS).await.status, 200);
    assert_eq!(admin.send("DELETE", SECRET, &[], "").await.status, 200);
    assert_eq!(token.get(REQUESTS).await.status, 401, "it is deleted");
}
