//! CVE-2020-8565 and its like: what proves who somebody is was written into logs at a high verbosity. Here tokens and secrets that are
//! known again are looked for in all that the program writes at its highest, and in what it says against who sends them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use serde_json::{Value, json};

use crate::api_only::ApiOnly;
use crate::cluster::{Cluster, IMAGE, until};
use crate::raw::Body;

const ALL: [&str; 2] = ["--log", "trace"];
const CANARY: &str = "canary-4f1c9d27b6";

/// The forms that the canary is in where somebody has encoded it.
fn forms(canary: &str) -> Vec<String> {
    let url = URL_SAFE_NO_PAD.encode(canary);
    vec![canary.to_owned(), STANDARD.encode(canary), url]
}

#[track_caller]
fn assert_silent(what: &str, text: &str, canary: &str) {
    for form in forms(canary) {
        let told = text.lines().find(|line| line.contains(&form));
        assert!(told.is_none(), "{what} tells of {form}: {told:?}");
    }
}

/// Sends a request with a header, and returns the status and the answer.
async fn send(
    api: &ApiOnly,
    method: &str,
    path: &str,
    header: (&str, &str),
    body: &Value,
) -> (u16, String) {
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", api.server.url))
        .header("content-type", "application/json")
        .header(header.0, header.1)
        .body(Body::from(text))
        .unwrap();
    let answer = api.server.connections.request(request).await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_tells_nobody_what_somebody_proved_themselves_by() {
    let api = ApiOnly::start_with(&ALL).await;
    let wrong = format!("Bearer {CANARY}");
    let admin = format!("Bearer {}", api.server.token);
    let secret = json!({"metadata": {"name": "s"}, "stringData": {"k": CANARY}});
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": CANARY}});
    let broken = json!({"metadata": {"name": "s"}, "stringData": {"k": [CANARY]}});
    let secrets = "/api/v1/namespaces/default/secrets";
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    for (method, path, token, body, expected) in [
        ("GET", "/api/v1/pods", &wrong, &Value::Null, 401),
        ("GET", "/no/such/path", &wrong, &Value::Null, 401),
        ("POST", reviews, &wrong, &review, 401),
        ("POST", secrets, &admin, &broken, 400),
    ] {
        let header = ("authorization", &**token);
        let (status, said) = send(&api, method, path, header, body).await;
        assert_eq!(status, expected, "{method} {path}: {said}");
        assert_silent(path, &said, CANARY);
    }
    // Answers that hold it are for who asked, and for nobody else.
    for (path, body, expected) in [(reviews, &review, 201), (secrets, &secret, 201)] {
        let (status, said) = send(&api, "POST", path, ("authorization", &admin), body).await;
        assert_eq!(status, expected, "{path}: {said}");
    }
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    let account = json!({"metadata": {"name": "robot"}});
    send(&api, "POST", accounts, ("authorization", &admin), &account).await;
    let path = format!("{accounts}/robot/token");
    let (_, made) = send(&api, "POST", &path, ("authorization", &admin), &json!({})).await;
    let made: Value = serde_json::from_str(&made).unwrap();
    let token = made["status"]["token"].as_str().unwrap().to_owned();
    let robot = format!("Bearer {token}");
    let (status, said) = send(
        &api,
        "GET",
        secrets,
        ("authorization", &robot),
        &Value::Null,
    )
    .await;
    assert_eq!(status, 403);
    assert_silent("a refusal", &said, &token);
    let log = api.log();
    // It does write everything.
    assert!(log.contains("TRACE"), "{log}");
    for canary in [CANARY, &token, &api.server.token] {
        assert_silent("the log", &log, canary);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_node_tells_nobody_what_its_pods_are_given() {
    let cluster = Cluster::start_with(&ALL);
    let kubectl = cluster.kubectl();
    kubectl.ok(&format!(
        "create secret generic s --from-literal=k={CANARY}"
    ));
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "main", "image": IMAGE, "command": ["sleep", "3600"],
            "env": [{"name": "K", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
            "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
        "volumes": [{"name": "v", "secret": {"secretName": "s"}}]}});
    kubectl.apply(&pod.to_string());
    let pods: Api<Pod> = Api::default_namespaced(cluster.client().await);
    until(&pods, "web", |pod| {
        (pod?.status.as_ref()?.phase.as_deref() == Some("Running")).then_some(())
    })
    .await;
    let mounts = "/var/run/secrets/kubernetes.io/serviceaccount";
    let token = kubectl.ok(&format!("exec web -- cat {mounts}/token"));
    assert_eq!(kubectl.ok("exec web -- cat /v/k"), CANARY);
    let log = std::fs::read_to_string(cluster.log()).unwrap();
    assert!(log.contains("TRACE"));
    for canary in [CANARY, token.trim()] {
        assert_silent("the log", &log, canary);
    }
}
