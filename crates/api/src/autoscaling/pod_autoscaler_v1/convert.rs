//! Between the two versions. Version 1 knows one target of CPU; all else goes into annotations.

use k8s_openapi::api::autoscaling::v1::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec,
    HorizontalPodAutoscalerStatus,
};
use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference as StoredReference, HorizontalPodAutoscaler as Stored,
    HorizontalPodAutoscalerSpec as StoredSpec, HorizontalPodAutoscalerStatus as StoredStatus,
    MetricSpec, MetricStatus, MetricValueStatus, ResourceMetricStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::{annotated, behavior};
use crate::autoscaling::pod_autoscaler::{cpu_metric, notes};

/// The share of the CPU that pods ask for, where nothing is said of any metric.
const CPU_UTILIZATION: i32 = 80;

/// The target of CPU that version 1 has a field for.
fn cpu_target(metric: &MetricSpec) -> Option<i32> {
    let resource = metric.resource.as_ref().filter(|it| it.name == "cpu")?;
    resource
        .target
        .average_utilization
        .filter(|_| metric.type_ == "Resource")
}

pub(super) fn from_stored(stored: &Stored) -> HorizontalPodAutoscaler {
    let (spec, status) = (&stored.spec, stored.status.clone().unwrap_or_default());
    let metrics = spec.metrics.as_deref().unwrap_or_default();
    let current = status.current_metrics.clone().unwrap_or_default();
    let mut metadata = stored.metadata.clone();
    notes::drop_from(&mut metadata);
    let others: Vec<annotated::Metric> = metrics
        .iter()
        .filter(|metric| cpu_target(metric).is_none())
        .map(Into::into)
        .collect();
    note(&mut metadata, notes::METRICS, &others);
    let statuses: Vec<annotated::MetricNow> = current.iter().map(Into::into).collect();
    note(&mut metadata, notes::CURRENT_METRICS, &statuses);
    if let Some(given) = &spec.behavior {
        let text = behavior::to_text(given);
        set(&mut metadata, notes::BEHAVIOR, text);
    }
    let conditions: Vec<annotated::Condition> =
        status.conditions.iter().flatten().map(Into::into).collect();
    note(&mut metadata, notes::CONDITIONS, &conditions);
    let target = &spec.scale_target_ref;
    HorizontalPodAutoscaler {
        metadata,
        spec: HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: target.api_version.clone(),
                kind: target.kind.clone(),
                name: target.name.clone(),
            },
            min_replicas: spec.min_replicas,
            max_replicas: spec.max_replicas,
            target_cpu_utilization_percentage: metrics.iter().find_map(cpu_target),
        },
        status: Some(HorizontalPodAutoscalerStatus {
            current_cpu_utilization_percentage: current.iter().rev().find_map(cpu_now),
            current_replicas: status.current_replicas.unwrap_or_default(),
            desired_replicas: status.desired_replicas,
            last_scale_time: status.last_scale_time,
            observed_generation: status.observed_generation,
        }),
    }
}

fn cpu_now(metric: &MetricStatus) -> Option<i32> {
    let resource = metric.resource.as_ref().filter(|it| it.name == "cpu")?;
    resource
        .current
        .average_utilization
        .filter(|_| metric.type_ == "Resource")
}

fn note<T: Serialize>(meta: &mut ObjectMeta, key: &str, list: &[T]) {
    if !list.is_empty() {
        // These have only members that JSON has.
        set(meta, key, serde_json::to_string(list).unwrap_or_default());
    }
}

fn set(meta: &mut ObjectMeta, key: &str, text: String) {
    let annotations = meta.annotations.get_or_insert_default();
    annotations.insert(key.to_owned(), text);
}

/// What cannot be read in an annotation is passed over, as if it were not there.
pub(super) fn to_stored(autoscaler: &HorizontalPodAutoscaler) -> Stored {
    let (spec, status) = (
        &autoscaler.spec,
        autoscaler.status.clone().unwrap_or_default(),
    );
    let mut metadata = autoscaler.metadata.clone();
    let annotations = metadata.annotations.clone().unwrap_or_default();
    let noted = |key: &str| annotations.get(key).map(String::as_str);
    notes::drop_from(&mut metadata);
    let target = &spec.scale_target_ref;
    let conditions: Option<Vec<annotated::Condition>> =
        noted(notes::CONDITIONS).and_then(|text| serde_json::from_str(text).ok());
    Stored {
        metadata,
        spec: StoredSpec {
            scale_target_ref: StoredReference {
                api_version: target.api_version.clone(),
                kind: target.kind.clone(),
                name: target.name.clone(),
            },
            min_replicas: spec.min_replicas,
            max_replicas: spec.max_replicas,
            metrics: Some(metrics(spec, noted(notes::METRICS))),
            behavior: noted(notes::BEHAVIOR).and_then(behavior::from_text),
        },
        status: Some(StoredStatus {
            conditions: conditions.map(|list| list.into_iter().map(Into::into).collect()),
            current_metrics: current_metrics(&status, noted(notes::CURRENT_METRICS)),
            current_replicas: Some(status.current_replicas).filter(|count| *count != 0),
            desired_replicas: status.desired_replicas,
            last_scale_time: status.last_scale_time,
            observed_generation: status.observed_generation,
        }),
    }
}

fn metrics(spec: &HorizontalPodAutoscalerSpec, noted: Option<&str>) -> Vec<MetricSpec> {
    let others: Vec<annotated::Metric> = noted
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let mut metrics: Vec<MetricSpec> = others.into_iter().map(Into::into).collect();
    metrics.extend(spec.target_cpu_utilization_percentage.map(cpu_metric));
    if metrics.is_empty() {
        metrics.push(cpu_metric(CPU_UTILIZATION));
    }
    metrics
}

fn current_metrics(
    status: &HorizontalPodAutoscalerStatus,
    noted: Option<&str>,
) -> Option<Vec<MetricStatus>> {
    let noted: Option<Vec<annotated::MetricNow>> =
        noted.and_then(|text| serde_json::from_str(text).ok());
    if let Some(noted) = noted {
        // The note says more than the field.
        return Some(noted.into_iter().map(Into::into).collect());
    }
    let share = status.current_cpu_utilization_percentage?;
    Some(vec![MetricStatus {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricStatus {
            name: "cpu".to_owned(),
            current: MetricValueStatus {
                average_utilization: Some(share),
                ..Default::default()
            },
        }),
        ..Default::default()
    }])
}
