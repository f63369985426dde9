//! What bodies say they are, and in which words they are refused.

use serde_json::json;

use crate::cluster::Cluster;
use crate::http::{Client, Who};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const DRY: &str = "/api/v1/namespaces/default/configmaps?dryRun=All";
const YAML: [(&str, &str); 1] = [("content-type", "application/yaml")];

#[tokio::test]
async fn a_blank_version_or_kind_is_that_of_the_path() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    for (version, kind) in [("", "ConfigMap"), ("v1", ""), ("/v1", "ConfigMap")] {
        let body = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}});
        let made = admin.post(DRY, &body).await;
        assert_eq!(made.status, 201, "{body}: {}", made.message());
    }
    let made = admin
        .post(DRY, &json!({"kind": null, "metadata": {"name": "x"}}))
        .await;
    assert_eq!(made.status, 201, "{}", made.message());
    let nothing = admin.post(DRY, &json!(null)).await;
    assert_eq!(
        nothing.message(),
        "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required"
    );
}

#[tokio::test]
async fn another_kind_is_refused_after_it_is_read() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    for (body, words) in [
        (
            json!({"apiVersion": "apps/v1", "kind": "Deployment"}),
            "Deployment in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Deployment) to (core.ConfigMap): unknown conversion",
        ),
        (
            json!({"apiVersion": "v1", "kind": "List"}),
            "List in version \"v1\" cannot be handled as a ConfigMap: converting (v1.List) to (core.ConfigMap): unknown conversion",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Secret", "data": {"a": "!"}}),
            "Secret in version \"v1\" cannot be handled as a ConfigMap: illegal base64 data at input byte 0",
        ),
        (
            json!({"apiVersion": "", "kind": "Foo"}),
            "Foo in version \"v1\" cannot be handled as a ConfigMap: no kind \"Foo\" is registered for version \"v1\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
        ),
        (
            json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService"}),
            "APIService in version \"v1\" cannot be handled as a ConfigMap: no kind \"APIService\" is registered for version \"apiregistration.k8s.io/v1\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
        ),
        (
            json!({"apiVersion": "a/b/c"}),
            "the object provided is unrecognized (must be of type ConfigMap): unexpected GroupVersion string: a/b/c ({\"apiVersion\":\"a/b/c\"})",
        ),
    ] {
        assert_eq!(admin.post(DRY, &body).await.message(), words);
    }
    let events = "/api/v1/namespaces/default/events";
    let body = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event"});
    assert_eq!(
        admin.post(events, &body).await.message(),
        "the API version in the data (events.k8s.io/v1) does not match the expected API version (v1)"
    );
}

#[tokio::test]
async fn yaml_is_refused_in_the_words_of_go_yaml() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let body = "x: [1";
    assert_eq!(
        admin.send("POST", MAPS, &YAML, body).await.message(),
        "the object provided is unrecognized (must be of type ConfigMap): yaml: line 1: did not find expected ',' or ']' (783a205b31)"
    );
    let body = "metadata:\n  name: x\ndata:\n  a: b\n  a: c\nbogus: 1\n";
    let strict = format!("{MAPS}?fieldValidation=Strict");
    assert_eq!(
        admin.send("POST", &strict, &YAML, body).await.message(),
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: \
         yaml: unmarshal errors:\n  line 5: key \"a\" already set in map, unknown field \"bogus\""
    );
    let warned = admin.send("POST", DRY, &YAML, body).await;
    let mut warnings = warned.headers.get_all("warning").iter();
    assert_eq!(
        warnings.next().unwrap(),
        "299 - \"line 5: key \\\"a\\\" already set in map\""
    );
    assert_eq!(
        warnings.next().unwrap(),
        "299 - \"unknown field \\\"bogus\\\"\""
    );
}

#[tokio::test]
async fn options_of_a_deletion_are_read_as_options() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let map = format!("{MAPS}/x");
    admin.post(MAPS, &json!({"metadata": {"name": "x"}})).await;
    for (body, words) in [
        (
            "{",
            "couldn't get version/kind; json parse error: unexpected end of JSON input",
        ),
        (
            r#"{"kind":"Foo"}"#,
            "no kind \"Foo\" is registered for version \"meta.k8s.io/v1\" in scheme \"pkg/apis/meta/internalversion/scheme/register.go:27\"",
        ),
        (
            r#"{"apiVersion":"a/b/c"}"#,
            "unexpected GroupVersion string: a/b/c",
        ),
        (
            r#"{"preconditions":{"uid":5}}"#,
            "json: cannot unmarshal number into Go struct field Preconditions.preconditions.uid of type types.UID",
        ),
    ] {
        let refused = admin.send("DELETE", &map, &[], body).await;
        assert_eq!((refused.status.as_u16(), &*refused.message()), (400, words));
    }
    let refused = admin
        .send("DELETE", &map, &YAML, "gracePeriodSeconds: x")
        .await;
    assert_eq!(
        refused.message(),
        "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64"
    );
    let done = admin.send("DELETE", &map, &[], "null").await;
    assert_eq!(done.status, 200, "{}", done.message());
}
