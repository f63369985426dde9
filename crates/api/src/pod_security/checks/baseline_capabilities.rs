//! `capabilities_baseline`: no capability is added that containers do not have by default.

use std::collections::BTreeSet;

use super::{Check, Level, Subject, Versioned, Violation, violation};
use crate::pod::absent::items;
use crate::pod_security::container::{self, View};
use crate::pod_security::phrases::{containers, quoted_set};

const ALLOWED: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

pub(super) static CHECK: Check = Check {
    id: "capabilities_baseline",
    level: Level::Baseline,
    versions: &[Versioned::since(0, run)],
};

fn run(subject: &Subject<'_>) -> Option<Violation> {
    let (names, values) = added_beyond(subject, ALLOWED);
    if names.is_empty() {
        return None;
    }
    violation("non-default capabilities", detail(&names, &values))
}

/// The containers that add other capabilities than these, and the capabilities.
pub(super) fn added_beyond<'a>(
    subject: &Subject<'a>,
    allowed: &[&str],
) -> (Vec<&'a str>, BTreeSet<&'a str>) {
    let beyond = |view: &View<'a>| {
        let capabilities = view.security.and_then(|it| it.capabilities.as_ref());
        let added = capabilities.map(|it| items(&it.add)).unwrap_or_default();
        let bad = added.iter().map(String::as_str);
        bad.filter(|name| !allowed.contains(name))
            .collect::<Vec<_>>()
    };
    let names = container::names(subject.spec, |view| !beyond(view).is_empty());
    let values = container::all(subject.spec).flat_map(|view| beyond(&view));
    (names, values.collect())
}

pub(super) fn detail(names: &[&str], values: &BTreeSet<&str>) -> String {
    format!(
        "{} must not include {} in securityContext.capabilities.add",
        containers(names),
        quoted_set(values)
    )
}
