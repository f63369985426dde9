//! Where a pod autoscaler takes its numbers from, and what they should be.

use k8s_openapi::api::autoscaling::v2::{MetricIdentifier, MetricSpec, MetricTarget};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::validate::{Allowed, reference};
use crate::check::{dns_label, found};
use crate::naming;
use crate::pod::{amount, validate_container_resource_name};

const TYPES: &[&str] = &[
    "ContainerResource",
    "External",
    "Object",
    "Pods",
    "Resource",
];

/// Checks a metric: its type, and that it has the one source that the type says.
pub(super) fn validate(metric: &MetricSpec, allowed: Allowed, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let (kind, at) = (metric.type_.as_str(), path.child("type"));
    let unsupported = || Error::not_supported(&at, kind, TYPES);
    if kind.is_empty() {
        errors.push(Error::required(&at, "must specify a metric source type"));
    }
    let is_known = TYPES.contains(&kind);
    if !is_known {
        errors.push(unsupported());
    }
    let present: Vec<&str> = [
        ("object", metric.object.is_some()),
        ("external", metric.external.is_some()),
        ("pods", metric.pods.is_some()),
        ("resource", metric.resource.is_some()),
        ("containerResource", metric.container_resource.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, is_there)| is_there.then_some(name))
    .collect();
    if let Some(first) = present.first() {
        errors.extend(source(metric, first, allowed, &path.child(first)));
    }
    let expected = match kind {
        "ContainerResource" => "containerResource",
        "External" => "external",
        "Object" => "object",
        "Pods" => "pods",
        "Resource" => "resource",
        _ => "",
    };
    if !is_known {
        // Kubernetes says it once more.
        errors.push(unsupported());
    } else if !present.contains(&expected) {
        let detail = "must populate information for the given metric source";
        errors.push(Error::required(&path.child(expected), detail));
    }
    if present.len() != 1 {
        let others = present.iter().filter(|name| **name != expected);
        errors.extend(others.map(|name| {
            let detail = "must populate the given metric source only";
            Error::forbidden(&path.child(name), detail)
        }));
    }
    errors
}

fn source(metric: &MetricSpec, name: &str, allowed: Allowed, path: &Path) -> ErrorList {
    match name {
        "object" => metric.object.as_ref().map_or_else(ErrorList::new, |it| {
            let at = path.child("describedObject");
            let mut errors = reference(&it.described_object, allowed, &at);
            errors.extend(identified(&it.metric, &it.target, path));
            let detail = "must set either a target value or averageValue";
            errors.extend(neither(&it.target, detail, path));
            errors
        }),
        "external" => metric.external.as_ref().map_or_else(ErrorList::new, |it| {
            let mut errors = identified(&it.metric, &it.target, path);
            let detail = "must set either a target value for metric or a per-pod target";
            errors.extend(neither(&it.target, detail, path));
            if it.target.value.is_some() && it.target.average_value.is_some() {
                let path = path.child("target").child("value");
                let detail = "may not set both a target value for metric and a per-pod target";
                errors.push(Error::forbidden(&path, detail));
            }
            errors
        }),
        "pods" => metric.pods.as_ref().map_or_else(ErrorList::new, |it| {
            let mut errors = identified(&it.metric, &it.target, path);
            if it.target.average_value.is_none() {
                let path = path.child("target").child("averageValue");
                let detail = "must specify a positive target averageValue";
                errors.push(Error::required(&path, detail));
            }
            errors
        }),
        "resource" => metric.resource.as_ref().map_or_else(ErrorList::new, |it| {
            let mut errors = ErrorList::new();
            if it.name.is_empty() {
                let detail = "must specify a resource name";
                errors.push(Error::required(&path.child("name"), detail));
            }
            errors.extend(of_resource(&it.target, &path.child("target")));
            errors
        }),
        _ => metric
            .container_resource
            .as_ref()
            .map_or_else(ErrorList::new, |it| {
                let mut errors = container(&it.name, &it.container, path);
                errors.extend(of_resource(&it.target, &path.child("target")));
                errors
            }),
    }
}

fn container(name: &str, container: &str, path: &Path) -> ErrorList {
    let (name_at, container_at) = (path.child("name"), path.child("container"));
    let mut errors = match name {
        "" => vec![Error::required(&name_at, "must specify a resource name")],
        name => validate_container_resource_name(name, &name_at),
    };
    errors.extend(match container {
        "" => vec![Error::required(&container_at, "must specify a container")],
        container => dns_label(container, &container_at),
    });
    errors
}

/// A name that can be part of a path.
pub(super) fn path_segment(name: &str, path: &Path) -> ErrorList {
    found(name, naming::path_segment(name, false), path)
}

fn identified(metric: &MetricIdentifier, target: &MetricTarget, path: &Path) -> ErrorList {
    let at = path.child("metric").child("name");
    let mut errors = match metric.name.as_str() {
        "" => vec![Error::required(&at, "must specify a metric name")],
        name => path_segment(name, &at),
    };
    errors.extend(of_target(target, &path.child("target")));
    errors
}

fn neither(target: &MetricTarget, detail: &str, path: &Path) -> Option<Error> {
    let path = path.child("target").child("averageValue");
    (target.value.is_none() && target.average_value.is_none())
        .then(|| Error::required(&path, detail))
}

fn of_target(target: &MetricTarget, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let (kind, at) = (target.type_.as_str(), path.child("type"));
    if kind.is_empty() {
        errors.push(Error::required(&at, "must specify a metric target type"));
    }
    if !matches!(kind, "Utilization" | "Value" | "AverageValue") {
        let detail = "must be either Utilization, Value, or AverageValue";
        errors.push(Error::invalid(&at, kind, detail));
    }
    for (name, value) in [
        ("value", &target.value),
        ("averageValue", &target.average_value),
    ] {
        if let Some(value) = value.as_ref().filter(|value| !amount::is_positive(value)) {
            let shown = amount::shown(value);
            errors.push(Error::invalid(&path.child(name), shown, "must be positive"));
        }
    }
    if let Some(share) = target.average_utilization.filter(|share| *share < 1) {
        let path = path.child("averageUtilization");
        errors.push(Error::invalid(&path, share, "must be greater than 0"));
    }
    errors
}

/// A resource is measured either as it is or against what was asked for.
fn of_resource(target: &MetricTarget, path: &Path) -> ErrorList {
    let mut errors = of_target(target, path);
    match (target.average_utilization, &target.average_value) {
        (None, None) => {
            let detail = "must set either a target raw value or a target utilization";
            errors.push(Error::required(&path.child("averageUtilization"), detail));
        }
        (Some(_), Some(_)) => {
            let detail = "may not set both a target raw value and a target utilization";
            errors.push(Error::forbidden(&path.child("averageValue"), detail));
        }
        _ => {}
    }
    errors
}
