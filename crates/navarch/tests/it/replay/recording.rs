//! A recorded conversation with an API server of Kubernetes 1.36.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// One file: requests that follow each other in one namespace, and the answers to them.
#[derive(Debug, Deserialize)]
pub(super) struct Conversation {
    pub(super) namespace: String,
    pub(super) steps: Vec<Step>,
}

/// One request and its answer.
#[derive(Debug, Deserialize)]
pub(super) struct Step {
    #[serde(default)]
    title: Option<String>,
    pub(super) request: Request,
    /// `{status, type, warnings, body}`, or `{status, events}` of a watch.
    pub(super) response: Value,
    /// Values of the answer that later steps use: name → dotted path into the body.
    #[serde(default)]
    pub(super) capture: BTreeMap<String, String>,
    /// Dotted paths that are not compared.
    #[serde(default)]
    pub(super) ignore: Vec<String>,
    /// Compares neither body nor events.
    #[serde(default)]
    pub(super) status_only: bool,
    /// Compares `managedFields` too.
    #[serde(default)]
    pub(super) managed_fields: bool,
}

/// What was asked. `${name}` in path and body stands for what an earlier step captured.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    #[serde(default)]
    pub(super) method: Option<String>,
    pub(super) path: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// JSON, or a text that is sent as it is.
    #[serde(default)]
    pub(super) body: Option<Value>,
    /// Makes it a watch that ends after so many events.
    #[serde(default)]
    pub(super) events: Option<usize>,
}

impl Step {
    /// What the step is called: its title, or its request.
    pub(super) fn name(&self) -> String {
        let method = self.request.method.as_deref().unwrap_or("WATCH");
        self.title
            .clone()
            .unwrap_or_else(|| format!("{method} {}", self.request.path))
    }
}

/// Where recordings are kept.
pub(super) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")
}

/// All conversations with their files' names, in the order of those.
pub(super) fn all() -> Vec<(String, Conversation)> {
    let files = std::fs::read_dir(directory()).unwrap();
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "json"));
    files.sort();
    let read = |file: PathBuf| {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read(&file).unwrap();
        let talk = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, talk)
    };
    files.into_iter().map(read).collect()
}
