//! What a pod autoscaler may say.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscalerSpec,
};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::source::{self, path_segment};
use crate::check::one_of;
use crate::pod::amount;

/// The longest a policy may look back, in seconds.
const MAX_PERIOD: i32 = 1800;
/// The longest stabilization window, in seconds.
const MAX_WINDOW: i32 = 3600;

/// What a reference may be like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// No group: the core one.
    pub(super) no_group: bool,
    /// Whatever version there was before.
    pub(super) any_version: bool,
}

/// Checks a spec; of an update also by what it was `old`.
pub(super) fn spec(
    spec: &HorizontalPodAutoscalerSpec,
    old: Option<&HorizontalPodAutoscalerSpec>,
) -> ErrorList {
    let path = Path::new("spec");
    // Scaling to none is off in this release: it may only stay.
    let had_none = old.is_some_and(|old| old.min_replicas == Some(0));
    let lowest = i32::from(!had_none);
    let mut errors = ErrorList::new();
    let at = path.child("minReplicas");
    if let Some(least) = spec.min_replicas.filter(|least| *least < lowest) {
        let detail = format!("must be greater than or equal to {lowest}");
        errors.push(Error::invalid(&at, least, detail));
    }
    errors.extend(max_replicas(spec, &path.child("maxReplicas")));
    let target = &spec.scale_target_ref;
    let allowed = Allowed {
        no_group: target.kind == "ReplicationController",
        any_version: old.is_some_and(|old| {
            let before = &old.scale_target_ref;
            before.api_version == target.api_version && before.kind == target.kind
        }),
    };
    errors.extend(reference(target, allowed, &path.child("scaleTargetRef")));
    errors.extend(metrics(spec, old, &path.child("metrics")));
    if let Some(behavior) = &spec.behavior {
        let path = path.child("behavior");
        for (name, rules) in [
            ("scaleUp", &behavior.scale_up),
            ("scaleDown", &behavior.scale_down),
        ] {
            let rules = rules.iter();
            errors.extend(rules.flat_map(|rules| scaling_rules(rules, &path.child(name))));
        }
    }
    errors
}

fn max_replicas(spec: &HorizontalPodAutoscalerSpec, path: &Path) -> ErrorList {
    let most = spec.max_replicas;
    let mut errors = ErrorList::new();
    if most == 0 {
        errors.push(Error::required(path, "must be set and greater than 0"));
    } else if most < 0 {
        let detail = "must be greater than or equal to 1";
        errors.push(Error::invalid(path, most, detail));
    }
    if spec.min_replicas.is_some_and(|least| most < least) {
        let detail = "must be greater than or equal to `minReplicas`";
        errors.push(Error::invalid(path, most, detail));
    }
    errors
}

pub(super) fn reference(
    reference: &CrossVersionObjectReference,
    allowed: Allowed,
    path: &Path,
) -> ErrorList {
    let mut errors = ErrorList::new();
    for (field, name) in [("kind", &reference.kind), ("name", &reference.name)] {
        let path = path.child(field);
        if name.is_empty() {
            errors.push(Error::required(&path, ""));
        } else {
            errors.extend(path_segment(name, &path));
        }
    }
    let version = reference.api_version.as_deref().unwrap_or_default();
    if let Some(error) = version_error(version, allowed) {
        errors.push(Error::invalid(&path.child("apiVersion"), version, error));
    }
    errors
}

fn version_error(version: &str, allowed: Allowed) -> Option<String> {
    if allowed.any_version {
        return None;
    }
    match version.matches('/').count() {
        0 if allowed.no_group => None,
        0 => Some("apiVersion must specify API group".to_owned()),
        1 if version.starts_with('/') && version.len() > 1 && !allowed.no_group => {
            Some("apiVersion must specify API group".to_owned())
        }
        1 => None,
        _ => Some(format!("unexpected GroupVersion string: {version}")),
    }
}

fn metrics(
    spec: &HorizontalPodAutoscalerSpec,
    old: Option<&HorizontalPodAutoscalerSpec>,
    path: &Path,
) -> ErrorList {
    let mut allowed = Allowed {
        no_group: true,
        any_version: false,
    };
    // What was wrong before may stay so.
    let before = old.iter().flat_map(|old| old.metrics.iter().flatten());
    allowed.any_version = before
        .filter(|metric| metric.type_ == "Object")
        .filter_map(|metric| {
            metric
                .object
                .as_ref()?
                .described_object
                .api_version
                .as_deref()
        })
        .any(|version| version_error(version, allowed).is_some());
    let metrics = spec.metrics.as_deref().unwrap_or_default();
    let mut errors: ErrorList = metrics
        .iter()
        .enumerate()
        .flat_map(|(at, metric)| source::validate(metric, allowed, &path.index(at)))
        .collect();
    let outside = |kind: &str| matches!(kind, "Object" | "External");
    if spec.min_replicas == Some(0) && !metrics.iter().any(|metric| outside(&metric.type_)) {
        let detail = "must specify at least one Object or External metric to support scaling to zero replicas";
        errors.push(Error::forbidden(path, detail));
    }
    errors
}

fn scaling_rules(rules: &HPAScalingRules, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let at = path.child("stabilizationWindowSeconds");
    match rules.stabilization_window_seconds {
        Some(window @ ..0) => {
            let detail = "must be greater than or equal to zero";
            errors.push(Error::invalid(&at, window, detail));
        }
        Some(window) if window > MAX_WINDOW => {
            let detail = format!("must be less than or equal to {MAX_WINDOW}");
            errors.push(Error::invalid(&at, window, detail));
        }
        _ => {}
    }
    if let Some(policy) = &rules.select_policy {
        let supported = ["Disabled", "Max", "Min"];
        errors.extend(one_of(policy, &supported, &path.child("selectPolicy")));
    }
    let at = path.child("policies");
    let policies = rules.policies.as_deref().unwrap_or_default();
    if policies.is_empty() {
        errors.push(Error::required(&at, "must specify at least one Policy"));
    }
    for (index, policy) in policies.iter().enumerate() {
        errors.extend(scaling_policy(policy, &at.index(index)));
    }
    if let Some(tolerance) = rules
        .tolerance
        .as_ref()
        .filter(|it| amount::is_negative(it))
    {
        errors.push(Error::invalid(
            &path.child("tolerance"),
            amount::shown(tolerance),
            "must be greater than or equal to 0",
        ));
    }
    errors
}

fn scaling_policy(policy: &HPAScalingPolicy, path: &Path) -> ErrorList {
    let mut errors = one_of(&policy.type_, &["Percent", "Pods"], &path.child("type"));
    let period = path.child("periodSeconds");
    for (path, value) in [
        (&path.child("value"), policy.value),
        (&period, policy.period_seconds),
    ] {
        if value <= 0 {
            errors.push(Error::invalid(path, value, "must be greater than zero"));
        }
    }
    if policy.period_seconds > MAX_PERIOD {
        let detail = format!("must be less than or equal to {MAX_PERIOD}");
        errors.push(Error::invalid(&period, policy.period_seconds, detail));
    }
    errors
}
