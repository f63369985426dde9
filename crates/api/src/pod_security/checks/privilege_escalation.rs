//! `allowPrivilegeEscalation`: no program of a container gets more privileges than the one that started it.

use super::{Check, Level, Subject, Versioned, Violation, is_windows, violation};
use crate::pod_security::container;
use crate::pod_security::phrases::containers;

pub(super) static CHECK: Check = Check {
    id: "allowPrivilegeEscalation",
    level: Level::Restricted,
    versions: &[
        Versioned::since(8, run),
        Versioned::since(25, run_but_on_windows),
    ],
};

fn run_but_on_windows(subject: &Subject<'_>) -> Option<Violation> {
    (!is_windows(subject)).then(|| run(subject)).flatten()
}

fn run(subject: &Subject<'_>) -> Option<Violation> {
    let names = container::names(subject.spec, |view| {
        let said = view.security.and_then(|it| it.allow_privilege_escalation);
        said != Some(false)
    });
    if names.is_empty() {
        return None;
    }
    let names = containers(&names);
    violation(
        "allowPrivilegeEscalation != false",
        format!("{names} must set securityContext.allowPrivilegeEscalation=false"),
    )
}
