//! What admission refuses and shapes, in the words and places that kube-apiserver 1.36 was seen to have.
#![allow(
    clippy::needless_pass_by_value,
    reason = "tests write JSON where it is used"
)]

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::http::{Client, Got, Who};

const NAMESPACE: &str = "/api/v1/namespaces/default";
const PODS: &str = "/api/v1/namespaces/default/pods";
const MERGE: [(&str, &str); 1] = [("content-type", "application/merge-patch+json")];
const ZONE: &str = "topology.kubernetes.io/zone";

async fn start() -> (Cluster, Client) {
    let cluster = Cluster::start(0).await;
    let mut admin = Client::connect(&cluster, Who::Certificate).await;
    let account = json!({"metadata": {"name": "default"}});
    let path = format!("{NAMESPACE}/serviceaccounts");
    assert_eq!(admin.post(&path, &account).await.status, 201);
    (cluster, admin)
}

/// A pod of this metadata and with this in its spec.
fn pod(metadata: Value, more: Value) -> Value {
    let mut spec = json!({"containers": [{"name": "c", "image": "x:1"}]});
    let members = more.as_object().unwrap().clone();
    spec.as_object_mut().unwrap().extend(members);
    json!({"metadata": metadata, "spec": spec})
}

fn said(got: &Got) -> (u16, String) {
    (got.status.as_u16(), got.message())
}

#[tokio::test]
async fn what_has_no_name_yet_is_refused_by_what_it_will_be_made_of() {
    let (_cluster, mut admin) = start().await;
    let class = json!({"priorityClassName": "nope"});
    for (metadata, name) in [
        (json!({"generateName": "gen-"}), "gen-"),
        (json!({}), "Unknown"),
        (json!({"name": "p"}), "p"),
    ] {
        let refused = admin.post(PODS, &pod(metadata, class.clone())).await;
        let words =
            format!("pods \"{name}\" is forbidden: no PriorityClass with name nope was found");
        assert_eq!(said(&refused), (403, words));
        assert_eq!(refused.json()["details"]["name"], name);
    }
}

#[tokio::test]
async fn a_pod_is_in_the_zone_of_its_node() {
    let (_cluster, mut admin) = start().await;
    let labels = json!({ZONE: "a", "topology.kubernetes.io/rack": "7"});
    let node = json!({"metadata": {"name": "n", "labels": labels}});
    assert_eq!(admin.post("/api/v1/nodes", &node).await.status, 201);

    let named = json!({"name": "named", "labels": {ZONE: "mine", "k": "v"}});
    let made = admin
        .post(PODS, &pod(named, json!({"nodeName": "n"})))
        .await;
    assert_eq!(
        made.json()["metadata"]["labels"],
        json!({ZONE: "a", "k": "v"})
    );
    let lost = json!({"name": "lost", "labels": {ZONE: "mine"}});
    let made = admin
        .post(PODS, &pod(lost, json!({"nodeName": "gone"})))
        .await;
    assert_eq!(made.json()["metadata"]["labels"], json!({ZONE: "mine"}));

    for (name, kind, labels) in [
        ("bound", json!("Node"), json!({ZONE: "a"})),
        ("loose", Value::Null, Value::Null),
    ] {
        let path = format!("{PODS}/{name}");
        let made = admin
            .post(PODS, &pod(json!({"name": name}), json!({})))
            .await;
        assert_eq!(made.status, 201, "{}", made.message());
        let target = json!({"kind": kind, "name": "n"});
        let binding = json!({"metadata": {"name": name}, "target": target});
        let bound = admin.post(&format!("{path}/binding"), &binding).await;
        assert_eq!(bound.status, 201, "{}", bound.message());
        let bound = admin.get(&path).await.json();
        assert_eq!(bound["spec"]["nodeName"], "n");
        assert_eq!(bound["metadata"]["labels"], labels);
    }
}

