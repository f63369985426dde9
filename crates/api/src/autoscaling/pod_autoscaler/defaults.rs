//! What a pod autoscaler leaves out.

use k8s_openapi::api::autoscaling::v2::{
    HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscalerSpec, HorizontalPodAutoscalerStatus,
    MetricSpec, MetricTarget, MetricValueStatus, ResourceMetricSource,
};

use crate::empty::drop_empty;
use crate::pod::amount;

/// The share of the CPU that pods ask for which they should use, in percent.
const CPU_UTILIZATION: i32 = 80;

pub(super) fn spec(spec: &mut HorizontalPodAutoscalerSpec) {
    drop_empty(&mut spec.scale_target_ref.api_version);
    spec.min_replicas.get_or_insert(1);
    let metrics = spec.metrics.get_or_insert_default();
    if metrics.is_empty() {
        metrics.push(cpu_metric(CPU_UTILIZATION));
    }
    metrics.iter_mut().for_each(canonicalize);
    if let Some(behavior) = &mut spec.behavior {
        let pods = policy("Pods", 4);
        let all = policy("Percent", 100);
        fill(&mut behavior.scale_up, Some(0), vec![pods, all.clone()]);
        fill(&mut behavior.scale_down, None, vec![all]);
    }
}

/// That pods should use this share of the CPU they ask for.
pub(in super::super) fn cpu_metric(percent: i32) -> MetricSpec {
    MetricSpec {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricSource {
            name: "cpu".to_owned(),
            target: MetricTarget {
                type_: "Utilization".to_owned(),
                average_utilization: Some(percent),
                ..Default::default()
            },
        }),
        ..Default::default()
    }
}

fn policy(kind: &str, value: i32) -> HPAScalingPolicy {
    HPAScalingPolicy {
        type_: kind.to_owned(),
        value,
        period_seconds: 15,
    }
}

fn fill(rules: &mut Option<HPAScalingRules>, window: Option<i32>, policies: Vec<HPAScalingPolicy>) {
    let rules = rules.get_or_insert_default();
    rules.select_policy.get_or_insert_with(|| "Max".to_owned());
    rules.policies.get_or_insert(policies);
    if rules.stabilization_window_seconds.is_none() {
        rules.stabilization_window_seconds = window;
    }
    drop_empty(&mut rules.policies);
    rules.tolerance.iter_mut().for_each(amount::canonicalize);
}

/// Amounts are written as Kubernetes does.
fn canonicalize(metric: &mut MetricSpec) {
    let targets: [Option<&mut MetricTarget>; 5] = [
        metric.container_resource.as_mut().map(|it| &mut it.target),
        metric.external.as_mut().map(|it| &mut it.target),
        metric.object.as_mut().map(|it| &mut it.target),
        metric.pods.as_mut().map(|it| &mut it.target),
        metric.resource.as_mut().map(|it| &mut it.target),
    ];
    for target in targets.into_iter().flatten() {
        target
            .average_value
            .iter_mut()
            .for_each(amount::canonicalize);
        target.value.iter_mut().for_each(amount::canonicalize);
    }
    if let Some(object) = &mut metric.object {
        drop_empty(&mut object.described_object.api_version);
    }
}

pub(super) fn status(status: &mut HorizontalPodAutoscalerStatus) {
    drop_empty(&mut status.current_replicas);
    drop_empty(&mut status.current_metrics);
    drop_empty(&mut status.conditions);
    for metric in status.current_metrics.iter_mut().flatten() {
        let values: [Option<&mut MetricValueStatus>; 5] = [
            metric.container_resource.as_mut().map(|it| &mut it.current),
            metric.external.as_mut().map(|it| &mut it.current),
            metric.object.as_mut().map(|it| &mut it.current),
            metric.pods.as_mut().map(|it| &mut it.current),
            metric.resource.as_mut().map(|it| &mut it.current),
        ];
        for value in values.into_iter().flatten() {
            value
                .average_value
                .iter_mut()
                .for_each(amount::canonicalize);
            value.value.iter_mut().for_each(amount::canonicalize);
        }
    }
}
