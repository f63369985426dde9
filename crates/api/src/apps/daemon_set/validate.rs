//! What a daemon set may be, and what its status may say.

use k8s_openapi::api::apps::v1::{
    DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy, RollingUpdateDaemonSet,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::labels::Selector;

use crate::apps::rolling;
use crate::check::non_negative;
use crate::metadata::validate_label_selector;
use crate::percent::{amount, at_most_all, number_or_percent, or_zero};
use crate::pod::validate_template_alone;
use crate::shown::json;
use crate::workload;

pub(super) fn spec(spec: &DaemonSetSpec, path: &Path) -> ErrorList {
    let count = |number: Option<i32>, name: &str| {
        non_negative(i64::from(number.unwrap_or_default()), &path.child(name))
    };
    let (selector, at) = (&spec.selector, path.child("template"));
    let mut errors = validate_label_selector(selector, &path.child("selector"));
    let given = workload::is_given(selector).then_some(selector);
    let labels = spec.template.metadata.as_ref();
    let labels = labels.and_then(|meta| meta.labels.as_ref());
    if Selector::from_label_selector(given).is_ok_and(|selector| !selector.selects(labels)) {
        errors.push(workload::not_selected(&spec.template, &at));
    }
    if given.is_some_and(workload::is_empty) {
        errors.push(Error::invalid(
            &path.child("selector"),
            workload::shown_selector(selector),
            "empty selector is invalid for daemonset",
        ));
    }
    errors.extend(validate_template_alone(&spec.template, &at));
    errors.extend(workload::validate_running(&spec.template, "DaemonSet", &at));
    errors.extend(count(spec.min_ready_seconds, "minReadySeconds"));
    let strategies = spec.update_strategy.iter();
    errors.extend(strategies.flat_map(|given| strategy(given, &path.child("updateStrategy"))));
    errors.extend(count(spec.revision_history_limit, "revisionHistoryLimit"));
    errors
}

fn strategy(strategy: &DaemonSetUpdateStrategy, path: &Path) -> ErrorList {
    let kind = strategy.type_.as_deref();
    match (kind.unwrap_or_default(), &strategy.rolling_update) {
        ("OnDelete", _) => ErrorList::new(),
        ("RollingUpdate", None) => vec![Error::required(&path.child("rollingUpdate"), "")],
        ("RollingUpdate", Some(given)) => rolling_update(given, &path.child("rollingUpdate")),
        (_, given) => {
            let rolling = given
                .as_ref()
                .map(|it| (&it.max_unavailable, &it.max_surge));
            vec![Error::not_supported(
                path,
                rolling::shown_strategy(kind, rolling),
                &["RollingUpdate", "OnDelete"],
            )]
        }
    }
}

fn rolling_update(rolling: &RollingUpdateDaemonSet, path: &Path) -> ErrorList {
    let unavailable = or_zero(&rolling.max_unavailable);
    let surge = or_zero(&rolling.max_surge);
    let (at, surge_at) = (path.child("maxUnavailable"), path.child("maxSurge"));
    let mut errors = number_or_percent(&unavailable, &at);
    errors.extend(number_or_percent(&surge, &surge_at));
    errors.extend(at_most_all(&unavailable, &at));
    errors.extend(at_most_all(&surge, &surge_at));
    match (amount(&unavailable) != 0, amount(&surge) != 0) {
        (true, true) => errors.push(Error::invalid(
            &surge_at,
            json(&surge),
            "may not be set when maxUnavailable is non-zero",
        )),
        (false, false) => errors.push(Error::required(&at, "cannot be 0 when maxSurge is 0")),
        _ => {}
    }
    errors
}

pub(super) fn status(set: &DaemonSet, old: &DaemonSet) -> ErrorList {
    let path = Path::new("status");
    let status = set.status.clone().unwrap_or_default();
    let before = old
        .status
        .as_ref()
        .and_then(|status| status.collision_count);
    let number = |count: Option<i32>| i64::from(count.unwrap_or_default());
    let counts = [
        (
            "currentNumberScheduled",
            status.current_number_scheduled.into(),
        ),
        ("numberMisscheduled", status.number_misscheduled.into()),
        (
            "desiredNumberScheduled",
            status.desired_number_scheduled.into(),
        ),
        ("numberReady", status.number_ready.into()),
        (
            "observedGeneration",
            status.observed_generation.unwrap_or_default(),
        ),
        (
            "updatedNumberScheduled",
            number(status.updated_number_scheduled),
        ),
        ("numberAvailable", number(status.number_available)),
        ("numberUnavailable", number(status.number_unavailable)),
        ("collisionCount", number(status.collision_count)),
    ];
    let mut errors = workload::validate_counts(&counts, &path);
    errors.extend(workload::validate_not_decremented(
        "collisionCount",
        status.collision_count,
        before,
        &path,
    ));
    errors
}
