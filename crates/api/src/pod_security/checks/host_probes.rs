//! `hostProbesAndHostLifecycle`: what the node calls to see whether a container is well is the container, and no other host.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{HTTPGetAction, TCPSocketAction};

use super::{Check, Level, Subject, Versioned, Violation, violation};
use crate::pod::absent::text;
use crate::pod_security::container::{self, View};
use crate::pod_security::phrases::{plural, quoted_set};

pub(super) static CHECK: Check = Check {
    id: "hostProbesAndHostLifecycle",
    level: Level::Baseline,
    versions: &[Versioned::since(34, run)],
};

fn run(subject: &Subject<'_>) -> Option<Violation> {
    let calling = container::names(subject.spec, |view| !hosts(view).is_empty());
    let names: BTreeSet<&str> = calling.into_iter().collect();
    if names.is_empty() {
        return None;
    }
    let called: BTreeSet<&str> = container::all(subject.spec)
        .flat_map(|view| hosts(&view))
        .collect();
    let detail = format!(
        "{} {} {} {} {}",
        plural(names.len(), "container", "containers"),
        quoted_set(&names),
        plural(names.len(), "uses", "use"),
        plural(
            called.len(),
            "probe or lifecycle host",
            "probe or lifecycle hosts"
        ),
        quoted_set(&called)
    );
    violation("probe or lifecycle host", detail)
}

/// The hosts that a container's probes and hooks name.
fn hosts<'a>(view: &View<'a>) -> Vec<&'a str> {
    let probes = view.probes.into_iter().flatten();
    let mut named: Vec<&str> = probes
        .flat_map(|probe| host_of(probe.http_get.as_ref(), probe.tcp_socket.as_ref()))
        .collect();
    let hooks = view
        .lifecycle
        .into_iter()
        .flat_map(|it| [&it.post_start, &it.pre_stop]);
    named.extend(
        hooks
            .flatten()
            .flat_map(|hook| host_of(hook.http_get.as_ref(), hook.tcp_socket.as_ref())),
    );
    named
}

fn host_of<'a>(
    http: Option<&'a HTTPGetAction>,
    tcp: Option<&'a TCPSocketAction>,
) -> impl Iterator<Item = &'a str> {
    let hosts = [
        http.map(|action| text(&action.host)),
        tcp.map(|action| text(&action.host)),
    ];
    hosts.into_iter().flatten().filter(|host| !host.is_empty())
}
