//! What a deployment may be, and what its status may say.

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use navarch_machinery::field::{Error, ErrorList, Path};

use crate::apps::rolling;
use crate::check::non_negative;
use crate::percent::{amount, at_most_all, number_or_percent, or_zero};
use crate::shown::{Raw, json};
use crate::workload::{
    self, validate_at_most, validate_counts, validate_not_decremented, validate_selected_template,
};

pub(super) fn spec(spec: &DeploymentSpec, path: &Path) -> ErrorList {
    let count = |number: Option<i32>, name: &str| {
        non_negative(i64::from(number.unwrap_or_default()), &path.child(name))
    };
    let mut errors = count(spec.replicas, "replicas");
    errors.extend(validate_selected_template(
        &spec.selector,
        &spec.template,
        workload::REPLICA_SET,
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
    let rolling = strategy
        .rolling_update
        .as_ref()
        .map(|rolling| (&rolling.max_unavailable, &rolling.max_surge));
    rolling::shown_strategy(strategy.type_.as_deref(), rolling)
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
    errors.extend(at_most_all(&unavailable, &at));
    errors
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
    errors.extend(validate_not_decremented(
        "collisionCount",
        status.collision_count,
        old.collision_count,
        &path,
    ));
    errors
}
