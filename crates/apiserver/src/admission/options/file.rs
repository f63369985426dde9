//! `AdmissionConfiguration`: a file that says something of each plugin, or where that is said.

use std::path::{Path, PathBuf};

use navarch_machinery::yaml;
use serde::Deserialize;
use serde_json::Value;

use super::AdmissionOptionsError;

const VERSIONS: &[&str] = &["apiserver.config.k8s.io/v1", "apiserver.k8s.io/v1alpha1"];

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct Configurations {
    plugins: Vec<Plugin>,
    /// Paths are from here.
    directory: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    plugins: Vec<Plugin>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plugin {
    name: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    configuration: Option<Value>,
}

pub(super) fn read(path: &Path) -> Result<Configurations, AdmissionOptionsError> {
    let document: Document = serde_json::from_slice(&json(path)?)
        .map_err(|error| AdmissionOptionsError::File(format!("{}: {error}", path.display())))?;
    let (kind, version) = (&document.kind, &document.api_version);
    if kind != "AdmissionConfiguration" || !VERSIONS.contains(&version.as_str()) {
        return Err(AdmissionOptionsError::File(format!(
            "no kind {kind:?} is registered for version {version:?}"
        )));
    }
    Ok(Configurations {
        plugins: document.plugins,
        directory: path.parent().map(Path::to_owned).unwrap_or_default(),
    })
}

impl Configurations {
    /// What is said of a plugin, as JSON.
    pub(super) fn of(&self, name: &str) -> Result<Option<Vec<u8>>, AdmissionOptionsError> {
        let mut all = self.plugins.iter();
        let Some(plugin) = all.find(|plugin| plugin.name == name) else {
            return Ok(None);
        };
        match &plugin.configuration {
            Some(value) => Ok(Some(value.to_string().into_bytes())),
            None if plugin.path.is_empty() => Ok(None),
            None => json(&self.directory.join(&plugin.path)).map(Some),
        }
    }
}

/// A file of YAML, or of JSON, as JSON.
fn json(path: &Path) -> Result<Vec<u8>, AdmissionOptionsError> {
    let text = std::fs::read(path).map_err(|source| AdmissionOptionsError::Unreadable {
        path: path.display().to_string(),
        source,
    })?;
    yaml::to_json(&text)
        .map_err(|error| AdmissionOptionsError::File(format!("{}: {}", path.display(), error.0)))
}
