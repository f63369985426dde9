//! The newer form: all groups in one document.

use navarch_api::def::{ResourceDef, Subresource};
use navarch_api::table::{Table, Version};
use serde_json::{Value, json};

use super::verbs::{body, verbs, words};

/// The core group, or all others.
pub(super) fn list(table: &Table, core: bool) -> Value {
    let items: Vec<Value> = table
        .groups()
        .filter(|(name, _)| name.is_empty() == core)
        .map(|(name, group)| {
            let versions: Vec<Value> = group
                .versions()
                .map(|(version, held)| version_of(version, held))
                .collect();
            let metadata = if name.is_empty() {
                json!({})
            } else {
                json!({"name": name})
            };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn version_of(version: &str, held: &Version) -> Value {
    let resources: Vec<Value> = held.resources().map(|def| resource(def)).collect();
    json!({"version": version, "resources": resources, "freshness": "Current"})
}

/// A kind that says no group and version is of those that it is told in.
fn resource(def: &ResourceDef) -> Value {
    let mut value = json!({
        "resource": def.plural,
        "responseKind": {"group": "", "version": "", "kind": def.kind},
        "scope": if def.is_namespaced() { "Namespaced" } else { "Cluster" },
        "singularResource": def.singular,
        "verbs": verbs(&def.verbs),
    });
    let subresources: Vec<Value> = def
        .subresources
        .iter()
        .map(|sub| subresource(def, sub))
        .collect();
    let optional = [
        ("shortNames", words(&def.short_names)),
        ("categories", words(&def.categories)),
        (
            "subresources",
            (!subresources.is_empty()).then(|| subresources.into()),
        ),
    ];
    for (key, found) in optional {
        if let (Some(found), Some(fields)) = (found, value.as_object_mut()) {
            fields.insert(key.into(), found);
        }
    }
    value
}

fn subresource(def: &ResourceDef, sub: &Subresource) -> Value {
    let (mut group, mut version, kind) = body(def, sub);
    if (group, version) == (&*def.group, &*def.version) {
        (group, version) = ("", "");
    }
    json!({
        "subresource": sub.name,
        "responseKind": {"group": group, "version": version, "kind": kind},
        "verbs": verbs(&sub.verbs),
    })
}
