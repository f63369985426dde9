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
    let oneself = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let answer = admin
        .post(&format!("{AUTHENTICATION}/selfsubjectreviews"), &oneself)
        .await
        .json();
    assert_eq!(answer["status"]["userInfo"]["username"], "admin");
    assert!(answer["metadata"]["creationTimestamp"].is_string());
}
