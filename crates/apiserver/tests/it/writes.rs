//! Create, update, patch: what is kept, and what is refused in whose words.

use k8s_openapi::api::core::v1::ConfigMap;
use navarch_api::call::{Answer, Body, Call, Gvr, Options, PatchKind};
use navarch_api::def::Verb;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Got, Who};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const JSON: (&str, &str) = ("content-type", "application/json");
const MERGE: (&str, &str) = ("content-type", "application/merge-patch+json");

fn map(name: &str) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}})
}

fn version(got: &Got) -> u64 {
    got.json()["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn an_update_at_an_old_version_loses() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let created = admin.post(MAPS, &map("x")).await;
    assert_eq!(created.status, 201);
    let mut stale = created.json();
    stale["data"]["a"] = "2".into();
    let path = format!("{MAPS}/x");
    let updated = admin.send("PUT", &path, &[JSON], &stale.to_string()).await;
    assert!(version(&updated) > version(&created));
    let lost = admin.send("PUT", &path, &[JSON], &stale.to_string()).await;
    assert_eq!(lost.status, 409);
    assert_eq!(
        lost.message(),
        "Operation cannot be fulfilled on configmaps \"x\": the object has been modified; please apply your changes to \
         the latest version and try again"
    );
}

#[tokio::test]
async fn what_changes_nothing_keeps_the_revision() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let created = admin.post(MAPS, &map("x")).await;
    let same = admin
        .send(
            "PATCH",
            &format!("{MAPS}/x"),
            &[MERGE],
            r#"{"data":{"a":"1"}}"#,
        )
        .await;
    assert_eq!(version(&same), version(&created));
}

#[tokio::test]
async fn a_dry_run_keeps_nothing() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let tried = admin.post(&format!("{MAPS}?dryRun=All"), &map("x")).await;
    assert_eq!(tried.status, 201);
    assert!(tried.json()["metadata"]["resourceVersion"].is_null());
    assert_eq!(admin.get(&format!("{MAPS}/x")).await.status, 404);
}

#[tokio::test]
async fn of_many_patches_at_once_none_is_lost() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    admin.post(MAPS, &map("x")).await;
    let patches = (0..4).map(|n| {
        let endpoint = cluster.admin.clone();
        tokio::spawn(async move {
            let call = Call {
                verb: Verb::Patch,
                resource: Gvr::of::<ConfigMap>(),
                namespace: Some("default".into()),
                name: Some("x".into()),
                subresource: None,
                body: Body::Patch(PatchKind::Merge, json!({"data": {format!("k{n}"): "v"}})),
                options: Options::default(),
            };
            endpoint.call(call).await.unwrap()
        })
    });
    for patch in futures::future::join_all(patches).await {
        assert!(matches!(patch.unwrap(), Answer::Object(_)));
    }
    let data = admin.get(&format!("{MAPS}/x")).await.json()["data"].clone();
    assert_eq!(data.as_object().unwrap().len(), 5);
}

#[tokio::test]
async fn names_are_made_up() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let body = json!({"metadata": {"generateName": "gen-"}});
    let one = admin.post(MAPS, &body).await.json()["metadata"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let two = admin.post(MAPS, &body).await.json()["metadata"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        one.starts_with("gen-") && one.len() == 9 && one != two,
        "{one} {two}"
    );
}

#[tokio::test]
async fn unknown_fields_are_warned_of_or_refused() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let body = json!({"metadata": {"name": "x"}, "bogus": 1});
    let warned = admin.post(MAPS, &body).await;
    assert_eq!(
        warned.headers["warning"],
        "299 - \"unknown field \\\"bogus\\\"\""
    );
    let refused = admin
        .post(&format!("{MAPS}?fieldValidation=Strict"), &body)
        .await;
    assert_eq!(
        refused.message(),
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"bogus\""
    );
}

#[tokio::test]
async fn strangers_bytes_are_refused() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let deep = "[".repeat(100_000);
    let huge = format!(
        "{{\"metadata\":{{\"name\":\"x\"}},\"data\":{{\"a\":\"{}\"}}}}",
        "x".repeat(4 << 20)
    );
    for (body, status) in [
        ("{bad", 400),
        ("", 400),
        (deep.as_str(), 400),
        (huge.as_str(), 413),
    ] {
        let mut client = Client::connect(&cluster, Who::Certificate).await;
        assert_eq!(
            client
                .send("POST", MAPS, &[JSON], body)
                .await
                .status
                .as_u16(),
            status
        );
    }
    assert_eq!(
        admin
            .send("POST", MAPS, &[("content-type", "text/plain")], "x")
            .await
            .status,
        415
    );
    assert_eq!(
        admin
            .send("GET", MAPS, &[("accept", "text/html")], "")
            .await
            .status,
        406
    );
    assert_eq!(
        admin
            .get("/api/v1/namespaces/default/configmaps/..%2F..%2Fsecrets")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn events_of_both_groups_are_one() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let event = json!({
        "metadata": {"name": "e", "namespace": "default"}, "reason": "Started", "type": "Normal", "message": "hello",
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
    });
    assert_eq!(
        admin
            .post("/api/v1/namespaces/default/events", &event)
            .await
            .status,
        201
    );
    let seen = admin
        .get("/apis/events.k8s.io/v1/namespaces/default/events/e")
        .await
        .json();
    assert_eq!(
        (seen["apiVersion"].as_str(), seen["note"].as_str()),
        (Some("events.k8s.io/v1"), Some("hello"))
    );
}

#[tokio::test]
async fn a_condition_that_was_never_probed_says_so() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    admin
        .post(
            "/api/v1/namespaces/default/serviceaccounts",
            &json!({"metadata": {"name": "default"}}),
        )
        .await;
    let pod =
        json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    admin.post("/api/v1/namespaces/default/pods", &pod).await;
    let path = "/api/v1/namespaces/default/pods/p";
    let patch = r#"{"status":{"conditions":[{"type":"Ready","status":"False"}]}}"#;
    let strategic = [("content-type", "application/strategic-merge-patch+json")];
    let patched = admin
        .send("PATCH", &format!("{path}/status"), &strategic, patch)
        .await;
    for pod in [patched.json(), admin.get(path).await.json()] {
        let condition = pod["status"]["conditions"][0].as_object().unwrap();
        assert_eq!(condition.get("lastProbeTime"), Some(&Value::Null));
    }
}

#[tokio::test]
async fn a_pair_of_certificate_and_key_is_looked_at() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let own = &cluster.client;
    let mut warned = async |certificate: &str, key: &str| {
        let secret = json!({
            "metadata": {"generateName": "tls-"}, "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": certificate, "tls.key": key},
        });
        let got = admin
            .post("/api/v1/namespaces/default/secrets", &secret)
            .await;
        assert_eq!(got.status, 201);
        let warning = got.headers.get("warning");
        warning.map(|warning| warning.to_str().unwrap().to_owned())
    };
    assert_eq!(warned(&own.certificate, &own.key).await, None);
    let other = cluster.authority.certificate();
    let expected = "299 - \"tls: private key does not match public key\"";
    assert_eq!(warned(other, &own.key).await.as_deref(), Some(expected));
    let expected = "299 - \"tls: failed to find any PEM data in key input\"";
    assert_eq!(warned(other, "").await.as_deref(), Some(expected));
}
