//! `seccompProfile_restricted`: system calls are filtered, and that is said.

use super::baseline_seccomp::{self, ID, REASON};
use super::{Check, Level, Subject, Versioned, Violation, is_windows, violation};
use crate::pod_security::container;
use crate::pod_security::phrases::containers;

pub(super) static CHECK: Check = Check {
    id: "seccompProfile_restricted",
    level: Level::Restricted,
    versions: &[
        Versioned::since(19, run).instead_of(&[ID]),
        Versioned::since(25, run_but_on_windows).instead_of(&[ID]),
    ],
};

fn run_but_on_windows(subject: &Subject<'_>) -> Option<Violation> {
    (!is_windows(subject)).then(|| run(subject)).flatten()
}

fn run(subject: &Subject<'_>) -> Option<Violation> {
    let spec = subject.spec;
    if let Some(refused) = baseline_seccomp::refused(spec) {
        return violation(REASON, refused);
    }
    if baseline_seccomp::of_pod(spec).is_some() {
        return None;
    }
    let silent = container::names(spec, |view| baseline_seccomp::of(view).is_none());
    if silent.is_empty() {
        return None;
    }
    let silent = containers(&silent);
    violation(
        REASON,
        format!(
            "pod or {silent} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\""
        ),
    )
}
