mod properties;

use k8s_openapi::api::core::v1::{PersistentVolume, Pod};
use serde_json::{Value, json};

use super::*;
use crate::policy::{NODE_ROLE, Policy};
use crate::{Attributes, Decision};

fn pod(node: &str, mut spec: Value) -> Pod {
    spec["nodeName"] = node.into();
    spec["containers"] = spec.get("containers").cloned().unwrap_or(json!([]));
    serde_json::from_value(json!({"metadata": {"name": "p", "namespace": "a"}, "spec": spec}))
        .unwrap()
}

fn volume(spec: Value) -> PersistentVolume {
    serde_json::from_value(json!({"metadata": {"name": "v"}, "spec": spec})).unwrap()
}

fn told(needs: &[Need]) -> Vec<String> {
    let one = |need: &Need| format!("{:?} {}/{}", need.kind, need.namespace, need.name);
    needs.iter().map(one).collect()
}

#[test]
fn everything_that_a_pod_names_is_needed_once() {
    let from = |name: &str| json!({"secretKeyRef": {"name": name, "key": "k"}});
    let spec = json!({
        "serviceAccountName": "robot", "imagePullSecrets": [{"name": "pull"}],
        "containers": [{"name": "c", "envFrom": [{"configMapRef": {"name": "m1"}}, {"secretRef": {"name": "s1"}}],
                        "env": [{"name": "A", "valueFrom": from("s2")}, {"name": "B", "valueFrom": from("s2")}]}],
        "initContainers": [{"name": "i", "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m2", "key": "k"}}}]}],
        "ephemeralContainers": [{"name": "e", "envFrom": [{"secretRef": {"name": "s3"}}]}],
        "volumes": [
            {"name": "a", "secret": {"secretName": "s4"}}, {"name": "b", "configMap": {"name": "m3"}},
            {"name": "c", "persistentVolumeClaim": {"claimName": "claim"}}, {"name": "d", "ephemeral": {}},
            {"name": "e", "projected": {"sources": [{"secret": {"name": "s5"}}, {"configMap": {"name": "m4"}}]}},
            {"name": "f", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "s6"}}},
        ],
        "resourceClaims": [{"name": "x", "resourceClaimName": "devices"}, {"name": "y", "resourceClaimTemplateName": "t"}],
    });
    let mut pod = pod("n1", spec);
    pod.status = serde_json::from_value(
        json!({"resourceClaimStatuses": [{"name": "y", "resourceClaimName": "made"}]}),
    )
    .unwrap();
    let wanted = [
        "Secret a/pull",
        "Secret a/s1",
        "Secret a/s2",
        "Secret a/s3",
        "Secret a/s4",
        "Secret a/s5",
        "Secret a/s6",
        "ConfigMap a/m1",
        "ConfigMap a/m2",
        "ConfigMap a/m3",
        "ConfigMap a/m4",
        "ServiceAccount a/robot",
        "Claim a/claim",
        "Claim a/p-d",
        "ResourceClaim a/devices",
        "ResourceClaim a/made",
    ];
    assert_eq!(told(&needs("a", &pod)), wanted);
    pod.metadata.annotations = Some([(MIRROR_POD.to_owned(), "x".to_owned())].into());
    assert!(needs("a", &pod).is_empty());
}

