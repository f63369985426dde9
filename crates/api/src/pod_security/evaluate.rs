//! Which checks a pod does not pass at a level.

use super::checks::{ALL, Check, Versioned};
use super::{Level, LevelVersion, Subject, Version};

/// What a pod asks for and may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What it is, whatever the pod: `host namespaces`.
    pub reason: String,
    /// Where it is in this pod: `hostNetwork=true`.
    pub detail: String,
}

/// What a pod may not at a level, in the order of the checks' names: those of baseline first.
pub fn evaluate(at: LevelVersion, subject: &Subject<'_>) -> Vec<Violation> {
    let checks = checks_at(at);
    checks
        .iter()
        .filter_map(|check| (check.run)(subject))
        .collect()
}

/// The checks of a level at a version. A stricter check may stand for one of baseline.
fn checks_at(at: LevelVersion) -> Vec<&'static Versioned> {
    let of = |level: Level| {
        ALL.iter()
            .copied()
            .filter(move |check| check.level == level)
            .filter_map(move |check| Some((check, version_at(check, at.version)?)))
    };
    let restricted: Vec<(&Check, &Versioned)> = match at.level {
        Level::Restricted => of(Level::Restricted).collect(),
        Level::Baseline => Vec::new(),
        Level::Privileged => return Vec::new(),
    };
    let is_overridden = |id: &str| {
        let mut overridden = restricted.iter().flat_map(|(_, check)| check.overrides);
        overridden.any(|other| *other == id)
    };
    let baseline = of(Level::Baseline).filter(|(check, _)| !is_overridden(check.id));
    let all = baseline.chain(restricted.iter().copied());
    all.map(|(_, versioned)| versioned).collect()
}

/// The form that a check had at a version, if it was there by then.
fn version_at(check: &'static Check, version: Version) -> Option<&'static Versioned> {
    let mut known = check.versions.iter().rev();
    known.find(|known| Version::Minor(known.since) <= version)
}

/// `host namespaces, privileged`.
pub fn in_short(violations: &[Violation]) -> String {
    let reasons: Vec<&str> = violations.iter().map(|it| it.reason.as_str()).collect();
    reasons.join(", ")
}

/// `host namespaces (hostNetwork=true), privileged (container "a" must not …)`.
pub fn in_detail(violations: &[Violation]) -> String {
    let said = violations.iter().map(|it| match it.detail.as_str() {
        "" => it.reason.clone(),
        detail => format!("{} ({detail})", it.reason),
    });
    said.collect::<Vec<_>>().join(", ")
}
