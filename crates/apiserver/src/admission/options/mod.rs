//! Which rules there are, and what an administrator says of them: kube-apiserver's `--enable-admission-plugins`,
//! `--disable-admission-plugins` and `--admission-control-config-file`.

mod file;
mod plugins;

use std::path::Path;

use serde::de::DeserializeOwned;

pub(super) use plugins::ALWAYS;
use plugins::is_on_by_default;

use super::event_rate_limit;
use super::pod_security;

/// The rules that are on, and what is said of them.
#[derive(Debug, Clone, Default)]
pub struct AdmissionOptions {
    enabled: Vec<String>,
    disabled: Vec<String>,
    pub(super) pod_security: pod_security::Configuration,
    pub(super) event_rate_limit: event_rate_limit::Configuration,
}

/// Options that cannot be carried out, in Kubernetes' words.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionOptionsError {
    /// There is no such plugin.
    #[error("{flag} plugin {name:?} is unknown")]
    Unknown {
        /// The flag that names it, without dashes.
        flag: &'static str,
        /// What it names.
        name: String,
    },
    /// Kubernetes has it, and this server has not.
    #[error("{flag} plugin {name:?} is not supported")]
    Unsupported {
        /// The flag that names it, without dashes.
        flag: &'static str,
        /// What it names.
        name: String,
    },
    /// Both flags name it.
    #[error("[{0}] in enable-admission-plugins and disable-admission-plugins overlapped")]
    Overlapped(String),
    /// A file cannot be read.
    #[error("unable to read admission control configuration from {path:?} [{source}]")]
    Unreadable {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// What is said of the rules makes no sense.
    #[error("{0}")]
    File(String),
    /// What is said of a rule makes no sense.
    #[error("couldn't init admission plugin {plugin:?}: {why}")]
    Plugin {
        /// The rule.
        plugin: &'static str,
        /// Why not.
        why: String,
    },
}

const ENABLE: &str = "enable-admission-plugins";
const DISABLE: &str = "disable-admission-plugins";

impl AdmissionOptions {
    /// Reads what an administrator says: plugins by name, and a file of kind `AdmissionConfiguration`.
    ///
    /// # Errors
    /// If a name is none, a file cannot be read, or what it says makes no sense.
    pub fn read(
        enabled: &[String],
        disabled: &[String],
        file: Option<&Path>,
    ) -> Result<Self, AdmissionOptionsError> {
        plugins::check(ENABLE, enabled)?;
        plugins::check(DISABLE, disabled)?;
        let mut both: Vec<&str> = enabled
            .iter()
            .filter(|name| disabled.contains(name))
            .map(String::as_str)
            .collect();
        both.sort_unstable();
        both.dedup();
        if !both.is_empty() {
            return Err(AdmissionOptionsError::Overlapped(both.join(" ")));
        }
        let mut options = Self {
            enabled: enabled.to_vec(),
            disabled: disabled.to_vec(),
            ..Self::default()
        };
        let configurations = file.map(file::read).transpose()?.unwrap_or_default();
        if let Some(json) = configurations.of(pod_security::NAME)? {
            let document = parsed(pod_security::NAME, &json)?;
            options.pod_security = pod_security::Configuration::of(document)
                .map_err(|why| refused(pod_security::NAME, why))?;
        }
        let given = configurations.of(event_rate_limit::NAME)?;
        if let Some(json) = &given {
            options.event_rate_limit = parsed(event_rate_limit::NAME, json)?;
        }
        if options.is_on(event_rate_limit::NAME) {
            let checked = options.event_rate_limit.check();
            checked.map_err(|why| refused(event_rate_limit::NAME, why))?;
        }
        Ok(options)
    }

    /// Whether a rule is on. Those that Kubernetes has not are always.
    pub(super) fn is_on(&self, name: &str) -> bool {
        let is_among = |names: &[String]| names.iter().any(|it| it == name);
        name == ALWAYS
            || is_among(&self.enabled)
            || (is_on_by_default(name) && !is_among(&self.disabled))
    }
}

fn parsed<T: DeserializeOwned>(
    plugin: &'static str,
    json: &[u8],
) -> Result<T, AdmissionOptionsError> {
    serde_json::from_slice(json).map_err(|error| refused(plugin, error.to_string()))
}

fn refused(plugin: &'static str, why: String) -> AdmissionOptionsError {
    AdmissionOptionsError::Plugin { plugin, why }
}

#[cfg(test)]
mod tests;
