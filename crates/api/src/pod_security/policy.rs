//! What a namespace's labels ask for.

use std::collections::BTreeMap;

use navarch_machinery::field::{Error, ErrorList, Path};

use super::{Level, LevelVersion, Version};

const PREFIX: &str = "pod-security.kubernetes.io/";

/// What is refused, what is noted, and what is warned of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// What pods must keep to.
    pub enforce: LevelVersion,
    /// What is noted in the audit log.
    pub audit: LevelVersion,
    /// What clients are warned of.
    pub warn: LevelVersion,
}

/// Whether a label's key is one that a policy is read from.
pub fn is_label(key: &str) -> bool {
    let modes = ["enforce", "audit", "warn"];
    key.strip_prefix(PREFIX).is_some_and(|rest| {
        let mode = rest.strip_suffix("-version").unwrap_or(rest);
        modes.contains(&mode)
    })
}

impl Policy {
    /// Reads a namespace's labels; `defaults` hold where they say nothing. A label that cannot be read is an error and counts as
    /// restricted where it enforces, and as privileged elsewhere; who is not told what to warn of warns of what it enforces.
    pub fn of(labels: Option<&BTreeMap<String, String>>, defaults: &Self) -> (Self, ErrorList) {
        let mut policy = *defaults;
        let mut errors = ErrorList::new();
        let Some(labels) = labels else {
            return (policy, errors);
        };
        let enforced = level(labels, "enforce", &mut errors);
        policy.enforce.level = match enforced {
            Said::Nothing => policy.enforce.level,
            Said::Level(level) => level,
            Said::Nonsense => Level::Restricted,
        };
        version(labels, "enforce", &mut policy.enforce, &mut errors);
        let audited = level(labels, "audit", &mut errors);
        policy.audit.level = audited.or_privileged(policy.audit.level);
        version(labels, "audit", &mut policy.audit, &mut errors);
        let warned = level(labels, "warn", &mut errors);
        policy.warn.level = warned.or_privileged(policy.warn.level);
        let has_version = version(labels, "warn", &mut policy.warn, &mut errors);
        let is_stricter = policy.enforce.level > policy.warn.level;
        if matches!((&warned, &enforced), (Said::Nothing, Said::Level(_))) && is_stricter {
            policy.warn.level = policy.enforce.level;
            if !has_version {
                policy.warn.version = policy.enforce.version;
            }
        }
        (policy, errors)
    }

    /// Whether it asks for nothing at all.
    pub fn is_privileged(&self) -> bool {
        [&self.enforce, &self.audit, &self.warn]
            .iter()
            .all(|mode| mode.level == Level::Privileged)
    }

    /// The warning for a namespace that is exempt and yet has labels, if they ask for anything.
    pub fn ignored(
        &self,
        namespace: &str,
        labels: Option<&BTreeMap<String, String>>,
        defaults: &Self,
    ) -> Option<String> {
        let modes = [
            ("enforce", &self.enforce, &defaults.enforce),
            ("audit", &self.audit, &defaults.audit),
            ("warn", &self.warn, &defaults.warn),
        ];
        if self.is_privileged() || modes.iter().all(|(_, own, other)| own.is_equivalent(other)) {
            return None;
        }
        let labelled = |mode: &str| {
            labels.is_some_and(|labels| {
                labels.contains_key(&format!("{PREFIX}{mode}"))
                    || labels.contains_key(&format!("{PREFIX}{mode}-version"))
            })
        };
        let said: Vec<String> = modes
            .iter()
            .filter(|(mode, own, _)| own.level != Level::Privileged && labelled(mode))
            .map(|(mode, own, _)| format!("{mode}={own}"))
            .collect();
        Some(format!(
            "namespace {namespace:?} is exempt from Pod Security, and the policy ({}) will be ignored",
            said.join(", ")
        ))
    }
}

/// What a label says.
enum Said {
    Nothing,
    Level(Level),
    Nonsense,
}

impl Said {
    fn or_privileged(&self, default: Level) -> Level {
        match self {
            Self::Nothing => default,
            Self::Level(level) => *level,
            Self::Nonsense => Level::Privileged,
        }
    }
}

fn level(labels: &BTreeMap<String, String>, mode: &str, errors: &mut ErrorList) -> Said {
    let key = format!("{PREFIX}{mode}");
    let Some(value) = labels.get(&key) else {
        return Said::Nothing;
    };
    match Level::parse(value) {
        Ok(level) => Said::Level(level),
        Err(why) => {
            errors.push(invalid(&key, value, why));
            Said::Nonsense
        }
    }
}

/// Answers whether there is such a label.
fn version(
    labels: &BTreeMap<String, String>,
    mode: &str,
    of: &mut LevelVersion,
    errors: &mut ErrorList,
) -> bool {
    let key = format!("{PREFIX}{mode}-version");
    let Some(value) = labels.get(&key) else {
        return false;
    };
    of.version = Version::parse(value).unwrap_or_else(|why| {
        errors.push(invalid(&key, value, why));
        Version::Latest
    });
    true
}

fn invalid(key: &str, value: &str, why: &str) -> Error {
    let path = Path::new("metadata").child("labels").key(key);
    Error::invalid(&path, value, why)
}
