//! The paths of a group's resources: what kubectl asks before it validates, applies or explains.

use navarch_api::def::{ResourceDef, Verb};
use navarch_api::table::Table;
use serde_json::{Map, Value, json};

use super::schemas::name_of;

const PATCHES: &[&str] = &[
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

/// All paths below `/PREFIX/`.
pub(super) fn paths(prefix: &str, table: &Table) -> Map<String, Value> {
    let mut paths = Map::new();
    for def in table.rows() {
        let Some(schema) = name_of(&def.group, &def.version, &def.kind) else {
            continue;
        };
        let place = if def.is_namespaced() {
            "namespaces/{namespace}/"
        } else {
            ""
        };
        let collection = format!("/{prefix}/{place}{}", def.plural);
        if def.is_namespaced() && def.verbs.contains(&Verb::List) {
            paths.insert(
                format!("/{prefix}/{}", def.plural),
                item(def, schema, &[Verb::List], false),
            );
        }
        paths.insert(
            collection.clone(),
            item(
                def,
                schema,
                &of(def, &[Verb::DeleteCollection, Verb::List, Verb::Create]),
                true,
            ),
        );
        let named = of(def, &[Verb::Delete, Verb::Get, Verb::Patch, Verb::Update]);
        if !named.is_empty() {
            paths.insert(
                format!("{collection}/{{name}}"),
                item(def, schema, &named, true),
            );
        }
        for sub in &def.subresources {
            let body = sub
                .body
                .as_ref()
                .and_then(|(group, version, kind)| name_of(group, version, kind))
                .unwrap_or(schema);
            paths.insert(
                format!("{collection}/{{name}}/{}", sub.name),
                item(def, body, &sub.verbs, true),
            );
        }
    }
    paths
}

fn of(def: &ResourceDef, verbs: &[Verb]) -> Vec<Verb> {
    verbs
        .iter()
        .copied()
        .filter(|verb| def.verbs.contains(verb))
        .collect()
}

fn item(def: &ResourceDef, schema: &str, verbs: &[Verb], one: bool) -> Value {
    let mut item = Map::new();
    for verb in verbs {
        if let Some((method, action)) = method(*verb) {
            item.insert(method.into(), operation(def, schema, *verb, action));
        }
    }
    let text = |name: &str, place: &str, required: bool| json!({"name": name, "in": place, "required": required, "schema": {"type": "string"}});
    let mut parameters = vec![text("pretty", "query", false)];
    if one && def.is_namespaced() {
        parameters.push(text("namespace", "path", true));
    }
    item.insert("parameters".into(), parameters.into());
    item.into()
}

fn method(verb: Verb) -> Option<(&'static str, &'static str)> {
    match verb {
        Verb::Create => Some(("post", "post")),
        Verb::Delete => Some(("delete", "delete")),
        Verb::DeleteCollection => Some(("delete", "deletecollection")),
        Verb::Get => Some(("get", "get")),
        Verb::List => Some(("get", "list")),
        Verb::Patch => Some(("patch", "patch")),
        Verb::Update => Some(("put", "put")),
        Verb::Watch => None,
    }
}

fn operation(def: &ResourceDef, schema: &str, verb: Verb, action: &str) -> Value {
    let reference =
        |name: &str| json!({"schema": {"$ref": format!("#/components/schemas/{name}")}});
    let answer = if verb == Verb::List {
        format!("{schema}List")
    } else {
        schema.to_owned()
    };
    let mut operation = json!({
        "tags": [tag(def)],
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": def.group, "version": def.version, "kind": def.kind},
        "responses": {"200": {"description": "OK", "content": {
            "application/json": reference(&answer), "application/yaml": reference(&answer),
        }}},
    });
    let content: Option<Map<String, Value>> = match verb {
        Verb::Create | Verb::Update => {
            Some(Map::from_iter([("*/*".to_owned(), reference(schema))]))
        }
        Verb::Patch => Some(
            PATCHES
                .iter()
                .map(|media| ((*media).to_owned(), json!({"schema": {"type": "object"}})))
                .collect(),
        ),
        _ => None,
    };
    let Some(fields) = operation.as_object_mut() else {
        return operation;
    };
    if let Some(content) = content {
        fields.insert(
            "requestBody".into(),
            json!({"required": true, "content": content}),
        );
        let options = ["dryRun", "fieldManager", "fieldValidation"];
        let parameters: Vec<Value> =
            options.iter().map(|name| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}})).collect();
        fields.insert("parameters".into(), parameters.into());
    }
    operation
}

fn tag(def: &ResourceDef) -> String {
    let group = if def.group.is_empty() {
        "core"
    } else {
        def.group.split('.').next().unwrap_or_default()
    };
    format!("{group}_{}", def.version)
}
