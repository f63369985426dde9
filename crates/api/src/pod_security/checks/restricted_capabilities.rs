//! `capabilities_restricted`: all capabilities are dropped, and at most the one for low ports is added.

use super::baseline_capabilities::{added_beyond, detail};
use super::{Check, Level, Subject, Versioned, Violation, is_windows, violation};
use crate::pod::absent::items;
use crate::pod_security::container;
use crate::pod_security::phrases::containers;

pub(super) static CHECK: Check = Check {
    id: "capabilities_restricted",
    level: Level::Restricted,
    versions: &[
        Versioned::since(22, run).instead_of(&["capabilities_baseline"]),
        Versioned::since(25, run_but_on_windows).instead_of(&["capabilities_baseline"]),
    ],
};

fn run_but_on_windows(subject: &Subject<'_>) -> Option<Violation> {
    (!is_windows(subject)).then(|| run(subject)).flatten()
}

fn run(subject: &Subject<'_>) -> Option<Violation> {
    let keeping = container::names(subject.spec, |view| {
        let capabilities = view.security.and_then(|it| it.capabilities.as_ref());
        let dropped = capabilities.map(|it| items(&it.drop)).unwrap_or_default();
        !dropped.iter().any(|name| name == "ALL")
    });
    let (adding, values) = added_beyond(subject, &["NET_BIND_SERVICE"]);
    let mut details = Vec::new();
    if !keeping.is_empty() {
        let keeping = containers(&keeping);
        details.push(format!(
            "{keeping} must set securityContext.capabilities.drop=[\"ALL\"]"
        ));
    }
    if !adding.is_empty() {
        details.push(detail(&adding, &values));
    }
    if details.is_empty() {
        return None;
    }
    violation("unrestricted capabilities", details.join("; "))
}
