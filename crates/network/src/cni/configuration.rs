//! Which plugins there are: the first file of a directory, as every runtime takes it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::error::CniError;
use crate::HostPort;

/// Far more than any network's.
const MAX_FILE: u64 = 1 << 20;
/// What is taken where a file does not say.
const OLDEST: &str = "0.2.0";

/// A network's plugins, in the order in which they connect a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Configuration {
    #[serde(default = "oldest")]
    pub(super) cni_version: String,
    #[serde(default)]
    pub(super) name: String,
    pub(super) plugins: Vec<Map<String, Value>>,
}

fn oldest() -> String {
    OLDEST.to_owned()
}

impl Configuration {
    /// That of the first file, by name, that is one.
    pub(super) fn load(directory: &Path) -> Result<Self, CniError> {
        let mut files = files(directory);
        files.sort();
        let mut all = files.iter().filter_map(|path| match read(path) {
            Ok(configuration) => Some(configuration),
            Err(why) => {
                tracing::warn!(path = %path.display(), why, "no network configuration");
                None
            }
        });
        let found = all.next();
        found.ok_or_else(|| CniError::NotInitialized(directory.to_owned()))
    }

    /// The program of a plugin.
    pub(super) fn kind(plugin: &Map<String, Value>) -> &str {
        let kind = plugin.get("type").and_then(Value::as_str);
        kind.unwrap_or_default()
    }

    /// What a plugin is told: its own part, and what it is to build on. `ports`: for those that say they can do host ports.
    pub(super) fn told(
        &self,
        plugin: &Map<String, Value>,
        previous: Option<&Value>,
        ports: &[HostPort],
    ) -> Value {
        let mut told = plugin.clone();
        let capabilities = told.remove("capabilities");
        let can = |what: &str| {
            let capability = capabilities.as_ref().and_then(|all| all.get(what));
            capability == Some(&Value::Bool(true))
        };
        told.insert("cniVersion".into(), self.cni_version.clone().into());
        told.insert("name".into(), self.name.clone().into());
        if can("portMappings") && !ports.is_empty() {
            let mappings: Vec<Value> = ports.iter().map(mapping).collect();
            told.insert("runtimeConfig".into(), json!({"portMappings": mappings}));
        }
        if let Some(previous) = previous {
            told.insert("prevResult".into(), previous.clone());
        }
        told.into()
    }
}

fn mapping(port: &HostPort) -> Value {
    let mut mapping = json!({
        "hostPort": port.host_port, "containerPort": port.container_port, "protocol": port.protocol.rule_name(),
    });
    if let Some(address) = port.address() {
        mapping["hostIP"] = address.to_string().into();
    }
    mapping
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let paths = entries.flatten().map(|entry| entry.path());
    let is_one = |path: &PathBuf| {
        let ending = path.extension().and_then(|it| it.to_str());
        matches!(ending, Some("conf" | "conflist" | "json"))
    };
    paths.filter(is_one).collect()
}

fn read(path: &Path) -> Result<Configuration, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_FILE {
        return Err(format!("it has {size} bytes"));
    }
    let text = fs::read(path).map_err(|error| error.to_string())?;
    parse(&text)
}

/// A list, or one plugin alone.
pub(super) fn parse(text: &[u8]) -> Result<Configuration, String> {
    let mut value: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if value.get("plugins").is_none() {
        let of = |name: &str| value.get(name).cloned().unwrap_or_default();
        let (version, name) = (of("cniVersion"), of("name"));
        let version = match version {
            Value::Null => OLDEST.into(),
            version => version,
        };
        value = json!({"cniVersion": version, "name": name, "plugins": [value]});
    }
    let read: Configuration = serde_json::from_value(value).map_err(|error| error.to_string())?;
    match read
        .plugins
        .iter()
        .map(Configuration::kind)
        .find(|kind| !is_program(kind))
    {
        Some(kind) => Err(format!("{kind:?} is no plugin's type")),
        None if read.plugins.is_empty() => Err("it has no plugins".to_owned()),
        None => Ok(read),
    }
}

/// Whether it is the name of a file, and not the way to one elsewhere.
fn is_program(kind: &str) -> bool {
    !kind.is_empty() && !kind.contains('/') && kind != "." && kind != ".."
}
