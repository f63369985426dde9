//! What a deployment may be, and what its status may say.

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::is_valid_percent;

use crate::check::non_negative;
use crate::shown::{Raw, json};
use crate::workload::{validate_at_most, validate_counts, validate_selected_template};

pub(super) fn spec(spec: &DeploymentSpec, path: &Path) -> ErrorList {
    let count = |number: Option<i32>, name: &str| {
        non_negative(i64::from(number.unwrap_or_default()), &path.child(name))
    };
    let mut errors = count(spec.replicas, "replicas");
    errors.extend(validate_selected_template(
        &spec.selector,
        &spec.template,
        "ReplicaSet",
        path,
    ));
    errors.extend(
        spec.strategy
            .iter()
            .flat_map(|given| strategy(given, &path.child("strategy"))),
    );
    errors.extend(count(spec.min_ready_seconds, "minReadySeconds"));
    errors.extend(count(spec.revision_history_limit, "revisionHistoryLimit"));
    if let Some(deadline) = spec.progress_deadline_seconds {
        errors.extend(count(Some(deadline), "progressDeadlineSeconds"));
        if deadline <= spec.min_ready_seconds.unwrap_or_default() {
            let path = path.child("progressDeadlineSeconds");
            errors.push(Error::invalid(
                &path,
                deadline,
                "must be greater than minReadySeconds",
            ));
        }
    }
    errors
}

fn strategy(strategy: &DeploymentStrategy, path: &Path) -> ErrorList {
    let rolling = path.child("rollingUpdate");
    match (
        strategy.type_.as_deref().unwrap_or_default(),
        &strategy.rolling_update,
    ) {
        ("Recreate", None) => ErrorList::new(),
        ("Recreate", Some(_)) => {
            vec![Error::forbidden(
                &rolling,
                "may not be specified when strategy `type` is 'Recreate'",
            )]
        }
        ("RollingUpdate", None) => vec![Error::required(
            &rolling,
            "this should be defaulted and never be nil",
        )],
        ("RollingUpdate", Some(given)) => rolling_update(given, &rolling),
        _ => vec![Error::not_supported(
            path,
            shown_strategy(strategy),
            &["Recreate", "RollingUpdate"],
        )],
    }
}

/// A strategy under the names that Kubernetes has for it inside.
fn shown_strategy(strategy: &DeploymentStrategy) -> Raw {
    let rolling = match &strategy.rolling_update {
        None => "null".to_owned(),
        Some(rolling) => {
            let (unavailable, surge) = (
                json(&or_zero(&rolling.max_unavailable)).0,
                json(&or_zero(&rolling.max_surge)).0,
            );
            format!(r#"{{"MaxUnavailable":{unavailable},"MaxSurge":{surge}}}"#)
        }
    };
    let kind = json(strategy.type_.as_deref().unwrap_or_default()).0;
    Raw(format!(r#"{{"Type":{kind},"RollingUpdate":{rolling}}}"#))
}

fn or_zero(value: &Option<IntOrString>) -> IntOrString {
    value.clone().unwrap_or(IntOrString::Int(0))
}

fn rolling_update(rolling: &RollingUpdateDeployment, path: &Path) -> ErrorList {
    let (unavailable, surge) = (
        or_zero(&rolling.max_unavailable),
        or_zero(&rolling.max_surge),
    );
    let at = path.child("maxUnavailable");
    let mut errors = number_or_percent(&unavailable, &at);
    errors.extend(number_or_percent(&surge, &path.child("maxSurge")));
    if amount(&unavailable) == 0 && amount(&surge) == 0 {
        errors.push(Error::invalid(
            &at,
            json(&unavailable),
            "may not be 0 when `maxSurge` is 0",
        ));
    }
    if percent(&unavailable).is_some_and(|percent| percent > 100) {
        errors.push(Error::invalid(
            &at,
            json(&unavailable),
            "must not be greater than 100%",
        ));
    }
    errors
}

fn number_or_percent(value: &IntOrString, path: &Path) -> ErrorList {
    match value {
        IntOrString::Int(number) => non_negative(i64::from(*number), path),
        IntOrString::String(text) => is_valid_percent(text)
            .into_iter()
            .map(|words| Error::invalid(path, text.as_str(), words))
            .collect(),
    }
}

fn percent(value: &IntOrString) -> Option<i64> {
    match value {
        IntOrString::String(text) if is_valid_percent(text).is_empty() => {
            Some(text.trim_end_matches('%').parse().unwrap_or(i64::MAX))
        }
        _ => None,
    }
}

/// The number of either form; a text that is neither is nothing.
fn amount(value: &IntOrString) -> i64 {
    match value {
        IntOrString::Int(number) => i64::from(*number),
        IntOrString::String(text) => percent(value)
            .or_else(|| text.parse().ok())
            .unwrap_or_default(),
    }
}

pub(super) fn status(deployment: &Deployment, old: &Deployment) -> ErrorList {
    let path = Path::new("status");
    let (status, old) = (
        deployment.status.clone().unwrap_or_default(),
        old.status.clone().unwrap_or_default(),
    );
    let number = |count: Option<i32>| count.unwrap_or_default();
    let (all, ready) = (number(status.replicas), number(status.ready_replicas));
    let (updated, available) = (
        number(status.updated_replicas),
        number(status.available_replicas),
    );
    let counts = [
        (
            "observedGeneration",
            status.observed_generation.unwrap_or_default(),
        ),
        ("replicas", all.into()),
        ("updatedReplicas", updated.into()),
        ("readyReplicas", ready.into()),
        ("availableReplicas", available.into()),
        (
            "unavailableReplicas",
            number(status.unavailable_replicas).into(),
        ),
        (
            "terminatingReplicas",
            number(status.terminating_replicas).into(),
        ),
        ("collisionCount", number(status.collision_count).into()),
    ];
    let mut errors = validate_counts(&counts, &path);
    errors.extend(validate_at_most(
        "updatedReplicas",
        updated,
        all,
        "status.replicas",
        &path,
    ));
    errors.extend(validate_at_most(
        "readyReplicas",
        ready,
        all,
        "status.replicas",
        &path,
    ));
    errors.extend(validate_at_most(
        "availableReplicas",
        available,
        all,
        "status.replicas",
        &path,
    ));
    errors.extend(validate_at_most(
        "availableReplicas",
        available,
        ready,
        "readyReplicas",
        &path,
    ));
    if number(status.collision_count) < number(old.collision_count) {
        let count = number(status.collision_count);
        errors.push(Error::invalid(
            &path.child("collisionCount"),
            count,
            "cannot be decremented",
        ));
    }
    errors
}
