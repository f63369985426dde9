//! Who owns which field: over HTTPS, and where a part of the process sends an object back.

use k8s_openapi::api::apps::v1::Deployment;
use navarch_api::call::{Answer, Body, Call, Gvr, Options};
use navarch_api::def::Verb;
use navarch_machinery::object::{Object, downcast};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Got, Who};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const JSON: (&str, &str) = ("content-type", "application/json");
const MERGE: (&str, &str) = ("content-type", "application/merge-patch+json");
const APPLY: (&str, &str) = ("content-type", "application/apply-patch+yaml");

/// Who owns what, without when.
fn managers(got: &Got) -> Value {
    let mut managers = got.json()["metadata"]["managedFields"].take();
    for entry in managers.as_array_mut().into_iter().flatten() {
        entry.as_object_mut().unwrap().remove("time");
    }
    managers
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "JSON is written where it is used"
)]
fn manager(name: &str, operation: &str, subresource: Option<&str>, fields: Value) -> Value {
    let mut entry = json!({
        "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": fields, "manager": name, "operation": operation,
    });
    if let Some(subresource) = subresource {
        entry["subresource"] = subresource.into();
    }
    entry
}

fn deployment(replicas: Option<i32>) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i:1"}]},
            },
        },
    });
    if let Some(replicas) = replicas {
        object["spec"]["replicas"] = replicas.into();
    }
    object
}

#[tokio::test]
async fn a_write_is_its_user_agents_where_it_names_no_manager() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "1"}});
    let agent = ("user-agent", "tool/v1 (linux)");
    let created = admin
        .send("POST", MAPS, &[JSON, agent], &object.to_string())
        .await;
    let expected = json!([{
        "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {".": {}, "f:a": {}}}, "manager": "tool",
        "operation": "Update",
    }]);
    assert_eq!(managers(&created), expected);
    assert_eq!(managers(&admin.get(&format!("{MAPS}/x")).await), expected);
    let path = format!("{MAPS}/x?fieldManager=other");
    let patched = admin
        .send("PATCH", &path, &[MERGE], r#"{"data":{"b":"2"}}"#)
        .await;
    assert_eq!(managers(&patched)[0]["manager"], "other");
    // Sent back as it was read, it stays as it is; and nobody can be told twice.
    let same = admin
        .send(
            "PUT",
            &format!("{MAPS}/x"),
            &[JSON, agent],
            &patched.json().to_string(),
        )
        .await;
    assert_eq!(same.json(), patched.json());
    let reset = r#"{"metadata":{"managedFields":[]}}"#;
    let reset = admin.send("PATCH", &path, &[MERGE], reset).await;
    assert_eq!(managers(&reset), Value::Null);
    let untold = admin
        .send("PATCH", &path, &[MERGE], r#"{"data":{"c":"3"}}"#)
        .await;
    assert_eq!(managers(&untold), Value::Null);
}

#[tokio::test]
async fn parts_of_the_process_have_names_and_leave_managers_alone() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let created = admin
        .post(
            &format!("{DEPLOYMENTS}?fieldManager=one"),
            &deployment(Some(1)),
        )
        .await;
    let before = managers(&created);
    let call = |verb, body| Call {
        verb,
        resource: Gvr::of::<Deployment>(),
        namespace: Some("default".into()),
        name: Some("d".into()),
        subresource: None,
        body,
        options: Options::default(),
    };
    let Answer::Object(object) = cluster
        .admin
        .call(call(Verb::Get, Body::None))
        .await
        .unwrap()
    else {
        panic!("not an object");
    };
    assert_eq!(object.metadata().managed_fields, None);
    let mut object = (*downcast::<Deployment>(object).unwrap()).clone();
    object
        .metadata
        .annotations
        .get_or_insert_default()
        .insert("x".into(), "y".into());
    let object: std::sync::Arc<dyn Object> = std::sync::Arc::new(object);
    cluster
        .admin
        .call(call(Verb::Update, Body::Object(object)))
        .await
        .unwrap();
    let after = managers(&admin.get(&format!("{DEPLOYMENTS}/d")).await);
    let own = manager(
        "admin",
        "Update",
        None,
        json!({"f:metadata": {"f:annotations": {".": {}, "f:x": {}}}}),
    );
    assert_eq!(after, json!([own, before[0]]));
}

