//! `runAsNonRoot`: no container runs as root, and that is said; but where the pod has users of its own.

use super::{Check, Level, Subject, Versioned, Violation, has_own_users, violation};
use crate::pod_security::container::{self, View};
use crate::pod_security::phrases::{containers, setters};

pub(super) static CHECK: Check = Check {
    id: "runAsNonRoot",
    level: Level::Restricted,
    versions: &[
        Versioned::since(0, run),
        Versioned::since(35, run_with_hosts_users),
    ],
};

fn run_with_hosts_users(subject: &Subject<'_>) -> Option<Violation> {
    (!has_own_users(subject)).then(|| run(subject)).flatten()
}

fn run(subject: &Subject<'_>) -> Option<Violation> {
    let spec = subject.spec;
    let pod = spec
        .security_context
        .as_ref()
        .and_then(|it| it.run_as_non_root);
    let said = |view: &View<'_>| view.security.and_then(|it| it.run_as_non_root);
    let refusing = container::names(spec, |view| said(view) == Some(false));
    let silent = container::names(spec, |view| said(view).is_none() && pod != Some(true));
    let detail = match setters(pod == Some(false), &refusing) {
        Some(who) => format!("{who} must not set securityContext.runAsNonRoot=false"),
        None if silent.is_empty() => return None,
        None => format!(
            "pod or {} must set securityContext.runAsNonRoot=true",
            containers(&silent)
        ),
    };
    violation("runAsNonRoot != true", detail)
}
