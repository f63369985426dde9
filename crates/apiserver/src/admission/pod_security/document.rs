//! `PodSecurityConfiguration`: the configuration as an administrator writes it.

use std::collections::HashSet;

use navarch_api::pod_security::{Level, LevelVersion, Policy, Version};
use navarch_machinery::field::{Error, ErrorList, Path, together};
use navarch_machinery::names;
use serde::Deserialize;

use super::Configuration;

/// `PodSecurityConfiguration` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Document {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    defaults: Defaults,
    #[serde(default)]
    exemptions: Exemptions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
struct Defaults {
    enforce: String,
    enforce_version: String,
    audit: String,
    audit_version: String,
    warn: String,
    warn_version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Exemptions {
    usernames: Vec<String>,
    namespaces: Vec<String>,
    runtime_classes: Vec<String>,
}

const GROUP: &str = "pod-security.admission.config.k8s.io/";

impl Configuration {
    /// Reads and checks what an administrator wrote.
    ///
    /// # Errors
    /// In Kubernetes' words.
    pub(crate) fn of(document: Document) -> Result<Self, String> {
        let (kind, version) = (&document.kind, &document.api_version);
        if kind != "PodSecurityConfiguration" || !version.starts_with(GROUP) {
            return Err(format!(
                "no kind {kind:?} is registered for version {version:?}"
            ));
        }
        let mut errors = ErrorList::new();
        let given = &document.defaults;
        let mut mode = |name: &str, level: &str, version: &str| {
            let path = Path::new("defaults");
            let mut read = LevelVersion::default();
            if !level.is_empty() {
                match Level::parse(level) {
                    Ok(level) => read.level = level,
                    Err(why) => errors.push(Error::invalid(&path.child(name), level, why)),
                }
            }
            if !version.is_empty() {
                match Version::parse(version) {
                    Ok(version) => read.version = version,
                    Err(why) => {
                        let path = path.child(&format!("{name}-version"));
                        errors.push(Error::invalid(&path, version, why));
                    }
                }
            }
            read
        };
        let enforce = mode("enforce", &given.enforce, &given.enforce_version);
        let warn = mode("warn", &given.warn, &given.warn_version);
        let audit = mode("audit", &given.audit, &given.audit_version);
        let exempt = document.exemptions;
        let path = Path::new("exemptions");
        let label = |name: &str| names::is_dns1123_label(name);
        let subdomain = |name: &str| names::is_dns1123_subdomain(name);
        let user = |name: &str| match name {
            "" => vec!["username must not be empty".to_owned()],
            _ => Vec::new(),
        };
        errors.extend(each(&path.child("namespaces"), &exempt.namespaces, label));
        let classes = &exempt.runtime_classes;
        errors.extend(each(&path.child("runtimeClasses"), classes, subdomain));
        errors.extend(each(&path.child("usernames"), &exempt.usernames, user));
        if !errors.is_empty() {
            return Err(together(&errors));
        }
        Ok(Self {
            defaults: Policy {
                enforce,
                audit,
                warn,
            },
            namespaces: exempt.namespaces,
            runtime_classes: exempt.runtime_classes,
            usernames: exempt.usernames,
        })
    }
}

/// Each name is in order, and there once.
fn each(path: &Path, names: &[String], check: impl Fn(&str) -> Vec<String>) -> ErrorList {
    let mut seen = HashSet::new();
    let mut errors = ErrorList::new();
    for (index, name) in names.iter().enumerate() {
        let found = check(name);
        if !found.is_empty() {
            let path = path.index(index);
            errors.push(Error::invalid(&path, name, found.join(", ")));
        } else if !seen.insert(name) {
            errors.push(Error::duplicate(&path.index(index), name));
        }
    }
    errors
}