#[tokio::test]
async fn an_apply_creates_and_conflicts_and_gives_up() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let path = |query: &str| format!("{DEPLOYMENTS}/d?{query}");
    let with_uid = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "uid": "u"}});
    let refused = admin
        .send(
            "PATCH",
            &path("fieldManager=one"),
            &[APPLY],
            &with_uid.to_string(),
        )
        .await;
    assert_eq!(
        refused.message(),
        "Operation cannot be fulfilled on deployments.apps \"d\": uid mismatch: the provided object specified uid u, and no \
         existing object was found"
    );
    let yaml = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: d\nspec:\n  replicas: 2\n  selector: {matchLabels: {a: b}}\n  \
                template:\n    metadata: {labels: {a: b}}\n    spec:\n      containers:\n      - {name: c, image: 'i:1'}\n";
    let created = admin
        .send("PATCH", &path("fieldManager=one"), &[APPLY], yaml)
        .await;
    assert_eq!(created.status, 201, "{}", created.message());
    let conflict = admin
        .send(
            "PATCH",
            &path("fieldManager=two"),
            &[APPLY],
            &deployment(Some(3)).to_string(),
        )
        .await;
    assert_eq!(
        conflict.message(),
        "Apply failed with 1 conflict: conflict with \"one\": .spec.replicas"
    );
    let forced = admin
        .send(
            "PATCH",
            &path("fieldManager=two&force=true"),
            &[APPLY],
            &deployment(Some(3)).to_string(),
        )
        .await;
    assert_eq!(forced.json()["spec"]["replicas"], 3);
    let given_up = admin
        .send(
            "PATCH",
            &path("fieldManager=two"),
            &[APPLY],
            &deployment(None).to_string(),
        )
        .await;
    assert_eq!(given_up.json()["spec"]["replicas"], 1);
    let force = admin
        .send("PATCH", &path("force=true"), &[MERGE], "{}")
        .await;
    assert_eq!(
        force.message(),
        "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch"
    );
    let missing = admin
        .send(
            "PATCH",
            &format!("{DEPLOYMENTS}/x/status?fieldManager=one"),
            &[APPLY],
            &json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"},
            })
            .to_string(),
        )
        .await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn names_that_are_there_twice_are_told() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let twice =
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n  a: '1'\n  a: '2'\n";
    let strict = format!("{MAPS}/x?fieldManager=one&fieldValidation=Strict");
    let refused = admin.send("PATCH", &strict, &[APPLY], twice).await;
    assert_eq!(
        refused.message(),
        "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 7: key \"a\" already set in map"
    );
    let warned = admin
        .send(
            "PATCH",
            &format!("{MAPS}/x?fieldManager=one"),
            &[APPLY],
            twice,
        )
        .await;
    assert_eq!(
        (warned.status.as_u16(), &warned.json()["data"]["a"]),
        (201, &json!("2"))
    );
    assert!(warned.headers.contains_key("warning"));
}

#[tokio::test]
async fn who_scales_owns_the_replicas() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let created = admin
        .send(
            "PATCH",
            &format!("{DEPLOYMENTS}/d?fieldManager=one"),
            &[APPLY],
            &deployment(Some(1)).to_string(),
        )
        .await;
    assert_eq!(created.status, 201, "{}", created.message());
    let scale = format!("{DEPLOYMENTS}/d/scale?fieldManager=two");
    let scaled = admin
        .send("PATCH", &scale, &[MERGE], r#"{"spec":{"replicas":4}}"#)
        .await;
    assert_eq!(scaled.json()["spec"]["replicas"], 4);
    let object = admin.get(&format!("{DEPLOYMENTS}/d")).await;
    let replicas = json!({"f:spec": {"f:replicas": {}}});
    assert_eq!(
        managers(&object)[1],
        manager("two", "Update", Some("scale"), replicas.clone())
    );
    let document = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "d"}, "spec": {"replicas": 5}});
    let scale = |query: &str| format!("{DEPLOYMENTS}/d/scale?fieldManager=three{query}");
    let conflict = admin
        .send("PATCH", &scale(""), &[APPLY], &document.to_string())
        .await;
    assert_eq!(
        conflict.message(),
        "Apply failed with 1 conflict: conflict with \"two\" with subresource \"scale\" using autoscaling/v1: .spec.replicas"
    );
    let applied = admin
        .send(
            "PATCH",
            &scale("&force=true"),
            &[APPLY],
            &document.to_string(),
        )
        .await;
    assert_eq!(
        applied.json()["spec"]["replicas"],
        5,
        "{}",
        applied.message()
    );
    let object = admin.get(&format!("{DEPLOYMENTS}/d")).await;
    assert_eq!(
        managers(&object)[0],
        manager("three", "Apply", Some("scale"), replicas)
    );
}