#[test]
fn a_node_needs_what_its_pods_need_for_as_long_as_they_are_there() {
    let mut graph = NodeGraph::default();
    let with_secret = |node| {
        pod(
            node,
            json!({"volumes": [{"name": "a", "secret": {"secretName": "s"}}]}),
        )
    };
    let needs = |graph: &NodeGraph, node| graph.needs(node, Kind::Secret, "a", "s");
    graph.put_pod("a", "p", &with_secret("n1"));
    graph.put_pod("a", "q", &with_secret("n1"));
    graph.put_pod("a", "r", &with_secret("n2"));
    assert!(needs(&graph, "n1") && needs(&graph, "n2") && !needs(&graph, "n3"));
    assert!(!graph.needs("n1", Kind::ConfigMap, "a", "s"));
    assert!(!graph.needs("n1", Kind::Secret, "b", "s"));
    graph.remove_pod("a", "p");
    assert!(needs(&graph, "n1"));
    graph.remove_pod("a", "q");
    assert!(!needs(&graph, "n1") && needs(&graph, "n2"));
    // A pod of the same name elsewhere is another.
    graph.put_pod("a", "r", &with_secret("n3"));
    assert!(!needs(&graph, "n2") && needs(&graph, "n3"));
    graph.put_pod("a", "r", &with_secret(""));
    assert_eq!(graph.held(), 0);
}

#[test]
fn a_volume_goes_where_its_claim_goes_and_its_secrets_with_it() {
    let mut graph = NodeGraph::default();
    let claim = json!({"namespace": "a", "name": "claim"});
    let csi = json!({"driver": "d", "volumeHandle": "h", "nodeStageSecretRef": {"namespace": "x", "name": "stage"},
                     "controllerExpandSecretRef": {"namespace": "x", "name": "grow"}});
    graph.put_volume("v", &volume(json!({"claimRef": claim, "csi": csi})));
    let needs = |graph: &NodeGraph, kind, namespace, name| graph.needs("n1", kind, namespace, name);
    assert!(!needs(&graph, Kind::Volume, "", "v"));
    let user = pod(
        "n1",
        json!({"volumes": [{"name": "a", "persistentVolumeClaim": {"claimName": "claim"}}]}),
    );
    graph.put_pod("a", "p", &user);
    assert!(needs(&graph, Kind::Claim, "a", "claim"));
    assert!(needs(&graph, Kind::Volume, "", "v"));
    assert!(needs(&graph, Kind::Secret, "x", "stage"));
    assert!(!needs(&graph, Kind::Secret, "x", "grow"));
    graph.put_volume("v", &volume(json!({})));
    assert!(!needs(&graph, Kind::Volume, "", "v") && !needs(&graph, Kind::Secret, "x", "stage"));
    graph.remove_pod("a", "p");
    graph.put_of_node(Kind::Attachment, "x", "n1");
    assert!(needs(&graph, Kind::Attachment, "", "x"));
    graph.put_of_node(Kind::Attachment, "x", "n2");
    assert!(!needs(&graph, Kind::Attachment, "", "x"));
    graph.remove_of_node(Kind::Attachment, "x");
    assert_eq!(graph.held(), 0);
}

