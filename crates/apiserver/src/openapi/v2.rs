//! `/openapi/v2`: the schemas in the older form, for clients that ask for nothing newer.

use navarch_api::table::Table;
use serde_json::json;

use super::schemas::schemas;
use crate::discovery::Document;

pub(super) fn document(table: &Table) -> Document {
    let document = json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": {},
        "definitions": schemas(table, "#/definitions/"),
    });
    Document::json(&document, "application/json")
}
