//! The schemas of all types that a group's resources are made of.

use std::collections::BTreeMap;

use navarch_api::schema::schema;
use navarch_api::table::Table;
use navarch_machinery::schema::{Field, ListType, Shape, Type, TypeId};
use serde_json::{Map, Value, json};

/// Types that no resource names and every client asks for.
const ALWAYS: &[&str] = &[
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta",
];
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// The full name of a kind's type.
pub(super) fn name_of(group: &str, version: &str, kind: &str) -> Option<&'static str> {
    let types = schema();
    types.kind(group, version, kind).map(|id| &*types[id].name)
}

/// All schemas that the table's resources need, by name. `root`: what a reference begins with.
pub(super) fn schemas(table: &Table, root: &str) -> BTreeMap<String, Value> {
    let types = schema();
    let mut made = BTreeMap::new();
    let mut open: Vec<TypeId> = ALWAYS.iter().filter_map(|name| types.id(name)).collect();
    for def in table.rows() {
        open.extend(types.kind(&def.group, &def.version, &def.kind));
        for (group, version, kind) in def.subresources.iter().filter_map(|sub| sub.body.as_ref()) {
            open.extend(types.kind(group, version, kind));
        }
    }
    while let Some(id) = open.pop() {
        let ty = &types[id];
        if made.contains_key(&*ty.name) {
            continue;
        }
        made.insert(ty.name.to_string(), schema_of(ty, root));
        ty.fields()
            .iter()
            .for_each(|field| references(&field.shape, &mut open));
    }
    for def in table.rows().filter(|def| {
        !def.verbs
            .iter()
            .all(|verb| *verb == navarch_api::def::Verb::Create)
    }) {
        if let Some(item) = name_of(&def.group, &def.version, &def.kind) {
            let kind = json!([{"group": def.group, "version": def.version, "kind": def.list_kind}]);
            made.insert(format!("{item}List"), list(item, root, &kind));
        }
    }
    made
}

fn references(shape: &Shape, open: &mut Vec<TypeId>) {
    match shape {
        Shape::Struct(id) => open.push(*id),
        Shape::List(inner) | Shape::Map(inner) => references(inner, open),
        _ => {}
    }
}

fn list(item: &str, root: &str, kind: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"allOf": [{"$ref": format!("{root}{LIST_META}")}], "default": {}},
            "items": {"type": "array", "items": {"allOf": [{"$ref": format!("{root}{item}")}], "default": {}}},
        },
        "x-kubernetes-group-version-kind": kind,
    })
}

fn schema_of(ty: &Type, root: &str) -> Value {
    let types = schema();
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in ty.fields() {
        properties.insert(
            field.name.to_string(),
            property(field, &|id| format!("{root}{}", types[id].name)),
        );
        if field.required {
            required.push(field.name.to_string());
        }
    }
    let mut value = Map::from_iter([("type".to_owned(), Value::from("object"))]);
    if !properties.is_empty() {
        value.insert("properties".into(), properties.into());
    }
    if !required.is_empty() {
        value.insert("required".into(), required.into());
    }
    if ty.atomic {
        value.insert("x-kubernetes-map-type".into(), "atomic".into());
    }
    if !ty.kinds.is_empty() {
        let kinds: Vec<Value> = ty
            .kinds
            .iter()
            .map(|kind| json!({"group": kind.group, "version": kind.version, "kind": kind.kind}))
            .collect();
        value.insert("x-kubernetes-group-version-kind".into(), kinds.into());
    }
    value.into()
}

fn property(field: &Field, reference: &dyn Fn(TypeId) -> String) -> Value {
    let mut value = shape(&field.shape, reference, field.default.is_some());
    let Some(fields) = value.as_object_mut() else {
        return value;
    };
    if let Some(default) = field
        .default
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
    {
        fields.insert("default".into(), default);
    }
    if !field.values.is_empty() {
        fields.insert(
            "enum".into(),
            field
                .values
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .into(),
        );
    }
    if let Some(kind) = field.list_type {
        let word = match kind {
            ListType::Atomic => "atomic",
            ListType::Set => "set",
            ListType::Map => "map",
        };
        fields.insert("x-kubernetes-list-type".into(), word.into());
    }
    if !field.list_keys.is_empty() {
        let keys: Vec<String> = field.list_keys.iter().map(ToString::to_string).collect();
        fields.insert("x-kubernetes-list-map-keys".into(), keys.into());
    }
    if let Some(atomic) = field.map_atomic {
        fields.insert(
            "x-kubernetes-map-type".into(),
            if atomic { "atomic" } else { "granular" }.into(),
        );
    }
    let strategies = [
        (field.patch.merge, "merge"),
        (field.patch.replace, "replace"),
        (field.patch.retain_keys, "retainKeys"),
    ];
    let strategies: Vec<&str> = strategies
        .into_iter()
        .filter_map(|(set, word)| set.then_some(word))
        .collect();
    if !strategies.is_empty() {
        fields.insert(
            "x-kubernetes-patch-strategy".into(),
            strategies.join(",").into(),
        );
    }
    if let Some(key) = &field.merge_key {
        fields.insert(
            "x-kubernetes-patch-merge-key".into(),
            key.to_string().into(),
        );
    }
    value
}

fn shape(shape_of: &Shape, reference: &dyn Fn(TypeId) -> String, beside: bool) -> Value {
    match shape_of {
        Shape::String => json!({"type": "string"}),
        Shape::Int32 => json!({"type": "integer", "format": "int32"}),
        Shape::Int64 => json!({"type": "integer", "format": "int64"}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Double => json!({"type": "number", "format": "double"}),
        Shape::Bytes => json!({"type": "string", "format": "byte"}),
        Shape::Any => json!({"x-kubernetes-preserve-unknown-fields": true}),
        Shape::IntOrString => {
            json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]})
        }
        Shape::Quantity => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
        Shape::Time | Shape::MicroTime => json!({"type": "string", "format": "date-time"}),
        // What stands beside a reference would be ignored.
        Shape::Struct(id) if beside => json!({"allOf": [{"$ref": reference(*id)}]}),
        Shape::Struct(id) => json!({"$ref": reference(*id)}),
        Shape::List(inner) => json!({"type": "array", "items": shape(inner, reference, false)}),
        Shape::Map(inner) => {
            json!({"type": "object", "additionalProperties": shape(inner, reference, false)})
        }
    }
}
