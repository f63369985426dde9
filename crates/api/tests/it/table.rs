//! The built-in table.

use navarch_api::def::Verb;
use navarch_api::table::builtin;

#[test]
fn finds_by_path_and_by_kind() {
    let table = builtin();
    let by_path = table.resource("apps", "v1", "deployments").unwrap();
    let by_kind = table.kind("apps", "v1", "Deployment").unwrap();
    assert!(std::sync::Arc::ptr_eq(by_path, by_kind));
    assert!(table.resource("apps", "v2", "deployments").is_none());
    assert_eq!(table.group("apps").unwrap().preferred_version(), "v1");
}

#[test]
fn keys_have_their_buckets() {
    let deployments = builtin().resource("apps", "v1", "deployments").unwrap();
    assert_eq!(
        deployments.key(Some("default"), "web"),
        "deployments.apps/default/web"
    );
    let nodes = builtin().resource("", "v1", "nodes").unwrap();
    assert_eq!(nodes.key(Some("default"), "n1"), "nodes/n1");
    let events = builtin().resource("events.k8s.io", "v1", "events").unwrap();
    assert_eq!(events.prefix(None), "events/");
}

#[test]
fn every_column_has_a_cell_and_names_are_told_apart() {
    for row in builtin().rows() {
        assert!(!row.columns.is_empty(), "{row:?}");
        let mut names: Vec<_> = row.columns.iter().map(|column| &column.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), row.columns.len(), "{row:?}");
    }
}

#[test]
fn namespaces_are_not_deleted_together() {
    let namespaces = builtin().resource("", "v1", "namespaces").unwrap();
    assert!(!namespaces.verbs.contains(&Verb::DeleteCollection));
    let pods = builtin().resource("", "v1", "pods").unwrap();
    let subresources: Vec<_> = pods
        .subresources
        .iter()
        .map(|sub| sub.name.as_ref())
        .collect();
    assert_eq!(
        subresources,
        [
            "attach",
            "binding",
            "ephemeralcontainers",
            "eviction",
            "exec",
            "log",
            "portforward",
            "proxy",
            "resize",
            "status"
        ]
    );
}
