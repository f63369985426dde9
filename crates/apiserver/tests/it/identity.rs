//! Who may come in, and how far.

use crate::cluster::{Cluster, TOKEN};
use crate::http::{Client, Who};

const PODS: &str = "/api/v1/namespaces/default/pods";

#[tokio::test]
async fn a_certificate_and_a_token_are_the_admin() {
    let cluster = Cluster::start(0).await;
    for who in [Who::Certificate, Who::Token(TOKEN)] {
        let got = Client::connect(&cluster, who).await.get(PODS).await;
        assert_eq!(got.status, 200);
        assert_eq!(got.json()["kind"], "PodList");
    }
}

#[tokio::test]
async fn nobody_sees_health_and_nothing_else() {
    let cluster = Cluster::start(0).await;
    let mut nobody = Client::connect(&cluster, Who::Nobody).await;
    assert_eq!(nobody.get("/healthz").await.bytes, "ok");
    assert_eq!(nobody.get("/version").await.json()["minor"], "36");
    let refused = nobody.get(PODS).await;
    assert_eq!(refused.status, 403);
    let words = "pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\"";
    assert_eq!(refused.message(), words);
    let path = nobody.get("/metrics").await;
    assert_eq!(
        path.message(),
        "forbidden: User \"system:anonymous\" cannot get path \"/metrics\""
    );
}

#[tokio::test]
async fn a_wrong_token_is_not_nobody() {
    let cluster = Cluster::start(0).await;
    let got = Client::connect(&cluster, Who::Token("wrong"))
        .await
        .get("/healthz")
        .await;
    assert_eq!(
        (got.status.as_u16(), got.message().as_str()),
        (401, "Unauthorized")
    );
}

#[tokio::test]
async fn a_service_accounts_token_dies_with_it() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let account = serde_json::json!({"metadata": {"name": "robot"}});
    admin
        .post("/api/v1/namespaces/default/serviceaccounts", &account)
        .await;
    let path = "/api/v1/namespaces/default/serviceaccounts/robot";
    let token = admin
        .post(&format!("{path}/token"), &serde_json::json!({"spec": {}}))
        .await
        .json();
    let token = token["status"]["token"].as_str().unwrap().to_owned();
    let mut robot = Client::connect(&cluster, Who::Token(&token)).await;
    assert!(
        robot
            .get(PODS)
            .await
            .message()
            .contains("User \"system:serviceaccount:default:robot\"")
    );
    admin.send("DELETE", path, &[], "").await;
    assert_eq!(robot.get(PODS).await.status, 401);
}
