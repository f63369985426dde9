//! The schemas of all types that a document mentions.

use std::collections::BTreeMap;

use navarch_api::schema::schema;
use navarch_api::texts::Texts;
use navarch_machinery::schema::{Either, Field, ListType, Shape, Type};
use serde_json::{Map, Value, json};

use super::lists::ListOf;
use super::operations::{Content, Path};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const EXTENSIONS: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1";

const KINDS: &str = "x-kubernetes-group-version-kind";

/// The version of OpenAPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Without defaults; nothing stands beside a reference.
    V2,
    /// Without enums; a reference in a struct is wrapped, so that something may stand beside it.
    V3,
}

impl Dialect {
    fn reference(self, name: &str) -> Value {
        let root = match self {
            Self::V2 => "#/definitions/",
            Self::V3 => "#/components/schemas/",
        };
        json!({"$ref": format!("{root}{name}")})
    }
}

/// The full name of a kind's type.
pub(super) fn name_of(group: &str, version: &str, kind: &str) -> Option<&'static str> {
    let types = schema();
    types.kind(group, version, kind).map(|id| &*types[id].name)
}

/// The schemas of all types that these paths mention, and of those that these mention, by name.
pub(super) fn closure(paths: &[Path], dialect: Dialect, texts: &Texts) -> BTreeMap<String, Value> {
    let mut made = BTreeMap::new();
    let mut open: Vec<String> = Vec::new();
    for operation in paths.iter().flat_map(|path| &path.operations) {
        open.extend(operation.body.iter().map(|(name, _)| name.clone()));
        if let Content::Type(name) = &operation.answer {
            open.push(name.clone());
        }
    }
    while let Some(name) = open.pop() {
        if made.contains_key(&name) {
            continue;
        }
        if let Some(ty) = schema().get(&name) {
            for field in ty.fields() {
                open.extend(mentioned(ty, field, &field.shape));
            }
            let mut value = schema_of(ty, dialect, texts);
            if let (true, Some(fields)) = (of_every_group(&name), value.as_object_mut()) {
                fields.insert(KINDS.into(), kinds_of_every_group(&name, paths));
            }
            made.insert(name, value);
        } else if let Some(mut value) = special(&name, dialect) {
            describe(texts.of_type(&name), &mut value);
            if let Some(item) = name.strip_prefix(EXTENSIONS) {
                open.extend(item.contains("PropsOr").then(props));
            }
            made.insert(name, value);
        }
    }
    made
}

/// Whether a type is a kind of every group and version.
fn of_every_group(name: &str) -> bool {
    let kind = name
        .strip_prefix(META)
        .map(|kind| kind.trim_start_matches('.'));
    matches!(kind, Some("DeleteOptions" | "WatchEvent"))
}

/// The kinds that such a type is in a document: of the core, and of each group and version whose paths it tells.
fn kinds_of_every_group(name: &str, paths: &[Path]) -> Value {
    let kind = name.rsplit('.').next().unwrap_or_default();
    let told = paths.iter().filter_map(|path| {
        let address = path.path.strip_prefix("/apis/")?.strip_suffix('/')?;
        address
            .split_once('/')
            .filter(|(_, version)| !version.contains('/'))
    });
    let mut all: Vec<(&str, &str)> = told.collect();
    all.push(("", "v1"));
    all.sort_unstable();
    all.into_iter()
        .map(|(group, version)| json!({"group": group, "version": version, "kind": kind}))
        .collect()
}

fn props() -> String {
    format!("{EXTENSIONS}.JSONSchemaProps")
}

/// The name of the type that a field mentions, if its shape has one.
fn mentioned(ty: &Type, field: &Field, shape: &Shape) -> Option<String> {
    let name = match shape {
        Shape::List(inner) | Shape::Map(inner) => return mentioned(ty, field, inner),
        Shape::Struct(id) => return Some(schema()[*id].name.to_string()),
        Shape::IntOrString => "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
        Shape::Quantity => "io.k8s.apimachinery.pkg.api.resource.Quantity",
        Shape::Time => return Some(format!("{META}.Time")),
        Shape::MicroTime => return Some(format!("{META}.MicroTime")),
        Shape::Any => match field.either {
            Some(Either::List) => return Some(format!("{EXTENSIONS}.JSONSchemaPropsOrArray")),
            Some(Either::Bool) => return Some(format!("{EXTENSIONS}.JSONSchemaPropsOrBool")),
            Some(Either::Strings) => {
                return Some(format!("{EXTENSIONS}.JSONSchemaPropsOrStringArray"));
            }
            None if field.name == "fieldsV1" => return Some(format!("{META}.FieldsV1")),
            None if ty.name.starts_with(EXTENSIONS) => return Some(format!("{EXTENSIONS}.JSON")),
            None => "io.k8s.apimachinery.pkg.runtime.RawExtension",
        },
        Shape::String
        | Shape::Int32
        | Shape::Int64
        | Shape::Bool
        | Shape::Double
        | Shape::Bytes => return None,
    };
    Some(name.to_owned())
}

