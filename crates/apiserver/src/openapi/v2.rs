//! OpenAPI 2, which older clients ask for: one document of everything.

use navarch_api::texts::Texts;
use serde_json::{Map, Value, json};

use super::operations::{Content, Operation, Path};
use super::parameters::Parameter;
use super::schemas::{Dialect, closure};
use super::v3::{extensions, reason};

const ROOT: &str = "#/definitions/";

/// The document of these paths and of all types that they mention.
pub(super) fn document(paths: &[Path], texts: &Texts) -> Value {
    let definitions = closure(paths, Dialect::V2, texts);
    let described: Map<String, Value> = paths
        .iter()
        .map(|path| (path.path.clone(), path_item(path)))
        .collect();
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "1.36"},
        "paths": described,
        "definitions": definitions,
        "securityDefinitions": {"BearerToken": {
            "type": "apiKey", "name": "authorization", "in": "header", "description": "Bearer Token authentication",
        }},
        "security": [{"BearerToken": []}],
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
    let mut value = json!({
        "name": parameter.name, "in": "query", "type": parameter.kind, "uniqueItems": true,
    });
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
    value.insert("schemes".into(), json!(["https"]));
    value.insert("consumes".into(), json!(operation.consumes.types()));
    value.insert("produces".into(), json!(operation.produces.types()));
    let body = operation.body.as_ref().map(|(name, required)| {
        let schema = json!({"$ref": format!("{ROOT}{name}")});
        let mut body = json!({"name": "body", "in": "body", "schema": schema});
        if let (true, Some(fields)) = (*required, body.as_object_mut()) {
            fields.insert("required".into(), true.into());
        }
        body
    });
    let own = operation.parameters.iter();
    let own = own.filter(|p| !common.contains(p)).map(parameter);
    let parameters: Vec<Value> = body.into_iter().chain(own).collect();
    if !parameters.is_empty() {
        value.insert("parameters".into(), parameters.into());
    }
    let schema = match &operation.answer {
        Content::Type(name) => json!({"$ref": format!("{ROOT}{name}")}),
        Content::Text => json!({"type": "string"}),
    };
    let mut responses = Map::new();
    for code in operation.codes {
        let response = json!({"description": reason(*code), "schema": schema});
        responses.insert(code.to_string(), response);
    }
    responses.insert("401".into(), json!({"description": reason(401)}));
    value.insert("responses".into(), responses.into());
    extensions(operation, &mut value);
    value.into()
}
