//! Lifecycle hooks and the signal that stops a container.

use k8s_openapi::api::core::v1::Lifecycle;
use navarch_machinery::field::{Error, ErrorList, Path};

use super::super::check;
use super::super::context::Context;
use super::handlers::Handler;

/// Signals of Linux but the real-time ones, sorted.
const SIGNALS: &[&str] = &[
    "SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCLD", "SIGCONT", "SIGFPE", "SIGHUP", "SIGILL",
    "SIGINT", "SIGIO", "SIGIOT", "SIGKILL", "SIGPIPE", "SIGPOLL", "SIGPROF", "SIGPWR", "SIGQUIT",
];
/// The rest of them, which sort after the real-time signals.
const LATER_SIGNALS: &[&str] = &[
    "SIGSEGV",
    "SIGSTKFLT",
    "SIGSTOP",
    "SIGSYS",
    "SIGTERM",
    "SIGTRAP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGWINCH",
    "SIGXCPU",
    "SIGXFSZ",
];

/// The hooks of a container.
pub(super) fn check(
    errors: &mut ErrorList,
    path: &Path,
    lifecycle: &Lifecycle,
    context: &Context<'_>,
) {
    let grace = context.spec.termination_grace_period_seconds;
    for (name, handler) in [
        ("postStart", &lifecycle.post_start),
        ("preStop", &lifecycle.pre_stop),
    ] {
        if let Some(handler) = handler {
            Handler::from(handler).check(errors, &path.child(name), grace);
        }
    }
    if let Some(signal) = &lifecycle.stop_signal {
        check_signal(errors, &path.child("stopSignal"), signal, context.os());
    }
}

fn check_signal(errors: &mut ErrorList, path: &Path, signal: &str, os: Option<&str>) {
    match os {
        None => errors.push(Error::forbidden(
            path,
            "may not be set for containers with empty `spec.os.name`",
        )),
        Some("windows") => check::supported_value(errors, path, signal, &["SIGKILL", "SIGTERM"]),
        Some("linux") => {
            let real_time = real_time_signals();
            let supported: Vec<&str> = SIGNALS
                .iter()
                .copied()
                .chain(real_time.iter().map(String::as_str))
                .chain(LATER_SIGNALS.iter().copied())
                .collect();
            check::supported_value(errors, path, signal, &supported);
        }
        Some(_) => {}
    }
}

/// `SIGRTMIN+1` to `SIGRTMAX-1` and both ends, sorted as text.
fn real_time_signals() -> Vec<String> {
    let below = (1..=14).map(|n| format!("SIGRTMAX-{n}"));
    let above = (1..=15).map(|n| format!("SIGRTMIN+{n}"));
    let mut signals: Vec<String> = below
        .chain(above)
        .chain(["SIGRTMAX".into(), "SIGRTMIN".into()])
        .collect();
    signals.sort();
    signals
}
