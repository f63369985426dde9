//! The annotation that holds the behavior: under the names that Kubernetes has for its fields inside.

use k8s_openapi::api::autoscaling::v2::{
    HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscalerBehavior,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Behavior {
    scale_up: Option<Rules>,
    scale_down: Option<Rules>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Rules {
    stabilization_window_seconds: Option<i32>,
    select_policy: Option<String>,
    policies: Option<Vec<Policy>>,
    tolerance: Option<Quantity>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Policy {
    #[serde(rename = "Type")]
    kind: String,
    value: i32,
    period_seconds: i32,
}

pub(super) fn to_text(behavior: &HorizontalPodAutoscalerBehavior) -> String {
    let rules = |rules: &Option<HPAScalingRules>| {
        rules.clone().map(|rules| Rules {
            stabilization_window_seconds: rules.stabilization_window_seconds,
            select_policy: rules.select_policy,
            policies: rules
                .policies
                .map(|list| list.into_iter().map(Into::into).collect()),
            tolerance: rules.tolerance,
        })
    };
    let behavior = Behavior {
        scale_up: rules(&behavior.scale_up),
        scale_down: rules(&behavior.scale_down),
    };
    // It has only members that JSON has.
    serde_json::to_string(&behavior).unwrap_or_default()
}

/// `None` where it cannot be read, or says nothing.
pub(super) fn from_text(text: &str) -> Option<HorizontalPodAutoscalerBehavior> {
    let behavior: Behavior = serde_json::from_str(text).ok()?;
    if behavior.scale_up.is_none() && behavior.scale_down.is_none() {
        return None;
    }
    let rules = |rules: Option<Rules>| {
        rules.map(|rules| HPAScalingRules {
            stabilization_window_seconds: rules.stabilization_window_seconds,
            select_policy: rules.select_policy,
            policies: rules
                .policies
                .map(|list| list.into_iter().map(Into::into).collect()),
            tolerance: rules.tolerance,
        })
    };
    Some(HorizontalPodAutoscalerBehavior {
        scale_up: rules(behavior.scale_up),
        scale_down: rules(behavior.scale_down),
    })
}

impl From<HPAScalingPolicy> for Policy {
    fn from(policy: HPAScalingPolicy) -> Self {
        Self {
            kind: policy.type_,
            value: policy.value,
            period_seconds: policy.period_seconds,
        }
    }
}

impl From<Policy> for HPAScalingPolicy {
    fn from(policy: Policy) -> Self {
        Self {
            type_: policy.kind,
            value: policy.value,
            period_seconds: policy.period_seconds,
        }
    }
}
