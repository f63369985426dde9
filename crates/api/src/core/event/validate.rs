//! What holds for events in both groups since there are events.

use k8s_openapi::api::core::v1::Event;
use navarch_machinery::field::{Error, ErrorList, Path};

use crate::check::{dns_subdomain, qualified_name};

const MAX_SHORT: usize = 128;
const MAX_NOTE: usize = 1024;

/// Through which group an event comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// `v1`.
    Core,
    /// `events.k8s.io/v1`.
    Events,
}

/// Checks that namespaces agree, and of events with an event time that they say who reports what.
pub(crate) fn as_it_always_was(event: &Event, api: Api) -> ErrorList {
    let own = event.metadata.namespace.as_deref().unwrap_or_default();
    let about = event
        .involved_object
        .namespace
        .as_deref()
        .unwrap_or_default();
    let agree = match (event.event_time.is_some(), about) {
        (false, "") => matches!(own, "" | "default"),
        (false, about) => own == about,
        (true, "") => matches!(own, "default" | "kube-system"),
        (true, _) => true,
    };
    let mut errors = ErrorList::new();
    if !agree {
        let path = Path::new("involvedObject").child("namespace");
        errors.push(Error::invalid(
            &path,
            about,
            "does not match event.namespace",
        ));
    }
    if event.event_time.is_some() {
        errors.extend(says_enough(event, api));
    }
    errors.extend(dns_subdomain(own, &Path::new("namespace")));
    errors
}

fn says_enough(event: &Event, api: Api) -> ErrorList {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let controller = text(&event.reporting_component);
    let path = Path::new(if api == Api::Core {
        "reportingComponent"
    } else {
        "reportingController"
    });
    let mut errors = ErrorList::new();
    if controller.is_empty() {
        errors.push(Error::required(&path, ""));
    }
    errors.extend(qualified_name(&controller, &path));
    let fields = [
        ("reportingInstance", &event.reporting_instance),
        ("action", &event.action),
        ("reason", &event.reason),
    ];
    for (name, value) in fields {
        errors.extend(short(&text(value), name));
    }
    if text(&event.message).len() > MAX_NOTE {
        let detail = format!("can have at most {MAX_NOTE} characters");
        errors.push(Error::invalid(&Path::new("message"), "", detail));
    }
    errors
}

fn short(text: &str, name: &str) -> ErrorList {
    let path = Path::new(name);
    match text.len() {
        0 => vec![Error::required(&path, "")],
        length if length > MAX_SHORT => {
            vec![Error::invalid(
                &path,
                "",
                format!("can have at most {MAX_SHORT} characters"),
            )]
        }
        _ => ErrorList::new(),
    }
}