#[tokio::test]
async fn an_event_is_owned_in_the_words_of_its_writers_version() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let core = "/api/v1/namespaces/default/events";
    let new = "/apis/events.k8s.io/v1/namespaces/default/events";
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "message": "m", "reason": "R", "type": "Normal",
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
    });
    let created = admin
        .post(&format!("{core}?fieldManager=one"), &event)
        .await;
    assert_eq!(created.status, 201, "{}", created.message());
    let seen = admin.get(&format!("{new}/e")).await;
    assert_eq!(managers(&seen), managers(&created));
    let patched = admin
        .send(
            "PATCH",
            &format!("{core}/e?fieldManager=two"),
            &[MERGE],
            r#"{"message":"n"}"#,
        )
        .await;
    assert_eq!(
        managers(&patched)[1]["fieldsV1"],
        json!({"f:message": {}}),
        "{}",
        patched.message()
    );
}

#[tokio::test]
async fn a_manager_with_too_long_a_name_is_refused() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "x", "managedFields": [{
            "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {}}, "manager": "x".repeat(129), "operation": "Update",
        }]},
    });
    let refused = admin.post(MAPS, &object).await;
    assert_eq!(
        refused.message(),
        "ConfigMap \"x\" is invalid: metadata.managedFields[0].manager: Too long: may not be more than 128 bytes"
    );
}

#[tokio::test]
async fn null_times_and_empty_lists_are_owned() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    admin.post(DEPLOYMENTS, &deployment(None)).await;
    let status = format!("{DEPLOYMENTS}/d/status?fieldManager=a");
    let condition = json!({"status": {"conditions": [{"type": "A", "status": "True"}]}});
    let patched = admin
        .send("PATCH", &status, &[MERGE], condition.to_string())
        .await;
    let managers_of = managers(&patched);
    let entries = managers_of.as_array().unwrap();
    let own = entries.iter().find(|entry| entry["manager"] == "a");
    let fields = &own.unwrap()["fieldsV1"]["f:status"]["f:conditions"];
    let owned = json!({"f:lastTransitionTime": {}, "f:lastUpdateTime": {}, "f:status": {}, "f:type": {}, ".": {}});
    assert_eq!(fields["k:{\"type\":\"A\"}"], owned);
    let mut applied = deployment(None);
    applied["status"] = json!({"conditions": [
        {"type": "A", "status": "True", "lastTransitionTime": "2024-01-01T00:00:00Z"}]});
    let path = format!("{DEPLOYMENTS}/d/status?fieldManager=s");
    let refused = admin
        .send("PATCH", &path, &[APPLY], applied.to_string())
        .await;
    assert_eq!(refused.status, 409, "{}", refused.message());

    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
    for (name, rules, owner) in [("e", json!([]), true), ("n", Value::Null, false)] {
        let role = json!({"metadata": {"name": name}, "rules": rules});
        let role = admin.post(roles, &role).await;
        assert_eq!(role.json()["rules"], Value::Null);
        let owns = managers(&role)[0]["fieldsV1"]["f:rules"].is_object();
        assert_eq!(owns, owner, "{name}");
    }
}

#[tokio::test]
async fn whoever_says_that_there_is_nothing_in_a_list_owns_it() {
    let cluster = Cluster::start(0).await;
    let mut client = Client::connect(&cluster, Who::Certificate).await;
    let node = json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": "n"}, "spec": {"drivers": []}});
    let made = client.post("/apis/storage.k8s.io/v1/csinodes", &node).await;
    assert_eq!(made.status, 201, "{}", made.message());
    let owned = json!({"f:spec": {"f:drivers": {}}});
    assert_eq!(managers(&made)[0]["fieldsV1"], owned);
    let range = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": []}});
    let path = "/api/v1/namespaces/default/limitranges";
    let made = client.post(path, &range).await;
    assert_eq!(made.status, 201, "{}", made.message());
    let owned = json!({"f:spec": {"f:limits": {}}});
    assert_eq!(managers(&made)[0]["fieldsV1"], owned);
}
