//! OpenAPI 3: a document a group and version.

use navarch_api::texts::Texts;
use serde_json::{Map, Value, json};

use super::operations::{Content, Media, Operation, Path};
use super::parameters::Parameter;
use super::schemas::{Dialect, closure};

const ROOT: &str = "#/components/schemas/";

/// The document of these paths and of all types that they mention.
pub(super) fn document(paths: &[Path], texts: &Texts) -> Value {
    let schemas = closure(paths, Dialect::V3, texts);
    let described: Map<String, Value> = paths
        .iter()
        .map(|path| (path.path.clone(), path_item(path)))
        .collect();
    let security = json!({"BearerToken": {
        "type": "apiKey", "name": "authorization", "in": "header", "description": "Bearer Token authentication",
    }});
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": described,
        "components": {"schemas": schemas, "securitySchemes": security},
    })
}

fn path_item(path: &Path) -> Value {
    let common = path.common();
    let mut item: Map<String, Value> = path
        .operations
        .iter()
        .map(|operation| (operation.method.to_owned(), describe(operation, &common)))
        .collect();
    if !common.is_empty() {
        item.insert("parameters".into(), common.iter().map(parameter).collect());
    }
    item.into()
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = json!({"type": parameter.kind, "uniqueItems": true});
    let mut value = json!({"name": parameter.name, "in": "query", "schema": schema});
    if let (true, Some(fields)) = (parameter.in_path, value.as_object_mut()) {
        fields.insert("in".into(), "path".into());
        fields.insert("required".into(), true.into());
    }
    value
}

fn describe(operation: &Operation, common: &[Parameter]) -> Value {
    let mut value = Map::new();
    value.insert("tags".into(), json!([operation.tag]));
    value.insert("operationId".into(), operation.id.clone().into());
    let own = operation.parameters.iter();
    let own: Vec<Value> = own.filter(|p| !common.contains(p)).map(parameter).collect();
    if !own.is_empty() {
        value.insert("parameters".into(), own.into());
    }
    if let Some((name, required)) = &operation.body {
        let mut body =
            json!({"content": content(operation.consumes, &Content::Type(name.clone()))});
        if let (true, Some(fields)) = (*required, body.as_object_mut()) {
            fields.insert("required".into(), true.into());
        }
        value.insert("requestBody".into(), body);
    }
    let mut responses = Map::new();
    for code in operation.codes {
        let content = content(operation.produces, &operation.answer);
        let response = json!({"description": reason(*code), "content": content});
        responses.insert(code.to_string(), response);
    }
    responses.insert("401".into(), json!({"description": reason(401)}));
    value.insert("responses".into(), responses.into());
    extensions(operation, &mut value);
    value.into()
}

fn content(media: Media, what: &Content) -> Value {
    let schema = match what {
        Content::Type(name) => json!({"$ref": format!("{ROOT}{name}")}),
        Content::Text => json!({"type": "string"}),
    };
    let types = media.types().iter();
    types
        .map(|media| ((*media).to_owned(), json!({"schema": schema})))
        .collect::<Map<_, _>>()
        .into()
}

/// What a code is called.
pub(super) fn reason(code: u16) -> &'static str {
    match code {
        201 => "Created",
        202 => "Accepted",
        401 => "Unauthorized",
        _ => "OK",
    }
}

/// What Kubernetes says of an operation beside OpenAPI.
pub(super) fn extensions(operation: &Operation, value: &mut Map<String, Value>) {
    if let Some(action) = operation.action {
        value.insert("x-kubernetes-action".into(), action.into());
    }
    if let Some([group, version, kind]) = &operation.kind {
        let kind = json!({"group": group, "version": version, "kind": kind});
        value.insert("x-kubernetes-group-version-kind".into(), kind);
    }
}
