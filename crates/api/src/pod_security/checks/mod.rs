//! The checks, a file each.

mod app_armor;
mod baseline_capabilities;
mod baseline_seccomp;
mod host_namespaces;
mod host_path_volumes;
mod host_ports;
mod host_probes;
mod privilege_escalation;
mod privileged;
mod proc_mount;
mod restricted_capabilities;
mod restricted_seccomp;
mod restricted_volumes;
mod run_as_non_root;
mod run_as_user;
mod se_linux;
mod sysctls;
mod windows_host_process;

use super::{Level, Subject, Violation};

/// One check. `id` is Kubernetes' name for it, and its place in the order.
pub(super) struct Check {
    pub(super) id: &'static str,
    /// The level that it came with: of those above it, it is one as well.
    pub(super) level: Level,
    /// Its forms, oldest first.
    pub(super) versions: &'static [Versioned],
}

/// A check as it has been since a minor version of Kubernetes 1.
pub(super) struct Versioned {
    pub(super) since: u32,
    pub(super) run: fn(&Subject<'_>) -> Option<Violation>,
    /// The checks of baseline that it stands for.
    pub(super) overrides: &'static [&'static str],
}

impl Versioned {
    const fn since(since: u32, run: fn(&Subject<'_>) -> Option<Violation>) -> Self {
        Self {
            since,
            run,
            overrides: &[],
        }
    }

    const fn instead_of(self, overrides: &'static [&'static str]) -> Self {
        Self { overrides, ..self }
    }
}

/// All checks in the order of findings: by level, then by name.
pub(super) static ALL: &[&Check] = &[
    &app_armor::CHECK,
    &baseline_capabilities::CHECK,
    &host_namespaces::CHECK,
    &host_path_volumes::CHECK,
    &host_ports::CHECK,
    &host_probes::CHECK,
    &privileged::CHECK,
    &proc_mount::CHECK,
    &se_linux::CHECK,
    &baseline_seccomp::CHECK,
    &sysctls::CHECK,
    &windows_host_process::CHECK,
    &privilege_escalation::CHECK,
    &restricted_capabilities::CHECK,
    &proc_mount::RESTRICTED,
    &restricted_volumes::CHECK,
    &run_as_non_root::CHECK,
    &run_as_user::CHECK,
    &restricted_seccomp::CHECK,
];

fn violation(reason: &str, detail: impl Into<String>) -> Option<Violation> {
    Some(Violation {
        reason: reason.to_owned(),
        detail: detail.into(),
    })
}

/// Whether the pod is for Windows, where much of what is checked does not exist: its validation refuses to set it.
fn is_windows(subject: &Subject<'_>) -> bool {
    let os = subject.spec.os.as_ref();
    os.is_some_and(|os| os.name == "windows")
}

/// Whether the pod has users of its own: its root is nobody on the host.
fn has_own_users(subject: &Subject<'_>) -> bool {
    subject.spec.host_users == Some(false)
}
