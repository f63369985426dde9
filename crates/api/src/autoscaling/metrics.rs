//! What a pod autoscaler goes by, as its table shows it: what is now, and what should be.

use k8s_openapi::api::autoscaling::v2::{
    MetricSpec, MetricStatus, MetricTarget, MetricValueStatus,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::pod::amount;

/// The most metrics that are shown.
const SHOWN: usize = 2;
const UNKNOWN: &str = "<unknown>";

/// `cpu: 50%/80%, 3/10 + 1 more...`.
pub(super) fn cell(specs: &[MetricSpec], statuses: &[MetricStatus]) -> String {
    if specs.is_empty() {
        return "<none>".to_owned();
    }
    let none = MetricStatus::default();
    let shown: Vec<String> = specs
        .iter()
        .enumerate()
        .take(SHOWN)
        .map(|(at, spec)| metric(spec, statuses.get(at).unwrap_or(&none)))
        .collect();
    let shown = shown.join(", ");
    match specs.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} + {more} more..."),
    }
}

fn metric(spec: &MetricSpec, status: &MetricStatus) -> String {
    match spec.type_.as_str() {
        "External" => {
            let current = status.external.as_ref().map(|it| &it.current);
            value(spec.external.as_ref().map(|it| &it.target), current)
        }
        "Object" => {
            let current = status.object.as_ref().map(|it| &it.current);
            value(spec.object.as_ref().map(|it| &it.target), current)
        }
        "Pods" => {
            let current = status.pods.as_ref().map(|it| &it.current);
            let target = spec.pods.as_ref().map(|it| &it.target);
            let target = target.and_then(|it| it.average_value.as_ref());
            format!("{}/{}", average(current), shown(target))
        }
        "Resource" => {
            let current = status.resource.as_ref().map(|it| &it.current);
            let spec = spec.resource.clone().unwrap_or_default();
            resource(&spec.name, &spec.target, current)
        }
        "ContainerResource" => {
            let current = status.container_resource.as_ref().map(|it| &it.current);
            let spec = spec.container_resource.clone().unwrap_or_default();
            resource(&spec.name, &spec.target, current)
        }
        _ => "<unknown type>".to_owned(),
    }
}

fn shown(value: Option<&Quantity>) -> String {
    value.map_or_else(|| "<nil>".to_owned(), amount::shown)
}

fn average(current: Option<&MetricValueStatus>) -> String {
    let value = current.and_then(|it| it.average_value.as_ref());
    value.map_or_else(|| UNKNOWN.to_owned(), amount::shown)
}

fn value(target: Option<&MetricTarget>, current: Option<&MetricValueStatus>) -> String {
    if let Some(target) = target.and_then(|it| it.average_value.as_ref()) {
        return format!("{}/{} (avg)", average(current), amount::shown(target));
    }
    let now = current.and_then(|it| it.value.as_ref());
    let now = now.map_or_else(|| UNKNOWN.to_owned(), amount::shown);
    format!("{now}/{}", shown(target.and_then(|it| it.value.as_ref())))
}

fn resource(name: &str, target: &MetricTarget, current: Option<&MetricValueStatus>) -> String {
    if let Some(target) = &target.average_value {
        return format!("{name}: {}/{}", average(current), amount::shown(target));
    }
    let percent = |share: i32| format!("{share}%");
    let now = current.and_then(|it| it.average_utilization);
    let now = now.map_or_else(|| UNKNOWN.to_owned(), percent);
    let target = target.average_utilization;
    let target = target.map_or_else(|| "<auto>".to_owned(), percent);
    format!("{name}: {now}/{target}")
}
