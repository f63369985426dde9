//! Questions about who somebody is and what they may, and what is filled in about who asks.

use serde_json::{Value, json};

use crate::cluster::{Cluster, TOKEN};
use crate::http::{Client, Who};

const AUTHORIZATION: &str = "/apis/authorization.k8s.io/v1";
const AUTHENTICATION: &str = "/apis/authentication.k8s.io/v1";

fn review(group: &str, kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": format!("{group}/v1"), "kind": kind, "spec": spec})
}

#[tokio::test]
async fn access_is_answered_and_not_kept() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let asks =
        json!({"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "default"}});
    let own = review("authorization.k8s.io", "SelfSubjectAccessReview", &asks);
    let answer = admin
        .post(&format!("{AUTHORIZATION}/selfsubjectaccessreviews"), &own)
        .await;
    assert_eq!(answer.status, 201, "{}", answer.message());
    assert_eq!(answer.json()["status"], json!({"allowed": true}));
    let mut spec = asks.clone();
    spec["user"] = "alice".into();
    let other = review("authorization.k8s.io", "SubjectAccessReview", &spec);
    let answer = admin
        .post(&format!("{AUTHORIZATION}/subjectaccessreviews"), &other)
        .await;
    assert_eq!(answer.json()["status"], json!({"allowed": false}));
    assert_eq!(answer.json()["spec"], spec);
    let rules = review(
        "authorization.k8s.io",
        "SelfSubjectRulesReview",
        &json!({"namespace": "default"}),
    );
    let answer = admin
        .post(&format!("{AUTHORIZATION}/selfsubjectrulesreviews"), &rules)
        .await
        .json();
    assert_eq!(answer["spec"], json!({}));
    assert_eq!(answer["status"]["resourceRules"][0]["verbs"], json!(["*"]));
    let snapshot = cluster.store.snapshot();
    for kind in [
        "selfsubjectaccessreviews",
        "subjectaccessreviews",
        "selfsubjectrulesreviews",
    ] {
        assert_eq!(snapshot.count(&format!("{kind}.authorization.k8s.io/")), 0);
    }
}

#[tokio::test]
async fn a_question_must_be_one() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let nothing = review("authorization.k8s.io", "SubjectAccessReview", &json!({}));
    let answer = admin
        .post(&format!("{AUTHORIZATION}/subjectaccessreviews"), &nothing)
        .await;
    assert_eq!(
        answer.message(),
        ".authorization.k8s.io \"\" is invalid: [spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or \
         resourceAttributes must be specified, spec.user: Invalid value: \"\": at least one of user or group must be specified]"
    );
}

#[tokio::test]
async fn tokens_are_recognised() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let path = format!("{AUTHENTICATION}/tokenreviews");
    let bad = review(
        "authentication.k8s.io",
        "TokenReview",
        &json!({"token": "zzz"}),
    );
    assert_eq!(
        admin.post(&path, &bad).await.json()["status"],
        json!({"error": "invalid bearer token", "user": {}})
    );
    let good = review(
        "authentication.k8s.io",
        "TokenReview",
        &json!({"token": TOKEN}),
    );
    let status = admin.post(&path, &good).await.json()["status"].clone();
    assert_eq!(status["authenticated"], true);
    assert_eq!(status["user"]["username"], "admin");
    let elsewhere = json!({"token": TOKEN, "audiences": ["vault"]});
    let elsewhere = review("authentication.k8s.io", "TokenReview", &elsewhere);
    let refused = admin.post(&path, &elsewhere).await.json()["status"].clone();
    assert_eq!(refused["error"], "invalid bearer token");
    let oneself = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let answer = admin
        .post(&format!("{AUTHENTICATION}/selfsubjectreviews"), &oneself)
        .await
        .json();
    assert_eq!(answer["status"]["userInfo"]["username"], "admin");
    assert!(answer["metadata"]["creationTimestamp"].is_string());
}

#[tokio::test]
async fn a_token_for_others_is_recognised_by_those_who_say_for_whom() {
    const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let account = json!({"metadata": {"name": "robot"}});
    assert_eq!(admin.post(ACCOUNTS, &account).await.status, 201);
    let wanted = json!({"spec": {"audiences": ["vault", "istio-ca"]}});
    let made = admin
        .post(&format!("{ACCOUNTS}/robot/token"), &wanted)
        .await;
    let token = made.json()["status"]["token"].as_str().unwrap().to_owned();
    let path = format!("{AUTHENTICATION}/tokenreviews");
    for (asked, expected) in [
        (json!(["vault"]), json!(["vault"])),
        (json!(["other", "istio-ca"]), json!(["istio-ca"])),
        (json!(["other"]), json!(null)),
        (json!([]), json!(null)),
    ] {
        let spec = json!({"token": token, "audiences": asked});
        let asked = review("authentication.k8s.io", "TokenReview", &spec);
        let status = admin.post(&path, &asked).await.json()["status"].clone();
        assert_eq!(status["audiences"], expected, "{status}");
        assert_eq!(status["authenticated"] == true, !expected.is_null());
    }
    // It does not open this server.
    let mut robot = Client::connect(&cluster, Who::Token(&token)).await;
    assert_eq!(robot.get("/api/v1/namespaces").await.status, 401);
}
