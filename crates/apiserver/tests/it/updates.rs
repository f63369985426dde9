//! What a write says of metadata: versions, names, owners and finalizers.

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Got, Who};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

async fn put(admin: &mut Client, path: &str, body: &Value) -> Got {
    let json = [("content-type", "application/json")];
    admin.send("PUT", path, &json, &body.to_string()).await
}

fn map(metadata: &Value) -> Value {
    json!({"metadata": metadata})
}

#[tokio::test]
async fn a_finalizer_without_a_domain_is_one_of_kubernetes_own() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let wrong = admin
        .post(
            MAPS,
            &map(&json!({"name": "x", "finalizers": ["a/b", "bad"]})),
        )
        .await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.message()),
        (
            422,
            "ConfigMap \"x\" is invalid: metadata.finalizers[1]: Invalid value: \"bad\": name is neither a standard finalizer \
             name nor is it fully qualified"
                .to_owned()
        )
    );
    // Some kinds take any.
    let lease = admin
        .post(LEASES, &map(&json!({"name": "x", "finalizers": ["bad"]})))
        .await;
    assert_eq!(lease.status, 201);
}

#[tokio::test]
async fn causes_are_as_many_as_kubernetes_looks_for_them() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    admin.post(MAPS, &map(&json!({"name": "x"}))).await;
    admin.post(LEASES, &map(&json!({"name": "x"}))).await;
    for (path, labels, finalizers) in [(MAPS, 4, 4), (LEASES, 3, 1)] {
        for (wrong, count) in [
            (r#"{"metadata":{"labels":{"a":"b c"}}}"#, labels),
            (r#"{"metadata":{"finalizers":["a/b","b c"]}}"#, finalizers),
        ] {
            let merge = [("content-type", "application/merge-patch+json")];
            let got = admin
                .send("PATCH", &format!("{path}/x"), &merge, wrong)
                .await;
            let causes = got.json()["details"]["causes"].as_array().map(Vec::len);
            assert_eq!(causes, Some(count), "{path} {wrong} {}", got.message());
        }
    }
}

#[tokio::test]
async fn a_version_is_a_number_where_it_is_needed() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let versioned = map(&json!({"name": "x", "resourceVersion": "5"}));
    let tried = admin.post(&format!("{MAPS}?dryRun=All"), &versioned).await;
    assert_eq!(
        (
            tried.status.as_u16(),
            &tried.json()["metadata"]["resourceVersion"]
        ),
        (201, &json!("5"))
    );
    let refused = admin.post(MAPS, &versioned).await;
    assert_eq!(
        (refused.status.as_u16(), refused.message().as_str()),
        (
            500,
            "resourceVersion should not be set on objects to be created"
        )
    );
    // What is created by an update has seen a version that is gone.
    let created = put(&mut admin, &format!("{LEASES}/x"), &versioned).await;
    assert_eq!(created.status, 201);
    let none = put(
        &mut admin,
        &format!("{LEASES}/x"),
        &map(&json!({"name": "x"})),
    )
    .await;
    assert_eq!(
        none.message(),
        "leases.coordination.k8s.io \"x\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update"
    );
    let odd = map(&json!({"name": "x", "resourceVersion": "x"}));
    let odd = put(&mut admin, &format!("{LEASES}/x"), &odd).await;
    assert_eq!(
        (odd.status.as_u16(), odd.message().as_str()),
        (500, "strconv.ParseUint: parsing \"x\": invalid syntax")
    );
}

#[tokio::test]
async fn a_name_on_its_way_out_is_told_so() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let held = map(&json!({"name": "x", "finalizers": ["a/b"]}));
    admin.post(MAPS, &held).await;
    let again = admin.post(MAPS, &held).await;
    assert_eq!(again.message(), "configmaps \"x\" already exists");
    admin.send("DELETE", &format!("{MAPS}/x"), &[], "").await;
    let again = admin.post(MAPS, &held).await;
    assert_eq!(
        (again.status.as_u16(), again.message().as_str()),
        (
            409,
            "object is being deleted: configmaps \"x\" already exists"
        )
    );
}

#[tokio::test]
async fn the_namespace_is_looked_at_before_the_name() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    admin.post(MAPS, &map(&json!({"name": "x"}))).await;
    let other = map(&json!({"name": "y", "namespace": "z"}));
    let got = put(&mut admin, &format!("{MAPS}/x"), &other).await;
    assert_eq!(
        (got.status.as_u16(), got.message().as_str()),
        (
            400,
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    );
}

#[tokio::test]
async fn an_owner_that_is_there_twice_is_kept_once() {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let owner = json!({"apiVersion": "v1", "kind": "X", "name": "n", "uid": "u"});
    let twice = map(&json!({"name": "x", "ownerReferences": [owner, owner]}));
    let created = admin.post(MAPS, &twice).await;
    let owners = created.json()["metadata"]["ownerReferences"].clone();
    assert_eq!((created.status.as_u16(), owners), (201, json!([owner])));
    let warning = created.headers["warning"].to_str().unwrap();
    assert!(
        warning.ends_with("duplicate UID(s) observed: u\""),
        "{warning}"
    );
}
