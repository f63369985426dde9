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

#[tokio::test]
async fn a_tokens_node_is_told_and_ends_it_only_where_it_is_bound_to_nothing_else() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let json = |value| -> serde_json::Value { value };
    let place = "/api/v1/namespaces/default";
    let robot = json(serde_json::json!({"metadata": {"name": "robot"}}));
    admin
        .post(&format!("{place}/serviceaccounts"), &robot)
        .await;
    let node = json(serde_json::json!({"metadata": {"name": "n1"}}));
    let node = admin.post("/api/v1/nodes", &node).await.json();
    let pod = json(serde_json::json!({"metadata": {"name": "p"}, "spec": {
        "nodeName": "n1", "serviceAccountName": "robot", "containers": [{"name": "c", "image": "i"}]}}));
    admin.post(&format!("{place}/pods"), &pod).await;
    let mut tokens = Vec::new();
    for (kind, name) in [("Pod", "p"), ("Node", "n1")] {
        let wanted = serde_json::json!({"spec": {
            "boundObjectRef": {"kind": kind, "apiVersion": "v1", "name": name}}});
        let path = format!("{place}/serviceaccounts/robot/token");
        let token = admin.post(&path, &wanted).await.json();
        tokens.push(token["status"]["token"].as_str().unwrap().to_owned());
    }
    for token in &tokens {
        let question = serde_json::json!({"spec": {"token": token}});
        let path = "/apis/authentication.k8s.io/v1/tokenreviews";
        let answer = admin.post(path, &question).await.json();
        let extra = &answer["status"]["user"]["extra"];
        assert_eq!(extra["authentication.kubernetes.io/node-name"][0], "n1");
        let uid = &extra["authentication.kubernetes.io/node-uid"][0];
        assert_eq!(uid, &node["metadata"]["uid"]);
    }
    admin.send("DELETE", "/api/v1/nodes/n1", &[], "").await;
    for (token, status) in tokens.iter().zip([403, 401]) {
        let mut robot = Client::connect(&cluster, Who::Token(token)).await;
        assert_eq!(robot.get(PODS).await.status, status);
    }
}
