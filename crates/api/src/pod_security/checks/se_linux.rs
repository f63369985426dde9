//! `seLinuxOptions`: the type is one that is made for containers; user and role are not chosen.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::SELinuxOptions;

use super::{Check, Level, Subject, Versioned, Violation, violation};
use crate::pod::absent::text;
use crate::pod_security::container;
use crate::pod_security::phrases::{plural, quoted_set, setters};

const TYPES: &[&str] = &["", "container_t", "container_init_t", "container_kvm_t"];
const TYPES_SINCE_31: &[&str] = &[
    "",
    "container_t",
    "container_init_t",
    "container_kvm_t",
    "container_engine_t",
];

pub(super) static CHECK: Check = Check {
    id: "seLinuxOptions",
    level: Level::Baseline,
    versions: &[
        Versioned::since(0, |subject| run(subject, TYPES)),
        Versioned::since(31, |subject| run(subject, TYPES_SINCE_31)),
    ],
};

fn run(subject: &Subject<'_>, types: &[&str]) -> Option<Violation> {
    let spec = subject.spec;
    let is_bad = |options: &SELinuxOptions| {
        !types.contains(&text(&options.type_))
            || !text(&options.user).is_empty()
            || !text(&options.role).is_empty()
    };
    let pod = spec.security_context.as_ref();
    let pod = pod
        .and_then(|it| it.se_linux_options.as_ref())
        .filter(|it| is_bad(it));
    let names = container::names(spec, |view| {
        let options = view.security.and_then(|it| it.se_linux_options.as_ref());
        options.is_some_and(is_bad)
    });
    let who = setters(pod.is_some(), &names)?;
    let of_containers = container::all(spec)
        .filter_map(|view| view.security?.se_linux_options.as_ref())
        .filter(|it| is_bad(it));
    let bad: Vec<&SELinuxOptions> = pod.into_iter().chain(of_containers).collect();
    let kinds: BTreeSet<&str> = bad
        .iter()
        .map(|options| text(&options.type_))
        .filter(|kind| !types.contains(kind))
        .collect();
    let mut said = Vec::new();
    if !kinds.is_empty() {
        let word = plural(kinds.len(), "type", "types");
        said.push(format!("{word} {}", quoted_set(&kinds)));
    }
    if bad.iter().any(|options| !text(&options.user).is_empty()) {
        said.push("user may not be set".to_owned());
    }
    if bad.iter().any(|options| !text(&options.role).is_empty()) {
        said.push("role may not be set".to_owned());
    }
    violation(
        "seLinuxOptions",
        format!(
            "{who} set forbidden securityContext.seLinuxOptions: {}",
            said.join("; ")
        ),
    )
}
