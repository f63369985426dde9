//! `procMount` and `procMount_restricted`: what is hidden of `/proc` stays hidden; at the level baseline not where the pod has users
//! of its own.

use std::collections::BTreeSet;

use super::{Check, Level, Subject, Versioned, Violation, has_own_users, violation};
use crate::pod_security::container::{self, View};
use crate::pod_security::phrases::{containers, quoted_set};

const ID: &str = "procMount";

pub(super) static CHECK: Check = Check {
    id: ID,
    level: Level::Baseline,
    versions: &[
        Versioned::since(0, run),
        Versioned::since(35, run_with_hosts_users),
    ],
};

pub(super) static RESTRICTED: Check = Check {
    id: "procMount_restricted",
    level: Level::Restricted,
    versions: &[Versioned::since(35, run).instead_of(&[ID])],
};

fn run_with_hosts_users(subject: &Subject<'_>) -> Option<Violation> {
    (!has_own_users(subject)).then(|| run(subject)).flatten()
}

fn run(subject: &Subject<'_>) -> Option<Violation> {
    let names = container::names(subject.spec, |view| bad(view).is_some());
    if names.is_empty() {
        return None;
    }
    let values: BTreeSet<&str> = container::all(subject.spec)
        .filter_map(|view| bad(&view))
        .collect();
    let detail = format!(
        "{} must not set securityContext.procMount to {}",
        containers(&names),
        quoted_set(&values)
    );
    violation("procMount", detail)
}

fn bad<'a>(view: &View<'a>) -> Option<&'a str> {
    let said = view.security.and_then(|it| it.proc_mount.as_deref());
    said.filter(|said| *said != "Default")
}
