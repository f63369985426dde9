//! `appArmorProfile`: the runtime's default profile may be exchanged for one of the node's, but not taken off.

use std::collections::BTreeSet;

use super::{Check, Level, Subject, Versioned, Violation, violation};
use crate::pod_security::container;
use crate::pod_security::phrases::{containers, plural, quoted};

const ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

pub(super) static CHECK: Check = Check {
    id: "appArmorProfile",
    level: Level::Baseline,
    versions: &[Versioned::since(0, run)],
};

fn run(subject: &Subject<'_>) -> Option<Violation> {
    let spec = subject.spec;
    let pod = spec.security_context.as_ref();
    let pod = pod.and_then(|it| it.app_armor_profile.as_ref());
    let pod = pod.map(|it| it.type_.as_str()).filter(is_bad);
    let mut values: BTreeSet<&str> = pod.into_iter().collect();
    let mut names = Vec::new();
    for it in container::all(spec) {
        let profile = it.security.and_then(|it| it.app_armor_profile.as_ref());
        if let Some(bad) = profile.map(|it| it.type_.as_str()).filter(is_bad) {
            values.insert(bad);
            names.push(it.name);
        }
    }
    let annotations = bad_annotations(subject);
    let mut setters: Vec<String> = pod.map(|_| "pod".to_owned()).into_iter().collect();
    if !names.is_empty() {
        setters.push(containers(&names));
    }
    if !annotations.is_empty() {
        setters.push(plural(annotations.len(), "annotation", "annotations").to_owned());
    }
    if setters.is_empty() {
        return None;
    }
    let values: Vec<&str> = values
        .into_iter()
        .chain(annotations.iter().map(String::as_str))
        .collect();
    let reason = plural(
        values.len(),
        "forbidden AppArmor profile",
        "forbidden AppArmor profiles",
    );
    let setters = setters.join(" and ");
    violation(
        reason,
        format!(
            "{setters} must not set AppArmor profile type to {}",
            quoted(values)
        ),
    )
}

fn is_bad(kind: &&str) -> bool {
    !matches!(*kind, "RuntimeDefault" | "Localhost")
}

/// Annotations, by which it was said before there were fields, as `KEY="VALUE"`.
fn bad_annotations(subject: &Subject<'_>) -> Vec<String> {
    let all = subject.annotations.into_iter().flatten();
    let bad = all.filter(|(key, value)| {
        let is_allowed =
            value.is_empty() || *value == "runtime/default" || value.starts_with("localhost/");
        key.starts_with(ANNOTATION) && !is_allowed
    });
    let mut shown: Vec<String> = bad.map(|(key, value)| format!("{key}={value:?}")).collect();
    shown.sort();
    shown
}
