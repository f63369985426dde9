//! Discovery: what is served, told from the table.

mod aggregated;
mod legacy;
mod verbs;

use std::collections::HashMap;
use std::net::SocketAddr;

use bytes::Bytes;
use navarch_api::table::Table;
use serde_json::Value;
use sha2::{Digest, Sha512};

/// A document that changes only with the table.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) bytes: Bytes,
    pub(crate) content_type: &'static str,
    /// In quotes, as the header has it.
    pub(crate) etag: String,
}

impl Document {
    pub(crate) fn json(value: &Value, content_type: &'static str) -> Self {
        Self::new(value.to_string().into(), content_type)
    }

    pub(crate) fn new(bytes: Bytes, content_type: &'static str) -> Self {
        let hash: String = Sha512::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        Self {
            bytes,
            content_type,
            etag: format!("\"{hash}\""),
        }
    }
}

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// All documents, made once.
pub(crate) struct Documents {
    legacy: HashMap<String, Document>,
    core: Document,
    groups: Document,
}

impl Documents {
    pub(crate) fn new(table: &Table, advertise: SocketAddr) -> Self {
        let mut legacy = HashMap::new();
        let mut add = |path: String, value: Value| {
            legacy.insert(path, Document::json(&value, "application/json"))
        };
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
            legacy,
            core: Document::json(&aggregated::list(table, true), AGGREGATED),
            groups: Document::json(&aggregated::list(table, false), AGGREGATED),
        }
    }

    /// The document at a path, if there is one.
    pub(crate) fn document(&self, path: &str, aggregated: bool) -> Option<&Document> {
        match (path.trim_end_matches('/'), aggregated) {
            ("/api", true) => Some(&self.core),
            ("/apis", true) => Some(&self.groups),
            (path, _) => self.legacy.get(path),
        }
    }
}