#[tokio::test]
async fn what_is_warned_of_is_told_though_a_quota_refuses() {
    let (_cluster, mut admin) = start().await;
    let labels = json!({"pod-security.kubernetes.io/warn": "restricted"});
    let labels = json!({"metadata": {"labels": labels}}).to_string();
    let labelled = admin.send("PATCH", NAMESPACE, &MERGE, labels).await;
    assert_eq!(labelled.status, 200);
    let (path, hard) = (
        format!("{NAMESPACE}/resourcequotas"),
        json!({"limits.cpu": "1"}),
    );
    let mut quota = json!({"metadata": {"name": "q"}, "spec": {"hard": hard}});
    assert_eq!(admin.post(&path, &quota).await.status, 201);
    quota["status"] = json!({"hard": hard, "used": {"limits.cpu": "0"}});
    let json = [("content-type", "application/json")];
    let status = format!("{path}/q/status");
    let counted = admin.send("PUT", &status, &json, quota.to_string()).await;
    assert_eq!(counted.status, 200, "{}", counted.message());
    let refused = admin
        .post(PODS, &pod(json!({"name": "p"}), json!({})))
        .await;
    let (status, words) = said(&refused);
    assert_eq!(status, 403);
    assert!(words.contains("must specify limits.cpu"), "{words}");
    let warning = refused.headers["warning"].to_str().unwrap();
    assert!(warning.contains("would violate PodSecurity"), "{warning}");
}

#[tokio::test]
async fn mirror_pods_name_nothing_that_is_a_secret() {
    let (_cluster, mut admin) = start().await;
    let token = json!({"serviceAccountToken": {"path": "t"}});
    let projected = json!([{"name": "v", "projected": {"sources": [token]}}]);
    for (spec, why) in [
        (
            json!({"serviceAccountName": "default"}),
            "a mirror pod may not reference service accounts",
        ),
        (
            json!({"imagePullSecrets": [{"name": "s"}]}),
            "a mirror pod may not reference secrets",
        ),
        (
            json!({"volumes": projected}),
            "a mirror pod may not use ServiceAccountToken volume projections",
        ),
    ] {
        let annotations = json!({"kubernetes.io/config.mirror": "x"});
        let metadata = json!({"name": "m", "annotations": annotations});
        let refused = admin.post(PODS, &pod(metadata, spec)).await;
        let words = format!("pods \"m\" is forbidden: {why}");
        assert_eq!(said(&refused), (403, words));
    }
}

