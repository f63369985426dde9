//! `privileged`: no container is privileged.

use super::{Check, Level, Subject, Versioned, Violation, violation};
use crate::pod_security::container;
use crate::pod_security::phrases::containers;

pub(super) static CHECK: Check = Check {
    id: "privileged",
    level: Level::Baseline,
    versions: &[Versioned::since(0, run)],
};

fn run(subject: &Subject<'_>) -> Option<Violation> {
    let names = container::names(subject.spec, |view| {
        view.security.and_then(|it| it.privileged) == Some(true)
    });
    if names.is_empty() {
        return None;
    }
    let names = containers(&names);
    violation(
        "privileged",
        format!("{names} must not set securityContext.privileged=true"),
    )
}
