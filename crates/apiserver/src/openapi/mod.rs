//! `/openapi/v3` and `/openapi/v2`: the shapes of what is served, from the table and the schema of all types.
//!
//! A document is made when it is first asked for, and kept.

mod paths;
mod schemas;
mod v2;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use navarch_api::table::Table;
use serde_json::{Value, json};

use crate::discovery::Document;

/// The documents.
pub(crate) struct Documents {
    groups: BTreeMap<String, (Table, OnceLock<Document>)>,
    index: OnceLock<Document>,
    v2: OnceLock<Document>,
    table: Table,
}

impl Documents {
    pub(crate) fn new(table: &Table) -> Self {
        let mut groups = BTreeMap::new();
        for (group, held) in table.groups() {
            for (version, resources) in held.versions() {
                let path = if group.is_empty() {
                    format!("api/{version}")
                } else {
                    format!("apis/{group}/{version}")
                };
                let part = Table::new(resources.resources().map(|def| (**def).clone()));
                groups.insert(path, (part, OnceLock::new()));
            }
        }
        Self {
            groups,
            index: OnceLock::new(),
            v2: OnceLock::new(),
            table: table.clone(),
        }
    }

    /// The document at a path.
    pub(crate) fn document(&self, path: &str) -> Option<&Document> {
        match path {
            "/openapi/v3" | "/openapi/v3/" => Some(self.index.get_or_init(|| self.make_index())),
            "/openapi/v2" => Some(self.v2.get_or_init(|| v2::document(&self.table))),
            _ => self.group(path.strip_prefix("/openapi/v3/")?),
        }
    }

    fn group(&self, path: &str) -> Option<&Document> {
        let (table, made) = self.groups.get(path)?;
        Some(made.get_or_init(|| make(path, table)))
    }

    /// Tells of each document its address, with the hash of what it holds: clients keep it for as long as that holds.
    fn make_index(&self) -> Document {
        let mut paths = serde_json::Map::new();
        for path in self.groups.keys() {
            let hash = self
                .group(path)
                .map(|document| document.etag.trim_matches('"').to_owned())
                .unwrap_or_default();
            paths.insert(
                path.clone(),
                json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}")}),
            );
        }
        Document::json(&json!({"paths": paths}), "application/json")
    }
}

fn make(path: &str, table: &Table) -> Document {
    let schemas = schemas::schemas(table, "#/components/schemas/");
    let security = json!({"BearerToken": {
        "type": "apiKey", "name": "authorization", "in": "header", "description": "Bearer Token authentication",
    }});
    let document: Value = json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": paths::paths(path, table),
        "components": {"schemas": schemas, "securitySchemes": security},
    });
    Document::json(&document, "application/json")
}
