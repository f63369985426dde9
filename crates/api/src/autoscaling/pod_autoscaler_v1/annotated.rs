//! What annotations hold of metrics and conditions: the fields of version 1's own types, in their order.

use k8s_openapi::api::autoscaling::v2::{
    ContainerResourceMetricSource, ContainerResourceMetricStatus, CrossVersionObjectReference,
    ExternalMetricSource, ExternalMetricStatus, HorizontalPodAutoscalerCondition, MetricIdentifier,
    MetricSpec, MetricStatus, MetricTarget, MetricValueStatus, ObjectMetricSource,
    ObjectMetricStatus, PodsMetricSource, PodsMetricStatus, ResourceMetricSource,
    ResourceMetricStatus,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, Time};
use navarch_machinery::quantity::Quantity as Number;
use serde::{Deserialize, Serialize};

type Selector = Option<LabelSelector>;

/// A structure of version 1. Members that may be missing are left out; others are as if they were zero.
macro_rules! wire {
    ($name:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* }) => {
        #[derive(Debug, Default, Clone, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub(super) struct $name { $($(#[$meta])* $field: $type,)* }
    };
}

wire!(Metric {
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<Object>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pods: Option<Pods>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<Resource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_resource: Option<ContainerResource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external: Option<External>,
});
wire!(Reference {
    kind: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<String>,
});
wire!(Object {
    target: Reference,
    metric_name: String,
    target_value: Zero,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Selector,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_value: Option<Quantity>,
});
wire!(Pods {
    metric_name: String,
    target_average_value: Zero,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Selector,
});
wire!(Resource {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_average_utilization: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_average_value: Option<Quantity>,
});
wire!(ContainerResource {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_average_utilization: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_average_value: Option<Quantity>,
    container: String,
});
wire!(External {
    metric_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_selector: Selector,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_value: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_average_value: Option<Quantity>,
});
wire!(MetricNow {
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<ObjectNow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pods: Option<PodsNow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<ResourceNow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_resource: Option<ContainerResourceNow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external: Option<ExternalNow>,
});
wire!(ObjectNow {
    target: Reference,
    metric_name: String,
    current_value: Zero,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Selector,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_value: Option<Quantity>,
});
wire!(PodsNow {
    metric_name: String,
    current_average_value: Zero,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Selector,
});
wire!(ResourceNow {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_average_utilization: Option<i32>,
    current_average_value: Zero,
});
wire!(ContainerResourceNow {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_average_utilization: Option<i32>,
    current_average_value: Zero,
    container: String,
});
wire!(ExternalNow {
    metric_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_selector: Selector,
    current_value: Zero,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_average_value: Option<Quantity>,
});
wire!(Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    last_transition_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
});

/// An amount that is always written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Zero(Quantity);

impl Default for Zero {
    fn default() -> Self {
        Self(Quantity("0".to_owned()))
    }
}

impl From<&Option<Quantity>> for Zero {
    fn from(value: &Option<Quantity>) -> Self {
        value.clone().map_or_else(Self::default, Self)
    }
}

impl Zero {
    fn non_zero(self) -> Option<Quantity> {
        let number = Number::try_from(&self.0).unwrap_or_default();
        (!number.is_zero()).then_some(self.0)
    }
}

impl From<&CrossVersionObjectReference> for Reference {
    fn from(it: &CrossVersionObjectReference) -> Self {
        Self {
            kind: it.kind.clone(),
            name: it.name.clone(),
            api_version: it.api_version.clone(),
        }
    }
}

impl From<Reference> for CrossVersionObjectReference {
    fn from(it: Reference) -> Self {
        Self {
            kind: it.kind,
            name: it.name,
            api_version: it.api_version,
        }
    }
}

impl From<&MetricSpec> for Metric {
    fn from(metric: &MetricSpec) -> Self {
        Self {
            kind: metric.type_.clone(),
            object: metric.object.as_ref().map(|it| Object {
                target: (&it.described_object).into(),
                metric_name: it.metric.name.clone(),
                target_value: (&it.target.value).into(),
                selector: it.metric.selector.clone(),
                average_value: it.target.average_value.clone(),
            }),
            pods: metric.pods.as_ref().map(|it| Pods {
                metric_name: it.metric.name.clone(),
                target_average_value: (&it.target.average_value).into(),
                selector: it.metric.selector.clone(),
            }),
            resource: metric.resource.as_ref().map(|it| Resource {
                name: it.name.clone(),
                target_average_utilization: it.target.average_utilization,
                target_average_value: it.target.average_value.clone(),
            }),
            container_resource: metric
                .container_resource
                .as_ref()
                .map(|it| ContainerResource {
                    name: it.name.clone(),
                    target_average_utilization: it.target.average_utilization,
                    target_average_value: it.target.average_value.clone(),
                    container: it.container.clone(),
                }),
            external: metric.external.as_ref().map(|it| External {
                metric_name: it.metric.name.clone(),
                metric_selector: it.metric.selector.clone(),
                target_value: it.target.value.clone(),
                target_average_value: it.target.average_value.clone(),
            }),
        }
    }
}

fn identifier(name: String, selector: Selector) -> MetricIdentifier {
    MetricIdentifier { name, selector }
}