#[tokio::test]
async fn a_runtime_class_without_a_name_is_a_fault_and_tolerations_are_merged() {
    let (_cluster, mut admin) = start().await;
    let unnamed = pod(json!({"name": "p"}), json!({"runtimeClassName": ""}));
    let refused = admin.post(PODS, &unnamed).await;
    assert_eq!(
        said(&refused),
        (500, "resource name may not be empty".into())
    );

    let class = json!({
        "metadata": {"name": "c"}, "handler": "h", "scheduling": {"nodeSelector": {"a": "b"}},
    });
    let classes = "/apis/node.k8s.io/v1/runtimeclasses";
    assert_eq!(admin.post(classes, &class).await.status, 201);
    let all = json!([
        {"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5},
        {"operator": "Exists"},
    ]);
    let spec = json!({"runtimeClassName": "c", "tolerations": all});
    let made = admin.post(PODS, &pod(json!({"name": "t"}), spec)).await;
    assert_eq!(
        made.json()["spec"]["tolerations"],
        json!([{"operator": "Exists"}])
    );
}

#[tokio::test]
async fn a_service_without_a_name_can_be_given_no_address() {
    let (_cluster, mut admin) = start().await;
    let services = format!("{NAMESPACE}/services");
    let asked =
        json!({"metadata": {}, "spec": {"ports": [{"port": 80}], "clusterIP": "10.96.3.9"}});
    let refused = admin.post(&services, &asked).await;
    let words = "Service \"\" is invalid: spec.clusterIPs: Invalid value: [\"10.96.3.9\"]: failed to allocate IP 10.96.3.9: \
                 IPAddress.networking.k8s.io \"10.96.3.9\" is invalid: spec.parentRef.name: Required value";
    assert_eq!(said(&refused), (422, words.into()));
    let open = json!({"metadata": {}, "spec": {"ports": [{"port": 80}]}});
    let words = admin.post(&services, &open).await.message();
    let begin = "Service \"\" is invalid: spec.clusterIPs: Invalid value: [\"\"]: failed to allocate IP: IPAddress.networking";
    assert!(words.starts_with(begin), "{words}");
    let headless = json!({"metadata": {}, "spec": {"clusterIP": "None", "ports": [{"port": 80}]}});
    let words = admin.post(&services, &headless).await.message();
    assert!(
        words.contains("name or generateName is required"),
        "{words}"
    );
}

#[tokio::test]
async fn bodies_of_subresources_are_read_like_all_others() {
    let (_cluster, mut admin) = start().await;
    let made = admin
        .post(PODS, &pod(json!({"name": "p"}), json!({})))
        .await;
    assert_eq!(made.status, 201, "{}", made.message());
    let token = format!("{NAMESPACE}/serviceaccounts/default/token");
    let odd = json!({"metadata": {"name": "p"}, "bogus": 1});
    let strict = admin
        .post(&format!("{PODS}/p/eviction?fieldValidation=Strict"), &odd)
        .await;
    let words = "Eviction in version \"v1\" cannot be handled as a Eviction: strict decoding error: unknown field \"bogus\"";
    assert_eq!(said(&strict), (400, words.into()));
    let wrong = admin
        .post(&token, &json!({"spec": {"audiences": "x"}}))
        .await;
    let words = "TokenRequest in version \"v1\" cannot be handled as a TokenRequest: json: cannot unmarshal string into Go struct field TokenRequestSpec.spec.audiences of type []string";
    assert_eq!(said(&wrong), (400, words.into()));
    let elsewhere = json!({"metadata": {"name": "p", "namespace": "other"}});
    let refused = admin.post(&format!("{PODS}/p/eviction"), &elsewhere).await;
    let words =
        "the namespace of the provided object does not match the namespace sent on the request";
    assert_eq!(said(&refused), (400, words.into()));
    let warned = admin.post(&format!("{PODS}/p/eviction"), &odd).await;
    assert_eq!(warned.status, 201, "{}", warned.message());
    assert_eq!(
        warned.headers["warning"],
        "299 - \"unknown field \\\"bogus\\\"\""
    );
}

#[tokio::test]
async fn addresses_end_where_they_end() {
    let (_cluster, mut admin) = start().await;
    let made = admin
        .post(PODS, &pod(json!({"name": "p"}), json!({})))
        .await;
    assert_eq!(made.status, 201);
    let words = "the server could not find the requested resource";
    let behind = admin.get(&format!("{PODS}/p/status/more")).await;
    assert_eq!(said(&behind), (404, words.into()));
    let watched = "/api/v1/watch/namespaces/default/pods/p";
    let deleted = admin.send("DELETE", watched, &[], "").await;
    assert_eq!(deleted.status, 405);
    assert_eq!(admin.get(&format!("{PODS}/p")).await.status, 200);

    let alone = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let secrets = format!("{NAMESPACE}/secrets");
    let none = admin.send("GET", &secrets, &[("accept", alone)], "").await;
    assert_eq!(none.json()["items"], Value::Null);
}

#[tokio::test]
async fn a_claims_status_is_written_part_by_part_by_who_may() {
    const CLAIMS: &str = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaims";
    let (cluster, mut admin) = start().await;
    let mut alice = Client::connect(&cluster, Who::Token("alice-token")).await;
    let request = json!({"name": "r", "exactly": {"deviceClassName": "c.example"}});
    let claim = json!({"metadata": {"name": "c"}, "spec": {"devices": {"requests": [request]}}});
    assert_eq!(admin.post(CLAIMS, &claim).await.status, 201);
    let mut rules = vec![
        json!({"apiGroups": ["resource.k8s.io"], "resources": ["resourceclaims/status"], "verbs": ["patch"]}),
    ];
    grant(&mut admin, &rules).await;

    let result = json!({"request": "r", "driver": "d.example", "pool": "p", "device": "x"});
    let selector = json!({"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}]});
    let allocation = json!({"devices": {"results": [result]}, "nodeSelector": selector});
    let reserved = json!([{"resource": "pods", "name": "p", "uid": "u"}]);
    let bound = json!({"status": {"allocation": allocation, "reservedFor": reserved}});
    let status = format!("{CLAIMS}/c/status");
    let mut patch = async |bound: &Value| {
        alice
            .send("PATCH", &status, &MERGE, bound.to_string())
            .await
    };
    let refused = patch(&bound).await;
    let words = "ResourceClaim.resource.k8s.io \"c\" is invalid: status.allocation: Forbidden: changing status.allocation or \
        status.reservedFor requires resource=\"resourceclaims/binding\", verb=\"patch\" permission: resourceclaims.resource.k8s.io is forbidden: \
        User \"alice\" cannot patch resource \"resourceclaims/binding\" in API group \"resource.k8s.io\" at the cluster scope";
    assert_eq!(said(&refused), (422, words.to_owned()));
    rules.push(json!({"apiGroups": ["resource.k8s.io"], "resources": ["resourceclaims/binding"], "verbs": ["patch"]}));
    grant(&mut admin, &rules).await;
    let done = patch(&bound).await;
    assert_eq!(done.status, 200, "{}", done.message());

    let device = json!({"driver": "d.example", "pool": "p", "device": "x", "conditions": []});
    let told = json!({"status": {"devices": [device]}});
    let refused = patch(&told).await;
    let words = "ResourceClaim.resource.k8s.io \"c\" is invalid: status.devices: Forbidden: changing status.devices requires \
        resource=\"resourceclaims/driver\", verb=\"[arbitrary-node:patch]\" permission: resourceclaims.resource.k8s.io \"d.example\" is forbidden: \
        User \"alice\" cannot arbitrary-node:patch resource \"resourceclaims/driver\" in API group \"resource.k8s.io\" in the namespace \"default\"";
    assert_eq!(said(&refused), (422, words.to_owned()));
    rules.push(
        json!({"apiGroups": ["resource.k8s.io"], "resources": ["resourceclaims/driver"],
        "resourceNames": ["d.example"], "verbs": ["arbitrary-node:patch"]}),
    );
    grant(&mut admin, &rules).await;
    let done = patch(&told).await;
    assert_eq!(done.status, 200, "{}", done.message());
}

/// Gives Alice these rules, in all namespaces.
async fn grant(admin: &mut Client, rules: &[Value]) {
    const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
    let force = "?fieldManager=t&force=true";
    let apply = [("content-type", "application/apply-patch+yaml")];
    let group = "rbac.authorization.k8s.io";
    let (version, metadata) = (format!("{group}/v1"), json!({"name": "alices"}));
    let role =
        json!({"apiVersion": version, "kind": "ClusterRole", "metadata": metadata, "rules": rules});
    let path = format!("{RBAC}/clusterroles/alices{force}");
    let made = admin.send("PATCH", &path, &apply, role.to_string()).await;
    assert!(made.status.is_success(), "{}", made.message());
    let binding = json!({"apiVersion": version, "kind": "ClusterRoleBinding", "metadata": metadata,
        "subjects": [{"kind": "User", "name": "alice", "apiGroup": group}],
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "alices"}});
    let path = format!("{RBAC}/clusterrolebindings/alices{force}");
    let made = admin
        .send("PATCH", &path, &apply, binding.to_string())
        .await;
    assert!(made.status.is_success(), "{}", made.message());
}
