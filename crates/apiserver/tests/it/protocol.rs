//! What of a request's line and headers counts, where clients differ.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Got, Who};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn with_maps(cluster: &Cluster, count: usize) -> (Client, Vec<String>) {
    let mut admin = Client::connect(cluster, Who::Certificate).await;
    let mut versions = Vec::new();
    for number in 0..count {
        let labels = json!({"odd": (number % 2).to_string()});
        let map = json!({"metadata": {"name": format!("m{number}"), "labels": labels}});
        let made = admin.post(MAPS, &map).await.json();
        versions.push(
            made["metadata"]["resourceVersion"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    (admin, versions)
}

fn names(got: &Got) -> Vec<String> {
    let items = got.json()["items"].clone();
    let names = items.as_array().unwrap().iter();
    names
        .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

fn refusal(got: &Got) -> (u16, String) {
    (got.status.as_u16(), got.message())
}

#[tokio::test]
async fn versions_and_limits_of_lists() {
    let cluster = Cluster::start(0).await;
    let (mut admin, versions) = with_maps(&cluster, 4).await;
    let second = &versions[1];
    for (query, expected) in [
        ("limit=2&resourceVersion=0".to_owned(), 4),
        (format!("limit=3&resourceVersion={second}"), 2),
        (
            format!("limit=3&resourceVersion={second}&resourceVersionMatch=Exact"),
            2,
        ),
        (
            format!("limit=3&resourceVersion={second}&resourceVersionMatch=NotOlderThan"),
            3,
        ),
        (format!("resourceVersion={second}"), 4),
        ("limit=1&limit=3".to_owned(), 1),
        ("limit=1;x&labelSelector=odd=1".to_owned(), 2),
    ] {
        let got = admin.get(&format!("{MAPS}?{query}")).await;
        assert_eq!(names(&got).len(), expected, "{query}: {}", got.message());
    }
    // There are others behind the last that is selected.
    let got = admin
        .get(&format!("{MAPS}?limit=2&labelSelector=odd=0"))
        .await;
    assert_eq!(names(&got), ["m0", "m2"]);
    assert!(got.json()["metadata"]["continue"].is_string());
    let far = admin
        .get(&format!(
            "{MAPS}?resourceVersion=99999999&resourceVersionMatch=Exact"
        ))
        .await;
    assert!(
        far.message()
            .starts_with("Timeout: Too large resource version: 99999999, current: ")
    );
    assert_eq!(far.json()["details"]["retryAfterSeconds"], Value::Null);
}

#[tokio::test]
async fn queries_that_are_refused() {
    let cluster = Cluster::start(0).await;
    let (mut admin, _) = with_maps(&cluster, 1).await;
    let number =
        |text: &str, why: &str| (400, format!("strconv.ParseInt: parsing {text:?}: {why}"));
    let forbidden = "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden";
    for (query, expected) in [
        ("limit=", number("", "invalid syntax")),
        ("timeoutSeconds=x", number("x", "invalid syntax")),
        ("limit=99999999999999999999", number("99999999999999999999", "value out of range")),
        ("watch=x&limit=y", number("y", "invalid syntax")),
        ("watch=1&continue=a", (422, format!("{forbidden} when continue is provided"))),
        ("fieldSelector=spec.x=1", (400, "\"spec.x\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"".into())),
    ] {
        let got = admin.get(&format!("{MAPS}?{query}")).await;
        assert_eq!(refusal(&got), expected, "{query}");
    }
    let job = "/apis/batch/v1/jobs?fieldSelector=status.x=1";
    assert_eq!(
        admin.get(job).await.message(),
        "field label \"status.x\" not supported for Job"
    );
    let node = "/api/v1/nodes?fieldSelector=metadata.namespace=x";
    assert_eq!(
        admin.get(node).await.message(),
        "field label not supported: metadata.namespace"
    );
    let dry = admin
        .post(
            &format!("{MAPS}?dryRun="),
            &json!({"metadata": {"name": "dry"}}),
        )
        .await;
    let words = "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"\"]: supported values: \"All\"";
    assert_eq!(refusal(&dry), (422, words.into()));
    let one = admin.get(&format!("{MAPS}/m0?resourceVersion=x")).await;
    let words =
        "resourceVersion: Invalid value: \"x\": strconv.ParseUint: parsing \"x\": invalid syntax";
    assert_eq!(refusal(&one), (500, words.into()));
}

#[tokio::test]
async fn paths_and_methods() {
    let cluster = Cluster::start(0).await;
    let (mut admin, _) = with_maps(&cluster, 1).await;
    for (method, path, status) in [
        ("GET", "/api/v1/configmaps/m0", 404),
        ("POST", "/api/v1/configmaps", 405),
        ("GET", "/api/v1/namespaces/default//configmaps", 404),
        ("GET", "/api/v1/namespaces/default/configmaps/..", 400),
        (
            "POST",
            "/apis/authorization.k8s.io/v1/subjectaccessreviews/x",
            404,
        ),
        (
            "HEAD",
            "/api/v1/namespaces/default/configmaps/m0/nothing",
            404,
        ),
        ("HEAD", "/api/v1/namespaces/default/configmaps/m0", 405),
        ("POST", "/apis", 200),
        ("DELETE", "/apis/apps", 200),
        ("POST", "/apis/apps/v1", 405),
        ("POST", "/api", 405),
        ("POST", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("PUT", "/openapi/v3", 200),
        ("PUT", "/version", 405),
        ("PUT", "/api/v2", 404),
        ("GET", "/", 200),
    ] {
        let got = admin.send(method, path, &[], String::new()).await;
        assert_eq!(got.status.as_u16(), status, "{method} {path}");
    }
    let paths = admin.get("/").await.json()["paths"].clone();
    assert!(
        paths.as_array().unwrap().contains(&json!("/apis/apps/v1")),
        "{paths}"
    );
    let old = admin
        .get("/api/v1/watch/namespaces/default/configmaps/m0?timeoutSeconds=1")
        .await;
    let event: Value = serde_json::from_slice(&old.bytes).unwrap();
    assert_eq!(
        (&event["type"], &event["object"]["metadata"]["name"]),
        (&json!("ADDED"), &json!("m0"))
    );
}

#[tokio::test]
async fn documents_in_forms_that_there_are() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let named = "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf";
    let all = "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf";
    let json = "406: Not Acceptable\n\nAvailable representations: application/json";
    for (path, accepts, expected) in [
        ("/version", "application/*", Some(json)),
        ("/version", "text/html", Some(json)),
        ("/version", "text/html, */*", None),
        ("/apis", "application/*", None),
        ("/apis/apps", "application/*", None),
        ("/apis/apps", "text/html", Some(named)),
        ("/apis/apps/v1", "text/html", Some(all)),
        ("/openapi/v3", "text/html", None),
    ] {
        let got = admin
            .send("GET", path, &[("accept", accepts)], String::new())
            .await;
        let expected = expected.map_or((200, String::new()), |words| (406, words.to_owned()));
        assert_eq!(refusal(&got), expected, "{path} as {accepts}");
    }
}

#[tokio::test]
async fn options_of_logs_are_judged_first() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let invalid = |why: &str| (422, format!("PodLogOptions \"p\" is invalid: {why}"));
    for (query, expected) in [
        (
            "tailLines=-1",
            invalid("tailLines: Invalid value: -1: must be greater than or equal to 0"),
        ),
        (
            "sinceSeconds=0",
            invalid("sinceSeconds: Invalid value: 0: must be greater than 0"),
        ),
        (
            "sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z",
            invalid("[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"),
        ),
        (
            "stream=All",
            invalid("stream: Forbidden: may not be specified"),
        ),
        (
            "tailLines=x",
            (
                400,
                "strconv.ParseInt: parsing \"x\": invalid syntax".into(),
            ),
        ),
        ("tailLines=1", (404, "pods \"p\" not found".into())),
    ] {
        let got = admin
            .get(&format!("/api/v1/namespaces/default/pods/p/log?{query}"))
            .await;
        assert_eq!(refusal(&got), expected, "{query}");
    }
}

#[tokio::test]
async fn the_issuer_of_tokens_is_told() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let issuer = admin.get("/.well-known/openid-configuration").await;
    assert_eq!(issuer.json()["issuer"], "https://kubernetes.default.svc");
    let keys = issuer.json()["jwks_uri"].as_str().unwrap().to_owned();
    let path = &keys[keys.find("/openid").unwrap()..];
    let keys = admin.get(path).await;
    assert_eq!(keys.headers["content-type"], "application/jwk-set+json");
    assert_eq!(keys.json()["keys"][0]["kty"], "EC");
    let mut nobody = Client::connect(&cluster, Who::Nobody).await;
    assert_eq!(nobody.get(path).await.status, 403);
    // Whoever checks tokens is a pod as a rule: where it is to look is where pods reach the server.
    let address = "10.244.0.1:6443".parse().unwrap();
    cluster.server.advertise_to_pods(address).await.unwrap();
    let issuer = admin.get("/.well-known/openid-configuration").await;
    assert_eq!(
        issuer.json()["jwks_uri"],
        "https://10.244.0.1:6443/openid/v1/jwks"
    );
}

#[tokio::test]
async fn answers_have_the_name_of_their_request() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let path = "/api/v1/namespaces/default";
    let got = admin.send("GET", path, &[("audit-id", "mine")], "").await;
    assert_eq!(got.headers["audit-id"], "mine");
    assert_eq!(admin.get(path).await.headers["audit-id"].len(), 36);
    let mut nobody = Client::connect(&cluster, Who::Nobody).await;
    let forbidden = nobody.get(path).await;
    assert_eq!(forbidden.headers["x-content-type-options"], "nosniff");
    let spaces = [("authorization", "Bearer  token")];
    let passed_over = nobody.send("GET", path, &spaces, "").await;
    assert_eq!(passed_over.status, 403);
    let warning = passed_over.headers["warning"].to_str().unwrap();
    assert!(warning.contains("extra space"), "{warning}");
    assert!(!admin.get(path).await.headers.contains_key("warning"));
}
