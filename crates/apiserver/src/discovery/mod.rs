//! Discovery: what is served, told from the table.

mod aggregated;
mod legacy;
mod verbs;

use std::collections::HashMap;
use std::net::SocketAddr;

use bytes::Bytes;
use navarch_api::table::Table;
use serde_json::{Value, json};
use sha2::{Digest, Sha512};

/// A document that changes only with the table.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) json: Bytes,
    /// What its JSON amounts to.
    pub(crate) hash: String,
}

impl Document {
    pub(crate) fn new(value: &Value) -> Self {
        let json: Bytes = value.to_string().into();
        let hash = hash(&json);
        Self { json, hash }
    }
}

/// What tells a document from its next version.
pub(crate) fn hash(document: &[u8]) -> String {
    let bytes = Sha512::digest(document);
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// All documents, made once.
pub(crate) struct Documents {
    legacy: HashMap<String, Document>,
    index: Document,
    core: Document,
    groups: Document,
}

impl Documents {
    pub(crate) fn new(table: &Table, advertise: SocketAddr) -> Self {
        let mut legacy = HashMap::new();
        let mut add = |path: String, value: Value| legacy.insert(path, Document::new(&value));
        add("/api".into(), legacy::versions(table, advertise));
        add("/apis".into(), legacy::groups(table));
        for (name, group) in table.groups() {
            if !name.is_empty() {
                add(format!("/apis/{name}"), legacy::group(name, group, true));
            }
            for (version, resources) in group.versions() {
                let path = if name.is_empty() {
                    format!("/api/{version}")
                } else {
                    format!("/apis/{name}/{version}")
                };
                add(path, legacy::resources(name, version, resources));
            }
        }
        Self {
            index: Document::new(&json!({"paths": paths(legacy.keys())})),
            legacy,
            core: Document::new(&aggregated::list(table, true)),
            groups: Document::new(&aggregated::list(table, false)),
        }
    }

    /// The paths there are, for people who look around.
    pub(crate) fn index(&self) -> &Document {
        &self.index
    }

    /// The older document at a path, if there is one.
    pub(crate) fn legacy(&self, path: &str) -> Option<&Document> {
        self.legacy.get(path.trim_end_matches('/'))
    }

    /// The newer document at a path, if there is one.
    pub(crate) fn aggregated(&self, path: &str) -> Option<&Document> {
        match path.trim_end_matches('/') {
            "/api" => Some(&self.core),
            "/apis" => Some(&self.groups),
            _ => None,
        }
    }
}

/// Paths that are not of discovery.
const OTHERS: [&str; 9] = [
    "/.well-known/openid-configuration",
    "/healthz",
    "/livez",
    "/metrics",
    "/openapi/v2",
    "/openapi/v3",
    "/openid/v1/jwks",
    "/readyz",
    "/version",
];

fn paths<'a>(documents: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut paths: Vec<&str> = documents.map(|path| &**path).chain(OTHERS).collect();
    paths.sort_unstable();
    paths
}