/// Group, resource, subresource, verb, namespace, name, and what is said: `yes`, or why not.
const ASKED: &[(&str, &str, &str, &str, &str, &str, &str)] = &[
    ("", "secrets", "", "get", "a", "s", "yes"),
    ("", "secrets", "", "watch", "a", "s", "yes"),
    (
        "",
        "secrets",
        "",
        "get",
        "a",
        "other",
        "no relationship found between node 'n1' and this object",
    ),
    ("", "secrets", "", "list", "a", "", "No Object name found"),
    (
        "",
        "secrets",
        "",
        "list",
        "",
        "",
        "can only read namespaced object of this type",
    ),
    (
        "",
        "secrets",
        "",
        "update",
        "a",
        "s",
        "can only read resources of this type",
    ),
    (
        "",
        "persistentvolumes",
        "",
        "list",
        "",
        "",
        "can only get individual resources of this type",
    ),
    (
        "",
        "persistentvolumeclaims",
        "status",
        "get",
        "a",
        "s",
        "can only get/update/patch this type",
    ),
    (
        "",
        "serviceaccounts",
        "token",
        "create",
        "a",
        "robot",
        "yes",
    ),
    ("", "serviceaccounts", "", "get", "a", "robot", "yes"),
    (
        "",
        "serviceaccounts",
        "",
        "create",
        "a",
        "",
        "can only create tokens for individual service accounts",
    ),
    ("", "nodes", "", "get", "", "n1", "yes"),
    (
        "",
        "nodes",
        "",
        "get",
        "",
        "n2",
        "node 'n1' cannot read 'n2', only its own Node object",
    ),
    (
        "",
        "nodes",
        "",
        "list",
        "",
        "",
        "node 'n1' cannot read all nodes, only its own Node object",
    ),
    ("", "nodes", "status", "patch", "", "n2", "yes"),
    ("", "nodes", "", "delete", "", "n1", ""),
    ("", "pods", "", "get", "a", "p", "yes"),
    (
        "",
        "pods",
        "",
        "get",
        "a",
        "q",
        "no relationship found between node 'n1' and this object",
    ),
    (
        "",
        "pods",
        "",
        "list",
        "",
        "",
        "can only list/watch pods with spec.nodeName field selector",
    ),
    ("", "pods", "eviction", "create", "a", "p", "yes"),
    ("", "pods", "binding", "create", "a", "p", ""),
    (
        "coordination.k8s.io",
        "leases",
        "",
        "update",
        "kube-node-lease",
        "n1",
        "yes",
    ),
    (
        "coordination.k8s.io",
        "leases",
        "",
        "get",
        "a",
        "n1",
        "can only access leases in the \"kube-node-lease\" system namespace",
    ),
    (
        "coordination.k8s.io",
        "leases",
        "",
        "get",
        "kube-node-lease",
        "n2",
        "can only access node lease with the same name as the requesting node",
    ),
    (
        "coordination.k8s.io",
        "leases",
        "",
        "list",
        "kube-node-lease",
        "",
        "can only get, create, update, patch, or delete a node lease",
    ),
    (
        "storage.k8s.io",
        "csinodes",
        "",
        "get",
        "",
        "n2",
        "can only access CSINode with the same name as the requesting node",
    ),
    (
        "resource.k8s.io",
        "resourceslices",
        "",
        "list",
        "",
        "",
        "can only list/watch/deletecollection resourceslices with nodeName field selector",
    ),
    ("", "services", "", "list", "", "", "yes"),
    ("", "services", "", "delete", "a", "x", ""),
    ("discovery.k8s.io", "endpointslices", "", "list", "", "", ""),
    ("", "events", "", "create", "a", "", "yes"),
];

#[test]
fn a_node_is_answered_as_kubernetes_answers_it() {
    let policy = Policy::bootstrap().unwrap();
    let rules = policy.rules_of(NODE_ROLE);
    let mut graph = NodeGraph::default();
    let spec = json!({"serviceAccountName": "robot", "volumes": [{"name": "a", "secret": {"secretName": "s"}}]});
    graph.put_pod("a", "p", &pod("n1", spec));
    let say = |node: &str, asked: &Attributes<'_>| match decide(&graph, rules, node, asked) {
        Decision::Allow(_) => "yes".to_owned(),
        Decision::NoOpinion(why) => why,
    };
    for &(group, resource, subresource, verb, namespace, name, wanted) in ASKED {
        let asked = Attributes {
            verb,
            resource_request: true,
            group,
            resource,
            subresource,
            namespace,
            name,
            ..Attributes::default()
        };
        assert_eq!(say("n1", &asked), wanted, "{asked:?}");
        let nameless = "unknown node for user \"system:node:\"";
        assert_eq!(say("", &asked), nameless);
        // Narrowed to what is its own, a node may list.
        let own = &[("spec.nodeName", "n1")][..];
        let narrowed = Attributes {
            equal_fields: own,
            ..asked
        };
        if matches!(resource, "pods" | "resourceslices") && verb == "list" {
            assert_eq!(say("n1", &narrowed), "yes");
            assert_ne!(say("n2", &narrowed), "yes");
        } else {
            assert_eq!(say("n1", &narrowed), wanted);
        }
    }
}
