//! `seccompProfile_baseline`: the filter of system calls is not taken off. Before version 1.19 annotations said so, since then fields.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{PodSpec, SeccompProfile};

use super::{Check, Level, Subject, Versioned, Violation, violation};
use crate::pod_security::container::{self, View};
use crate::pod_security::phrases::{plural, quoted_set, setters};

pub(super) const ID: &str = "seccompProfile_baseline";
pub(super) const REASON: &str = "seccompProfile";

const POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";

pub(super) static CHECK: Check = Check {
    id: ID,
    level: Level::Baseline,
    versions: &[
        Versioned::since(0, annotations),
        Versioned::since(19, fields),
    ],
};

fn annotations(subject: &Subject<'_>) -> Option<Violation> {
    let of_containers = container::all(subject.spec).map(|it| format!("{CONTAINER}{}", it.name));
    let keys = std::iter::once(POD.to_owned()).chain(of_containers);
    let bad: BTreeSet<String> = keys
        .filter_map(|key| {
            let value = subject.annotations?.get(&key)?;
            let is_allowed = matches!(value.as_str(), "runtime/default" | "docker/default")
                || value.starts_with("localhost/");
            (!is_allowed).then(|| format!("{key}={value:?}"))
        })
        .collect();
    if bad.is_empty() {
        return None;
    }
    let word = plural(bad.len(), "annotation", "annotations");
    let bad = bad.into_iter().collect::<Vec<_>>().join(", ");
    violation(REASON, format!("forbidden {word} {bad}"))
}

fn fields(subject: &Subject<'_>) -> Option<Violation> {
    violation(REASON, refused(subject.spec)?)
}

/// What is said of pod and containers that ask for a profile that is not allowed, if any does.
pub(super) fn refused(spec: &PodSpec) -> Option<String> {
    let pod = of_pod(spec).map(kind).filter(is_bad);
    let bad = |view: &View<'_>| of(view).map(kind).is_some_and(|kind| is_bad(&kind));
    let names = container::names(spec, bad);
    let who = setters(pod.is_some(), &names)?;
    let values: BTreeSet<&str> = container::all(spec)
        .filter_map(|view| view.security?.seccomp_profile.as_ref())
        .map(kind)
        .filter(is_bad)
        .chain(pod)
        .collect();
    Some(format!(
        "{who} must not set securityContext.seccompProfile.type to {}",
        quoted_set(&values)
    ))
}

pub(super) fn of_pod(spec: &PodSpec) -> Option<&SeccompProfile> {
    spec.security_context.as_ref()?.seccomp_profile.as_ref()
}

pub(super) fn of<'a>(view: &View<'a>) -> Option<&'a SeccompProfile> {
    view.security?.seccomp_profile.as_ref()
}

fn kind(profile: &SeccompProfile) -> &str {
    &profile.type_
}

fn is_bad(kind: &&str) -> bool {
    !matches!(*kind, "RuntimeDefault" | "Localhost")
}
