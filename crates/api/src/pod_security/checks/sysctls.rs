//! `sysctls`: only kernel parameters are set that are the pod's own and do no harm outside it.

use super::{Check, Level, Subject, Versioned, Violation, violation};
use crate::pod::absent::items;

/// The parameters that are allowed, and since which version.
const ALLOWED: &[(u32, &str)] = &[
    (0, "kernel.shm_rmid_forced"),
    (0, "net.ipv4.ip_local_port_range"),
    (0, "net.ipv4.tcp_syncookies"),
    (0, "net.ipv4.ping_group_range"),
    (0, "net.ipv4.ip_unprivileged_port_start"),
    (27, "net.ipv4.ip_local_reserved_ports"),
    (29, "net.ipv4.tcp_keepalive_time"),
    (29, "net.ipv4.tcp_fin_timeout"),
    (29, "net.ipv4.tcp_keepalive_intvl"),
    (29, "net.ipv4.tcp_keepalive_probes"),
    (32, "net.ipv4.tcp_rmem"),
    (32, "net.ipv4.tcp_wmem"),
];

pub(super) static CHECK: Check = Check {
    id: "sysctls",
    level: Level::Baseline,
    versions: &[
        Versioned::since(0, |subject| run(subject, 0)),
        Versioned::since(27, |subject| run(subject, 27)),
        Versioned::since(29, |subject| run(subject, 29)),
        Versioned::since(32, |subject| run(subject, 32)),
    ],
};

fn run(subject: &Subject<'_>, version: u32) -> Option<Violation> {
    let context = subject.spec.security_context.as_ref()?;
    let names = items(&context.sysctls).iter().map(|it| it.name.as_str());
    let bad: Vec<&str> = names
        .filter(|name| {
            let mut allowed = ALLOWED.iter().filter(|(since, _)| *since <= version);
            !allowed.any(|(_, allowed)| allowed == name)
        })
        .collect();
    if bad.is_empty() {
        return None;
    }
    violation("forbidden sysctls", bad.join(", "))
}
