//! `windowsHostProcess`: on Windows, no container is a process of the host.

use k8s_openapi::api::core::v1::WindowsSecurityContextOptions;

use super::{Check, Level, Subject, Versioned, Violation, violation};
use crate::pod_security::container;
use crate::pod_security::phrases::setters;

pub(super) static CHECK: Check = Check {
    id: "windowsHostProcess",
    level: Level::Baseline,
    versions: &[Versioned::since(0, run)],
};

fn run(subject: &Subject<'_>) -> Option<Violation> {
    let is_host = |options: Option<&WindowsSecurityContextOptions>| {
        options.and_then(|options| options.host_process) == Some(true)
    };
    let pod = subject.spec.security_context.as_ref();
    let pod = is_host(pod.and_then(|it| it.windows_options.as_ref()));
    let names = container::names(subject.spec, |view| {
        is_host(view.security.and_then(|it| it.windows_options.as_ref()))
    });
    let who = setters(pod, &names)?;
    violation(
        "hostProcess",
        format!("{who} must not set securityContext.windowsOptions.hostProcess=true"),
    )
}
