//! The older form: a document a group and a document a version.

use std::net::SocketAddr;

use navarch_api::def::{ResourceDef, Subresource};
use navarch_api::table::{Group, Table, Version};
use serde_json::{Map, Value, json};

use super::verbs::{body, storage_version_hash, verbs, words};

/// `/api`.
pub(super) fn versions(table: &Table, advertise: SocketAddr) -> Value {
    let versions: Vec<&str> = table
        .group("")
        .into_iter()
        .flat_map(|core| core.versions())
        .map(|(name, _)| name)
        .collect();
    json!({
        "kind": "APIVersions",
        "versions": versions,
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": advertise.to_string()}],
    })
}

/// `/apis`.
pub(super) fn groups(table: &Table) -> Value {
    let groups: Vec<Value> = table
        .groups()
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, held)| group(name, held, false))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`, or its part of `/apis`.
pub(super) fn group(name: &str, group: &Group, alone: bool) -> Value {
    let version =
        |version: &str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let versions: Vec<Value> = group.versions().map(|(name, _)| version(name)).collect();
    let mut value = json!({"name": name, "versions": versions, "preferredVersion": version(group.preferred_version())});
    if let (true, Some(fields)) = (alone, value.as_object_mut()) {
        fields.insert("kind".into(), "APIGroup".into());
        fields.insert("apiVersion".into(), "v1".into());
    }
    value
}

/// `/apis/GROUP/VERSION`.
pub(super) fn resources(group: &str, version: &str, held: &Version) -> Value {
    let mut resources: Vec<Value> = Vec::new();
    for def in held.resources() {
        resources.push(resource(def));
        resources.extend(def.subresources.iter().map(|sub| subresource(def, sub)));
    }
    let name = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    let mut value =
        json!({"kind": "APIResourceList", "groupVersion": name, "resources": resources});
    if let (false, Some(fields)) = (group.is_empty(), value.as_object_mut()) {
        fields.insert("apiVersion".into(), "v1".into());
    }
    value
}

fn resource(def: &ResourceDef) -> Value {
    let mut value = Map::new();
    value.insert("name".into(), (*def.plural).into());
    value.insert("singularName".into(), (*def.singular).into());
    value.insert("namespaced".into(), def.is_namespaced().into());
    value.insert("kind".into(), (*def.kind).into());
    value.insert("verbs".into(), verbs(&def.verbs).into());
    let optional = [
        ("shortNames", words(&def.short_names)),
        ("categories", words(&def.categories)),
        (
            "storageVersionHash",
            storage_version_hash(def).map(Into::into),
        ),
    ];
    for (key, found) in optional {
        if let Some(found) = found {
            value.insert(key.into(), found);
        }
    }
    value.into()
}

fn subresource(def: &ResourceDef, sub: &Subresource) -> Value {
    let (group, version, kind) = body(def, sub);
    let mut value = json!({
        "name": format!("{}/{}", def.plural, sub.name),
        "singularName": "",
        "namespaced": def.is_namespaced(),
        "kind": kind,
        "verbs": verbs(&sub.verbs),
    });
    let own = (group, version) == (&*def.group, &*def.version);
    if let (false, Some(fields)) = (own, value.as_object_mut()) {
        fields.insert("group".into(), group.into());
        fields.insert("version".into(), version.into());
    }
    value
}
