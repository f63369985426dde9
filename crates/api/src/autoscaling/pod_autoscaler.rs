//! Horizontal pod autoscalers as they are stored: version 2.

mod defaults;
mod source;
mod validate;

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerStatus};
use navarch_machinery::field::{ErrorList, Path};
use serde_json::Value;

use super::metrics;
use crate::cell;
use crate::check::non_negative;
use crate::def::Column;
use crate::naming;
use crate::strategy::{Hooks, Part};

pub(super) use defaults::cpu_metric;

/// Annotations that hold, in version 1, what only version 2 has fields for. No object of version 2 has them.
pub(crate) mod notes {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    pub(crate) const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
    pub(crate) const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
    pub(crate) const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
    pub(crate) const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
    pub(crate) const ALL: &[&str] = &[
        METRICS,
        CURRENT_METRICS,
        CONDITIONS,
        BEHAVIOR,
        "autoscaling.alpha.kubernetes.io/scale-down-tolerance",
        "autoscaling.alpha.kubernetes.io/scale-up-tolerance",
    ];

    /// Takes them off.
    pub(crate) fn drop_from(meta: &mut ObjectMeta) {
        let Some(annotations) = &mut meta.annotations else {
            return;
        };
        annotations.retain(|key, _| !ALL.contains(&key.as_str()));
        if annotations.is_empty() {
            meta.annotations = None;
        }
    }
}

/// The columns of both versions.
pub(super) const COLUMNS: &[Column] = &[
    cell::NAME,
    Column::of(
        "Reference",
        "string",
        "",
        0,
        "scaleTargetRef points to the target resource to scale, and is used to the pods for which metrics should be collected, as well as to actually change the replica count.",
    ),
    Column::of(
        "Targets",
        "string",
        "",
        0,
        "metrics contains the specifications for which to use to calculate the desired replica count (the maximum replica count across all metrics will be used).  The desired replica count is calculated multiplying the ratio between the target value and the current value by the current number of pods.  Ergo, metrics used must decrease as the pod count is increased, and vice-versa.  See the individual metric source types for more information about how each type of metric must respond. If not set, the default metric will be set to 80% average CPU utilization.",
    ),
    Column::of(
        "MinPods",
        "string",
        "",
        0,
        "minReplicas is the lower limit for the number of replicas to which the autoscaler can scale down.  It defaults to 1 pod.  minReplicas is allowed to be 0 if the alpha feature gate HPAScaleToZero is enabled and at least one Object or External metric is configured.  Scaling is active as long as at least one metric value is available.",
    ),
    Column::of(
        "MaxPods",
        "string",
        "",
        0,
        "maxReplicas is the upper limit for the number of replicas to which the autoscaler can scale up. It cannot be less that minReplicas.",
    ),
    Column::of(
        "Replicas",
        "string",
        "",
        0,
        "currentReplicas is current number of replicas of pods managed by this autoscaler, as last seen by the autoscaler.",
    ),
    cell::AGE,
];

impl Hooks for HorizontalPodAutoscaler {
    const COLUMNS: &'static [Column] = COLUMNS;

    fn apply_defaults(&mut self) {
        notes::drop_from(&mut self.metadata);
        defaults::spec(&mut self.spec);
        defaults::status(self.status.get_or_insert_default());
    }

    fn prepare_for_create(&mut self) {
        self.status = Some(HorizontalPodAutoscalerStatus::default());
    }

    fn prepare_for_update(&mut self, part: Part, old: &Self) {
        if part == Part::Status {
            self.spec.clone_from(&old.spec);
        } else {
            self.status.clone_from(&old.status);
        }
    }

    fn name_errors(name: &str, prefix: bool) -> Vec<String> {
        naming::subdomain(name, prefix)
    }

    fn validate(&self) -> ErrorList {
        validate::spec(&self.spec, None)
    }

    fn validate_change(&self, part: Part, old: &Self) -> ErrorList {
        if part != Part::Status {
            return validate::spec(&self.spec, Some(&old.spec));
        }
        let status = self.status.clone().unwrap_or_default();
        let path = Path::new("status");
        let current = status.current_replicas.unwrap_or_default();
        let mut errors = non_negative(current.into(), &path.child("currentReplicas"));
        errors.extend(non_negative(
            status.desired_replicas.into(),
            &path.child("desiredReplicas"),
        ));
        errors
    }

    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let (spec, status) = (&self.spec, self.status.clone().unwrap_or_default());
        let least = spec.min_replicas;
        let target = &spec.scale_target_ref;
        let metrics = metrics::cell(
            spec.metrics.as_deref().unwrap_or_default(),
            status.current_metrics.as_deref().unwrap_or_default(),
        );
        vec![
            cell::name(&self.metadata),
            format!("{}/{}", target.kind, target.name).into(),
            metrics.into(),
            least
                .map_or("<unset>".to_owned(), |least| least.to_string())
                .into(),
            spec.max_replicas.into(),
            status.current_replicas.unwrap_or_default().into(),
            cell::age(&self.metadata, now),
        ]
    }
}