/// What is to be reached; its type follows from what is there.
fn target(kind: &str, value: Option<Quantity>, average_value: Option<Quantity>) -> MetricTarget {
    MetricTarget {
        type_: kind.to_owned(),
        value,
        average_value,
        average_utilization: None,
    }
}

fn share(utilization: Option<i32>, average_value: Option<Quantity>) -> MetricTarget {
    let kind = match utilization {
        Some(_) => "Utilization",
        None => "AverageValue",
    };
    MetricTarget {
        average_utilization: utilization,
        ..target(kind, None, average_value)
    }
}

impl From<Metric> for MetricSpec {
    fn from(metric: Metric) -> Self {
        Self {
            type_: metric.kind,
            object: metric.object.map(|it| ObjectMetricSource {
                described_object: it.target.into(),
                metric: identifier(it.metric_name, it.selector),
                target: match it.average_value {
                    None => target("Value", Some(it.target_value.0), None),
                    average => target("AverageValue", it.target_value.non_zero(), average),
                },
            }),
            pods: metric.pods.map(|it| PodsMetricSource {
                metric: identifier(it.metric_name, it.selector),
                target: target("AverageValue", None, Some(it.target_average_value.0)),
            }),
            resource: metric.resource.map(|it| ResourceMetricSource {
                name: it.name,
                target: share(it.target_average_utilization, it.target_average_value),
            }),
            container_resource: metric
                .container_resource
                .map(|it| ContainerResourceMetricSource {
                    name: it.name,
                    container: it.container,
                    target: share(it.target_average_utilization, it.target_average_value),
                }),
            external: metric.external.map(|it| ExternalMetricSource {
                metric: identifier(it.metric_name, it.metric_selector),
                target: match it.target_value {
                    None => target("AverageValue", None, it.target_average_value),
                    value => target("Value", value, it.target_average_value),
                },
            }),
        }
    }
}

impl From<&MetricStatus> for MetricNow {
    fn from(metric: &MetricStatus) -> Self {
        Self {
            kind: metric.type_.clone(),
            object: metric.object.as_ref().map(|it| ObjectNow {
                target: (&it.described_object).into(),
                metric_name: it.metric.name.clone(),
                current_value: (&it.current.value).into(),
                selector: it.metric.selector.clone(),
                average_value: it.current.average_value.clone(),
            }),
            pods: metric.pods.as_ref().map(|it| PodsNow {
                metric_name: it.metric.name.clone(),
                current_average_value: (&it.current.average_value).into(),
                selector: it.metric.selector.clone(),
            }),
            resource: metric.resource.as_ref().map(|it| ResourceNow {
                name: it.name.clone(),
                current_average_utilization: it.current.average_utilization,
                current_average_value: (&it.current.average_value).into(),
            }),
            container_resource: metric
                .container_resource
                .as_ref()
                .map(|it| ContainerResourceNow {
                    name: it.name.clone(),
                    current_average_utilization: it.current.average_utilization,
                    current_average_value: (&it.current.average_value).into(),
                    container: it.container.clone(),
                }),
            external: metric.external.as_ref().map(|it| ExternalNow {
                metric_name: it.metric.name.clone(),
                metric_selector: it.metric.selector.clone(),
                current_value: (&it.current.value).into(),
                current_average_value: it.current.average_value.clone(),
            }),
        }
    }
}

fn now(value: Option<Quantity>, average_value: Option<Quantity>) -> MetricValueStatus {
    MetricValueStatus {
        value,
        average_value,
        average_utilization: None,
    }
}

impl From<MetricNow> for MetricStatus {
    fn from(metric: MetricNow) -> Self {
        let share = |utilization, average: Zero| MetricValueStatus {
            average_utilization: utilization,
            ..now(None, Some(average.0))
        };
        Self {
            type_: metric.kind,
            object: metric.object.map(|it| ObjectMetricStatus {
                described_object: it.target.into(),
                metric: identifier(it.metric_name, it.selector),
                current: now(Some(it.current_value.0), it.average_value),
            }),
            pods: metric.pods.map(|it| PodsMetricStatus {
                metric: identifier(it.metric_name, it.selector),
                current: now(None, Some(it.current_average_value.0)),
            }),
            resource: metric.resource.map(|it| ResourceMetricStatus {
                name: it.name,
                current: share(it.current_average_utilization, it.current_average_value),
            }),
            container_resource: metric
                .container_resource
                .map(|it| ContainerResourceMetricStatus {
                    name: it.name,
                    container: it.container,
                    current: share(it.current_average_utilization, it.current_average_value),
                }),
            external: metric.external.map(|it| ExternalMetricStatus {
                metric: identifier(it.metric_name, it.metric_selector),
                current: now(Some(it.current_value.0), it.current_average_value),
            }),
        }
    }
}

impl From<&HorizontalPodAutoscalerCondition> for Condition {
    fn from(it: &HorizontalPodAutoscalerCondition) -> Self {
        Self {
            kind: it.type_.clone(),
            status: it.status.clone(),
            last_transition_time: it.last_transition_time.clone(),
            reason: it.reason.clone(),
            message: it.message.clone(),
        }
    }
}

impl From<Condition> for HorizontalPodAutoscalerCondition {
    fn from(it: Condition) -> Self {
        Self {
            type_: it.kind,
            status: it.status,
            last_transition_time: it.last_transition_time,
            reason: it.reason,
            message: it.message,
        }
    }
}
