//! Which plugins there are: the first file of a directory, as every runtime takes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::capabilities::Capabilities;
use super::error::CniError;
use super::invocation::INTERFACE;
use super::version::{self, Version};

/// Of a list whose plugins are not to forget anything by themselves: somebody else has pods connected by them, too.
const DISABLE_GARBAGE: &str = "disableGC";
/// What is told them of the pods that there are.
const VALID: &str = "cni.dev/valid-attachments";

/// Far more than any network's.
const MAX_FILE: u64 = 1 << 20;

/// A plugin, as the configuration has it.
pub(super) type Plugin = Map<String, Value>;

/// A network's plugins, in the order in which they connect a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Configuration {
    pub(super) cni_version: String,
    #[serde(default)]
    pub(super) name: String,
    pub(super) plugins: Vec<Plugin>,
    #[serde(rename = "disableGC", default)]
    pub(super) disable_garbage: bool,
}

impl Configuration {
    /// The program of a plugin.
    pub(super) fn kind(plugin: &Plugin) -> &str {
        let kind = plugin.get("type").and_then(Value::as_str);
        kind.unwrap_or_default()
    }

    /// Whether its plugins can be asked whether they can connect pods.
    pub(super) fn has_status(&self) -> bool {
        Version::of(&self.cni_version).is_some_and(|it| it >= version::WITH_STATUS)
    }

    /// Whether its plugins are told which pods there are.
    pub(super) fn has_garbage(&self) -> bool {
        let is_new = |it: Version| it >= version::WITH_GARBAGE;
        !self.disable_garbage && Version::of(&self.cni_version).is_some_and(is_new)
    }

    /// What a plugin is told of the pods that there are, by their sandboxes.
    pub(super) fn told_of(&self, plugin: &Plugin, sandboxes: &BTreeSet<String>) -> Value {
        let valid = sandboxes.iter();
        let valid = valid.map(|id| json!({"containerID": id, "ifname": INTERFACE}));
        let mut told = self.told(plugin, None, &Capabilities::new());
        told[VALID] = valid.collect();
        told
    }

    /// What a plugin is told: its own part, what it is to build on, and of the capabilities those that it says it has.
    pub(super) fn told(
        &self,
        plugin: &Plugin,
        previous: Option<&Value>,
        capabilities: &Capabilities,
    ) -> Value {
        let mut told = plugin.clone();
        let can = told.remove("capabilities").unwrap_or_default();
        let offered = capabilities
            .iter()
            .filter(|(name, _)| can[name.as_str()] == Value::Bool(true));
        let offered: Map<String, Value> = offered
            .map(|(name, it)| (name.clone(), it.clone()))
            .collect();
        told.insert("cniVersion".into(), self.cni_version.clone().into());
        told.insert("name".into(), self.name.clone().into());
        if !offered.is_empty() {
            told.insert("runtimeConfig".into(), offered.into());
        }
        if let Some(previous) = previous {
            told.insert("prevResult".into(), self.versioned(previous));
        }
        told.into()
    }

    /// A result with its version, which some plugins leave out.
    fn versioned(&self, result: &Value) -> Value {
        let mut result = result.clone();
        if let Some(result) = result.as_object_mut() {
            result
                .entry("cniVersion")
                .or_insert_with(|| self.cni_version.clone().into());
        }
        result
    }
}

/// The directory of configurations.
#[derive(Debug)]
pub(super) struct Configurations {
    directory: PathBuf,
    /// What is wrong with which files, as it was told last: it is looked at often.
    complaints: Mutex<BTreeMap<PathBuf, String>>,
}

impl Configurations {
    pub(super) fn of(directory: PathBuf) -> Self {
        Self {
            directory,
            complaints: Mutex::default(),
        }
    }

    /// That of the first file, by name, that is one. Blocks.
    pub(super) fn load(&self) -> Result<Configuration, CniError> {
        let mut files = files(&self.directory);
        files.sort();
        let mut complaints = BTreeMap::new();
        let mut all = files.into_iter().filter_map(|path| match read(&path) {
            Ok(configuration) => Some(configuration),
            Err(why) => {
                complaints.insert(path, why);
                None
            }
        });
        let found = all.next();
        self.complain(complaints);
        found.ok_or_else(|| CniError::NotInitialized(self.directory.clone()))
    }

    /// Tells of each file once what is wrong with it.
    fn complain(&self, complaints: BTreeMap<PathBuf, String>) {
        for (path, why) in self.news(complaints) {
            tracing::warn!(path = %path.display(), why, "no network configuration");
        }
    }

    /// What was not told last time.
    pub(super) fn news(&self, complaints: BTreeMap<PathBuf, String>) -> Vec<(PathBuf, String)> {
        let mut told = self.complaints.lock();
        let all = complaints.clone().into_iter();
        let news = all
            .filter(|(path, why)| told.get(path) != Some(why))
            .collect();
        *told = complaints;
        news
    }
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
    let found = fs::metadata(path).map_err(|error| error.to_string())?;
    // What is no file may have no end.
    if !found.is_file() {
        return Err("it is no file".to_owned());
    }
    let size = found.len();
    if size > MAX_FILE {
        return Err(format!("it has {size} bytes"));
    }
    let text = fs::read(path).map_err(|error| error.to_string())?;
    parse(&text)
}

/// A list, or one plugin alone.
pub(super) fn parse(text: &[u8]) -> Result<Configuration, String> {
    let value: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let Value::Object(all) = value else {
        return Err("it is no object".to_owned());
    };
    let version = version::of_configuration(&all);
    let disables = switch(&all, DISABLE_GARBAGE)?;
    let name = all.get("name").cloned().unwrap_or_else(|| "".into());
    let plugins = all.get("plugins").cloned();
    let plugins = plugins.unwrap_or_else(|| Value::Array(vec![all.into()]));
    let list =
        json!({"cniVersion": version, "name": name, "plugins": plugins, DISABLE_GARBAGE: disables});
    let read: Configuration = serde_json::from_value(list).map_err(|error| error.to_string())?;
    let mut kinds = read.plugins.iter().map(Configuration::kind);
    match kinds.find(|kind| !is_program(kind)) {
        Some(kind) => Err(format!("{kind:?} is no plugin's type")),
        None if read.plugins.is_empty() => Err("it has no plugins".to_owned()),
        None => Ok(read),
    }
}

/// What is on or off, as a word as well; off where nothing is said.
fn switch(all: &Map<String, Value>, name: &str) -> Result<bool, String> {
    match all.get(name) {
        None => Ok(false),
        Some(Value::Bool(on)) => Ok(*on),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(other) => Err(format!("{name} is {other}, and not true or false")),
    }
}

/// Whether it is the name of a file, and not the way to one elsewhere.
fn is_program(kind: &str) -> bool {
    !kind.is_empty() && !kind.contains('/') && kind != "." && kind != ".."
}
