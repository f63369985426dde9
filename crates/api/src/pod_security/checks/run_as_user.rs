//! `runAsUser`: nobody asks for root by number; but where the pod has users of its own.

use super::{Check, Level, Subject, Versioned, Violation, has_own_users, violation};
use crate::pod_security::container;
use crate::pod_security::phrases::setters;

pub(super) static CHECK: Check = Check {
    id: "runAsUser",
    level: Level::Restricted,
    versions: &[
        Versioned::since(23, run),
        Versioned::since(35, run_with_hosts_users),
    ],
};

fn run_with_hosts_users(subject: &Subject<'_>) -> Option<Violation> {
    (!has_own_users(subject)).then(|| run(subject)).flatten()
}

fn run(subject: &Subject<'_>) -> Option<Violation> {
    let pod = subject.spec.security_context.as_ref();
    let pod = pod.and_then(|it| it.run_as_user) == Some(0);
    let names = container::names(subject.spec, |view| {
        view.security.and_then(|it| it.run_as_user) == Some(0)
    });
    let who = setters(pod, &names)?;
    violation("runAsUser=0", format!("{who} must not set runAsUser=0"))
}