/// The schema of a type that is no struct.
fn special(name: &str, dialect: Dialect) -> Option<Value> {
    let is_v2 = dialect == Dialect::V2;
    Some(match name.rsplit('.').next()? {
        "Quantity" if is_v2 => json!({"type": "string"}),
        "Quantity" => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
        "IntOrString" if is_v2 => json!({"type": "string", "format": "int-or-string"}),
        "IntOrString" => {
            json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]})
        }
        "Time" | "MicroTime" => json!({"type": "string", "format": "date-time"}),
        "FieldsV1" | "RawExtension" | "Patch" => json!({"type": "object"}),
        "JSON"
        | "JSONSchemaPropsOrArray"
        | "JSONSchemaPropsOrBool"
        | "JSONSchemaPropsOrStringArray" => json!({}),
        _ => return None,
    })
}

/// Adds what Kubernetes says of it.
fn describe(text: Option<&str>, value: &mut Value) {
    if let (Some(text), Some(fields)) = (text, value.as_object_mut()) {
        fields.insert("description".into(), text.into());
    }
}

fn schema_of(ty: &Type, dialect: Dialect, texts: &Texts) -> Value {
    let list = ListOf::new(ty, texts);
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in ty.fields() {
        let mut value = property(ty, field, dialect);
        let of_list = list.as_ref().and_then(|list| list.field(&field.name));
        let text = texts.of_field(&ty.name, &field.name);
        describe(text.or(of_list.as_deref()), &mut value);
        properties.insert(field.name.to_string(), value);
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
    let unions = ty.unions.as_deref();
    if let Some(unions) = unions.and_then(|json| serde_json::from_str(json).ok()) {
        value.insert("x-kubernetes-unions".into(), unions);
    }
    if !ty.kinds.is_empty() {
        let kinds: Vec<Value> = ty
            .kinds
            .iter()
            .map(|kind| json!({"group": kind.group, "version": kind.version, "kind": kind.kind}))
            .collect();
        value.insert(KINDS.into(), kinds.into());
    }
    let mut value = value.into();
    let of_list = list.map(|list| list.text());
    describe(texts.of_type(&ty.name).or(of_list.as_deref()), &mut value);
    value
}

fn property(ty: &Type, field: &Field, dialect: Dialect) -> Value {
    let plain = shape(ty, field, &field.shape, dialect);
    // What stands beside a reference would be ignored.
    let value = match (dialect, plain.get("$ref")) {
        (Dialect::V3, Some(_)) => json!({"allOf": [plain]}),
        _ => plain,
    };
    let Value::Object(mut fields) = value else {
        return value;
    };
    let default = field.default.as_deref();
    if let (Dialect::V3, Some(default)) =
        (dialect, default.and_then(|d| serde_json::from_str(d).ok()))
    {
        fields.insert("default".into(), default);
    }
    if dialect == Dialect::V2 && !field.values.is_empty() {
        let values: Vec<&str> = field.values.iter().map(|value| &**value).collect();
        match fields.get_mut("items").and_then(Value::as_object_mut) {
            Some(items) => items.insert("enum".into(), values.into()),
            None => fields.insert("enum".into(), values.into()),
        };
    }
    merging(field, &mut fields);
    fields.into()
}

/// How a field is merged.
fn merging(field: &Field, fields: &mut Map<String, Value>) {
    if let Some(kind) = field.list_type {
        let word = match kind {
            ListType::Atomic => "atomic",
            ListType::Set => "set",
            ListType::Map => "map",
        };
        fields.insert("x-kubernetes-list-type".into(), word.into());
    }
    if !field.list_keys.is_empty() {
        let keys: Vec<&str> = field.list_keys.iter().map(|key| &**key).collect();
        fields.insert("x-kubernetes-list-map-keys".into(), keys.into());
    }
    if let Some(atomic) = field.map_atomic {
        let word = if atomic { "atomic" } else { "granular" };
        fields.insert("x-kubernetes-map-type".into(), word.into());
    }
    let strategies: Vec<&str> = [
        (field.patch.merge, "merge"),
        (field.patch.replace, "replace"),
        (field.patch.retain_keys, "retainKeys"),
    ]
    .into_iter()
    .filter_map(|(set, word)| set.then_some(word))
    .collect();
    if !strategies.is_empty() {
        let words = strategies.join(",");
        fields.insert("x-kubernetes-patch-strategy".into(), words.into());
    }
    if let Some(key) = &field.merge_key {
        fields.insert("x-kubernetes-patch-merge-key".into(), (**key).into());
    }
}

fn shape(ty: &Type, field: &Field, of: &Shape, dialect: Dialect) -> Value {
    match of {
        Shape::String => json!({"type": "string"}),
        Shape::Int32 => json!({"type": "integer", "format": "int32"}),
        Shape::Int64 => json!({"type": "integer", "format": "int64"}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Double => json!({"type": "number", "format": "double"}),
        Shape::Bytes => json!({"type": "string", "format": "byte"}),
        Shape::List(inner) => {
            json!({"type": "array", "items": shape(ty, field, inner, dialect)})
        }
        Shape::Map(inner) => {
            json!({"type": "object", "additionalProperties": shape(ty, field, inner, dialect)})
        }
        of => mentioned(ty, field, of).map_or_else(|| json!({}), |name| dialect.reference(&name)),
    }
}
