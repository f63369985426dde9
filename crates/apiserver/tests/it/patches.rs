//! JSON, merge and strategic merge patches that are not well: in which words, and with which code.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Got, Who};

const MAP: &str = "/api/v1/namespaces/default/configmaps/c1";
const LISTED: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

async fn with_map() -> (Cluster, Client) {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let map = json!({"metadata": {"name": "c1"}, "data": {"a": "1"}});
    let created = admin
        .post("/api/v1/namespaces/default/configmaps", &map)
        .await;
    assert_eq!(created.status, 201);
    (cluster, admin)
}

async fn patch(admin: &mut Client, query: &str, kind: &str, body: &str) -> Got {
    let headers = [("content-type", kind)];
    admin
        .send("PATCH", &format!("{MAP}{query}"), &headers, body)
        .await
}

async fn check(admin: &mut Client, kind: &str, body: &str, code: u16, words: &str) {
    let got = patch(admin, "", kind, body).await;
    assert_eq!(
        (got.status.as_u16(), got.message()),
        (code, words.to_owned()),
        "{body}"
    );
}

#[tokio::test]
async fn what_cannot_be_read_any_more_is_invalid_at_the_patch() {
    let (_cluster, mut admin) = with_map().await;
    let got = patch(&mut admin, "", MERGE, r#"{"metadata":{"labels":{"a":5}}}"#).await;
    let status = got.json();
    let cause = &status["details"]["causes"][0];
    assert_eq!(
        (got.status.as_u16(), &status["reason"]),
        (422, &json!("Invalid"))
    );
    assert_eq!(
        (
            &status["details"]["kind"],
            &cause["field"],
            &cause["reason"]
        ),
        (&Value::Null, &json!("patch"), &json!("FieldValueInvalid"))
    );
    let message = got.message();
    assert!(
        message.starts_with(r#" "" is invalid: patch: Invalid value: "{\"apiVersion\":\"v1\",\"data\":{\"a\":\"1\"},\"kind\":\"ConfigMap\",\"metadata\":{"#)
            && message.contains(r#"\"managedFields\":"#)
            && message.ends_with(r#"}}": json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string"#),
        "{message}"
    );
    for (body, words) in [
        (
            r#"{"data":{"a":5}}"#,
            r#" "" is invalid: patch: Invalid value: "map[data:map[a:5]]": cannot convert int64 to string"#,
        ),
        (
            r#"{"data":[]}"#,
            r#" "" is invalid: patch: Invalid value: "map[data:[]]": cannot restore map from slice"#,
        ),
    ] {
        check(&mut admin, STRATEGIC, body, 422, words).await;
    }
}

#[tokio::test]
async fn unknown_fields_of_a_patch_are_warned_of_or_refused() {
    let (_cluster, mut admin) = with_map().await;
    let strict = "?fieldValidation=Strict";
    let body = r#"{"bogus":1,"data":{"a":"1","a":"2"}}"#;
    let refused = patch(&mut admin, strict, STRATEGIC, body).await;
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused.message(),
        r#" "" is invalid: patch: Invalid value: "map[bogus:1 data:map[a:2]]": strict decoding error: duplicate field "data.a", unknown field "bogus""#
    );
    let refused = patch(&mut admin, strict, MERGE, r#"{"bogus":1}"#).await;
    let words = r#"}": strict decoding error: unknown field "bogus""#;
    assert!(refused.status == 422 && refused.message().ends_with(words));
    let body = r#"[{"op":"add","path":"/data/b","value":"2","bogus":1}]"#;
    let warned = patch(&mut admin, "", LISTED, body).await;
    assert_eq!(warned.status, 200);
    assert_eq!(
        warned.headers["warning"],
        r#"299 - "json patch unknown field \"[0].bogus\"""#
    );
}

#[tokio::test]
async fn a_patch_cannot_rename() {
    let (_cluster, mut admin) = with_map().await;
    let renamed = "the name of the object (other) does not match the name on the URL (c1)";
    let unnamed =
        "the name of the object (c1 based on URL) was undeterminable: name must be provided";
    for (kind, body, words) in [
        (MERGE, r#"{"metadata":{"name":"other"}}"#, renamed),
        (STRATEGIC, r#"{"metadata":{"name":"other"}}"#, renamed),
        (MERGE, r#"{"metadata":null}"#, unnamed),
        (
            LISTED,
            r#"[{"op":"remove","path":"/metadata/name"}]"#,
            unnamed,
        ),
    ] {
        check(&mut admin, kind, body, 400, words).await;
    }
}

#[tokio::test]
async fn a_patch_is_of_the_object_that_it_is_sent_to() {
    let (_cluster, mut admin) = with_map().await;
    for (kind, body) in [
        (LISTED, r#"[{"op":"remove","path":"/kind"}]"#),
        (MERGE, r#"{"kind":null}"#),
        (STRATEGIC, r#"{"kind":"Secret"}"#),
        (STRATEGIC, r#"{"apiVersion":"v2"}"#),
        (STRATEGIC, "null"),
        (LISTED, "null"),
    ] {
        let got = patch(&mut admin, "", kind, body).await;
        assert_eq!(
            (got.status.as_u16(), &got.json()["kind"]),
            (200, &json!("ConfigMap"))
        );
    }
    let body = r#"[{"op":"remove","path":"/apiVersion"}]"#;
    let got = patch(&mut admin, "", LISTED, body).await;
    let words =
        "the name of the object (c1 based on URL) was undeterminable: name must be provided";
    assert_eq!((got.status.as_u16(), got.message().as_str()), (400, words));
    let body = r#"[{"op":"replace","path":"/apiVersion","value":"v2"}]"#;
    let got = patch(&mut admin, "", LISTED, body).await;
    let words = r#"": no kind "ConfigMap" is registered for version "v2" in scheme "pkg/api/legacyscheme/scheme.go:30""#;
    assert!(
        got.status == 422 && got.message().ends_with(words),
        "{}",
        got.message()
    );
    let got = patch(&mut admin, "", MERGE, r#"{"kind":"Secret"}"#).await;
    let words = r#"": illegal base64 data at input byte 0"#;
    assert!(
        got.status == 422 && got.message().ends_with(words),
        "{}",
        got.message()
    );
}

#[tokio::test]
async fn what_is_no_patch_is_told_as_its_kind_has_it() {
    let (_cluster, mut admin) = with_map().await;
    let no_object = "json: cannot unmarshal array into Go value of type map[string]interface {}";
    let decoding = |words: &str| format!("error decoding patch: {words}");
    for (kind, body, words) in [
        (MERGE, "null", "Invalid JSON Patch".to_owned()),
        (MERGE, "[]", decoding(no_object)),
        (STRATEGIC, "[]", no_object.to_owned()),
        (STRATEGIC, "{", "unexpected end of JSON input".to_owned()),
        (LISTED, "", decoding("unexpected end of JSON input")),
        (
            LISTED,
            "{}",
            decoding("json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"),
        ),
    ] {
        check(&mut admin, kind, body, 400, &words).await;
    }
    let got = patch(&mut admin, "?fieldValidation=Ignore", LISTED, "{}").await;
    assert_eq!(
        got.message(),
        "json: cannot unmarshal object into Go value of type jsonpatch.Patch"
    );
}

#[tokio::test]
async fn a_scale_is_patched_in_the_same_words() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let controller = json!({"metadata": {"name": "r"}, "spec": {"selector": {"a": "b"}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    let controllers = "/api/v1/namespaces/default/replicationcontrollers";
    admin.post(controllers, &controller).await;
    let scale = format!("{controllers}/r/scale");
    let headers = [("content-type", MERGE)];
    let warned = admin
        .send("PATCH", &scale, &headers, r#"{"spec":{"bogus":1}}"#)
        .await;
    assert_eq!(warned.status, 200);
    assert_eq!(
        warned.headers["warning"],
        r#"299 - "unknown field \"spec.bogus\"""#
    );
    let refused = admin
        .send("PATCH", &scale, &headers, r#"{"spec":{"replicas":"x"}}"#)
        .await;
    let message = refused.message();
    let words =
        "json: cannot unmarshal string into Go struct field ScaleSpec.spec.replicas of type int32";
    assert!(
        refused.status == 422 && message.ends_with(words),
        "{message}"
    );
}
