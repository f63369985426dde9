//! `Configuration` of `eventratelimit.admission.k8s.io`.

use navarch_machinery::field::{Error, ErrorList, Path, together};
use serde::Deserialize;
use serde_json::Value;

const GROUP: &str = "eventratelimit.admission.k8s.io/";

/// The limits, as an administrator writes them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::admission) struct Configuration {
    #[serde(default)]
    pub(super) limits: Vec<Limit>,
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
}

/// How many events may come, and of whom that is counted.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Limit {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    /// Events a second.
    #[serde(default)]
    pub(super) qps: i32,
    /// Events at once.
    #[serde(default)]
    pub(super) burst: i32,
    /// Of how many it is counted apart at a time; 0: as many as is usual.
    #[serde(default)]
    pub(super) cache_size: i32,
}

/// Whose events a limit counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(in crate::admission) enum Kind {
    /// Everybody's.
    Server,
    /// Those in a namespace.
    Namespace,
    /// Those of a user.
    User,
    /// Those of a source about an object.
    SourceAndObject,
}

impl Configuration {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// In Kubernetes' words.
    pub(in crate::admission) fn check(&self) -> Result<(), String> {
        let (kind, version) = (&self.kind, &self.api_version);
        let is_known = kind == "Configuration" && version.starts_with(GROUP);
        let is_said = !kind.is_empty() || !version.is_empty();
        if is_said && !is_known {
            return Err(format!(
                "no kind {kind:?} is registered for version {version:?}"
            ));
        }
        let mut errors = ErrorList::new();
        let path = Path::new("limits");
        if self.limits.is_empty() {
            errors.push(Error::invalid(&path, Value::Null, "must not be empty"));
        }
        for (index, limit) in self.limits.iter().enumerate() {
            let path = path.index(index);
            for (field, value) in [("burst", limit.burst), ("qps", limit.qps)] {
                if value <= 0 {
                    errors.push(Error::invalid(
                        &path.child(field),
                        value,
                        "must be positive",
                    ));
                }
            }
            if limit.kind != Kind::Server && limit.cache_size < 0 {
                let path = path.child("cacheSize");
                errors.push(Error::invalid(
                    &path,
                    limit.cache_size,
                    "must not be negative",
                ));
            }
        }
        match errors.is_empty() {
            true => Ok(()),
            false => Err(together(&errors)),
        }
    }
}
