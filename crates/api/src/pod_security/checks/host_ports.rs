//! `hostPorts`: no port of the host is taken.

use std::collections::BTreeSet;

use super::{Check, Level, Subject, Versioned, Violation, violation};
use crate::pod_security::container::{self, View};
use crate::pod_security::phrases::{containers, plural};

pub(super) static CHECK: Check = Check {
    id: "hostPorts",
    level: Level::Baseline,
    versions: &[Versioned::since(0, run)],
};

fn run(subject: &Subject<'_>) -> Option<Violation> {
    let taken = |view: &View<'_>| {
        let ports = view.ports.iter().filter_map(|port| port.host_port);
        ports.filter(|port| *port != 0).collect::<Vec<_>>()
    };
    let names = container::names(subject.spec, |view| !taken(view).is_empty());
    if names.is_empty() {
        return None;
    }
    // In the order of their digits.
    let ports = container::all(subject.spec).flat_map(|view| taken(&view));
    let ports: BTreeSet<String> = ports.map(|port| port.to_string()).collect();
    let detail = format!(
        "{} {} {} {}",
        containers(&names),
        plural(names.len(), "uses", "use"),
        plural(ports.len(), "hostPort", "hostPorts"),
        ports.into_iter().collect::<Vec<_>>().join(", ")
    );
    violation("hostPort", detail)
}
