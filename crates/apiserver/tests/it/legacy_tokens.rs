//! Tokens that are kept in secrets.

use std::time::Duration;

use navarch_auth::{BoundObject, LegacyClaims};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Got, Who};

const DEFAULT: &str = "/api/v1/namespaces/default";
const SECRET: &str = "/api/v1/namespaces/default/secrets/kept";
const ACCOUNT: &str = "/api/v1/namespaces/default/serviceaccounts/robot";
const LAST_USED: &str = "kubernetes.io/legacy-token-last-used";
const WHOAMI: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/// An account and its token in a secret, as the controller makes it.
async fn robot(cluster: &Cluster, admin: &mut Client) -> String {
    let account = json!({"metadata": {"name": "robot"}});
    let account = admin
        .post(&format!("{DEFAULT}/serviceaccounts"), &account)
        .await
        .json();
    let bound = BoundObject {
        name: "robot".into(),
        uid: account["metadata"]["uid"].as_str().unwrap().into(),
    };
    let claims = LegacyClaims::new("default", &bound, "kept");
    let token = cluster.keys.issue_legacy(&claims).unwrap();
    let secret = json!({"metadata": {"name": "kept", "annotations": {"kubernetes.io/service-account.name": "robot"}},
        "type": "kubernetes.io/service-account-token", "stringData": {"token": token}});
    let made = admin.post(&format!("{DEFAULT}/secrets"), &secret).await;
    assert_eq!(made.status, 201, "{}", made.message());
    token
}

async fn whoami(cluster: &Cluster, token: &str) -> Got {
    let mut client = Client::connect(cluster, Who::Token(token)).await;
    client.post(WHOAMI, &json!({})).await
}

async fn patch(admin: &mut Client, path: &str, patch: &Value) {
    let merge = [("content-type", "application/merge-patch+json")];
    let got = admin.send("PATCH", path, &merge, patch.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.message());
}

async fn last_used(admin: &mut Client) -> Option<String> {
    let secret = admin.get(SECRET).await.json();
    let label = &secret["metadata"]["labels"][LAST_USED];
    label.as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_token_in_a_secret_is_its_accounts_and_its_use_is_written_down() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let token = robot(&cluster, &mut admin).await;
    assert_eq!(last_used(&mut admin).await, None);
    let got = whoami(&cluster, &token).await;
    assert_eq!(got.status, 201);
    let user = &got.json()["status"]["userInfo"];
    assert_eq!(user["username"], "system:serviceaccount:default:robot");
    let groups = json!([
        "system:serviceaccounts",
        "system:serviceaccounts:default",
        "system:authenticated"
    ]);
    assert_eq!(user["groups"], groups);
    assert!(!got.headers.contains_key("warning"));
    let written = async {
        loop {
            if let Some(day) = last_used(&mut admin).await {
                return day;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let day = tokio::time::timeout(Duration::from_secs(10), written).await;
    let today = jiff::Timestamp::now().to_string();
    assert_eq!(day.unwrap(), today[..10]);
    // What an account lists was made unasked.
    patch(&mut admin, ACCOUNT, &json!({"secrets": [{"name": "kept"}]})).await;
    let warned = whoami(&cluster, &token).await;
    let warning = warned.headers["warning"].to_str().unwrap();
    let words = "Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based \
                 tokens.";
    assert_eq!(warning, format!("299 - \"{words}\""));
}

#[tokio::test]
async fn a_token_in_a_secret_dies_with_all_that_it_rests_on() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let token = robot(&cluster, &mut admin).await;
    assert_eq!(whoami(&cluster, &token).await.status, 201);
    let invalid = "kubernetes.io/legacy-token-invalid-since";
    let labelled = |value: Value| json!({"metadata": {"labels": {invalid: value}}});
    patch(&mut admin, SECRET, &labelled(json!("2026-01-01"))).await;
    assert_eq!(whoami(&cluster, &token).await.status, 401);
    patch(&mut admin, SECRET, &labelled(Value::Null)).await;
    assert_eq!(whoami(&cluster, &token).await.status, 201);
    // Another token is in the secret now.
    patch(&mut admin, SECRET, &json!({"stringData": {"token": "x"}})).await;
    assert_eq!(whoami(&cluster, &token).await.status, 401);
    patch(&mut admin, SECRET, &json!({"stringData": {"token": token}})).await;
    assert_eq!(whoami(&cluster, &token).await.status, 201);
    // Another account has the name now.
    admin.send("DELETE", ACCOUNT, &[], "").await;
    assert_eq!(whoami(&cluster, &token).await.status, 401);
    let account = json!({"metadata": {"name": "robot"}});
    admin
        .post(&format!("{DEFAULT}/serviceaccounts"), &account)
        .await;
    assert_eq!(whoami(&cluster, &token).await.status, 401);
}

#[tokio::test]
async fn a_token_dies_with_its_secret() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let token = robot(&cluster, &mut admin).await;
    assert_eq!(whoami(&cluster, &token).await.status, 201);
    admin.send("DELETE", SECRET, &[], "").await;
    assert_eq!(whoami(&cluster, &token).await.status, 401);
}

#[tokio::test]
async fn since_when_uses_are_written_down_is_told() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let name = "kube-apiserver-legacy-service-account-token-tracking";
    let path = format!("/api/v1/namespaces/kube-system/configmaps/{name}");
    let map = admin.get(&path).await.json();
    let today = jiff::Timestamp::now().to_string();
    assert_eq!(map["data"]["since"], today[..10]);
}
