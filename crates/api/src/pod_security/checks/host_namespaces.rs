//! `hostNamespaces`: a pod keeps out of the host's network, processes and IPC.

use super::{Check, Level, Subject, Versioned, Violation, violation};

pub(super) static CHECK: Check = Check {
    id: "hostNamespaces",
    level: Level::Baseline,
    versions: &[Versioned::since(0, run)],
};

fn run(subject: &Subject<'_>) -> Option<Violation> {
    let spec = subject.spec;
    let shared: Vec<&str> = [
        (spec.host_network, "hostNetwork=true"),
        (spec.host_pid, "hostPID=true"),
        (spec.host_ipc, "hostIPC=true"),
    ]
    .into_iter()
    .filter_map(|(is_shared, said)| (is_shared == Some(true)).then_some(said))
    .collect();
    if shared.is_empty() {
        return None;
    }
    violation("host namespaces", shared.join(", "))
}
