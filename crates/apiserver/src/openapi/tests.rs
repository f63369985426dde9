use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

fn documents() -> Documents {
    Documents::new(navarch_api::table::builtin())
}

fn read(document: &Kept) -> Value {
    serde_json::from_slice(&document.unpacked()).unwrap()
}

/// All references of a document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(to)) = members.get("$ref") {
                found.insert(to.clone());
            }
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn nothing_is_referred_to_that_is_not_there() {
    let documents = documents();
    let all = documents
        .parts()
        .keys()
        .map(|path| format!("/openapi/v3/{path}"));
    for path in all.chain(["/openapi/v2".to_owned()]) {
        let document = read(documents.document(&path).unwrap());
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in found {
            // The last part has dots and no slashes.
            let there = document.pointer(reference.trim_start_matches('#'));
            assert!(there.is_some(), "{path} lacks {reference}");
        }
    }
}

#[test]
fn operations_have_the_names_that_clients_know() {
    let documents = documents();
    let v2 = read(documents.document("/openapi/v2").unwrap());
    let id = |path: &str, method: &str| v2["paths"][path][method]["operationId"].clone();
    assert_eq!(id("/api/v1/pods", "get"), "listCoreV1PodForAllNamespaces");
    let pods = "/api/v1/namespaces/{namespace}/pods";
    assert_eq!(id(pods, "post"), "createCoreV1NamespacedPod");
    assert_eq!(id(pods, "delete"), "deleteCoreV1CollectionNamespacedPod");
    let scale = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale";
    assert_eq!(id(scale, "patch"), "patchAppsV1NamespacedDeploymentScale");
    let proxy = "/api/v1/nodes/{name}/proxy/{path}";
    assert_eq!(id(proxy, "put"), "connectCoreV1PutNodeProxyWithPath");
    let ids: Vec<String> = v2["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str().map(ToOwned::to_owned))
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[test]
fn the_index_tells_hashes() {
    let documents = documents();
    let index = read(documents.document("/openapi/v3").unwrap());
    let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
        .as_str()
        .unwrap();
    let (path, hash) = url.split_once("?hash=").unwrap();
    assert_eq!(documents.document(path).unwrap().hash, hash);
}

#[test]
fn the_message_begins_with_its_version() {
    let message = documents().v2_protobuf().unpacked();
    assert!(message.starts_with(b"\x0a\x032.0\x12\x12\x0a\x0aKubernetes\x12\x041.36"));
}

#[test]
fn lists_say_what_they_are() {
    let v2 = read(documents().document("/openapi/v2").unwrap());
    let list = &v2["definitions"]["io.k8s.api.core.v1.PodList"];
    assert_eq!(list["description"], "PodList is a list of Pod objects.");
    let of = |kind: &str| {
        v2["definitions"][format!("io.k8s.api.core.v1.{kind}")]["properties"]["kind"].clone()
    };
    assert!(of("Pod")["description"].is_string());
    assert_eq!(of("PodList"), of("Pod"));
}
