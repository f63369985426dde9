//! What a job may be.

use k8s_openapi::api::batch::v1::JobSpec;
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::labels::Selector;
use navarch_machinery::names::is_domain_prefixed_path;

use super::{INDEXED, policies};
use crate::check::{non_negative, one_of};
use crate::metadata::validate_label_selector;
use crate::pod::validate_template_alone;
use crate::workload;

/// The most pods of an indexed job at once, and indexes that may fail: their lists are kept in the status.
const MAX_INDEXES: i32 = 100_000;
/// From here on a job with limits for each index is kept to [`MANY_LIMIT`].
const MANY_COMPLETIONS: i32 = 100_000;
const MANY_LIMIT: i32 = 10_000;
const MAX_MANAGED_BY: usize = 63;

/// Checks a job's spec with its selector.
pub(super) fn validate(spec: &JobSpec, path: &Path) -> ErrorList {
    let mut errors = validate_unselected(spec, path);
    let at = path.child("selector");
    match &spec.selector {
        None => errors.push(Error::required(&at, "")),
        Some(selector) => errors.extend(validate_label_selector(selector, &at)),
    }
    let labels = spec.template.metadata.as_ref();
    let labels = labels.and_then(|meta| meta.labels.as_ref());
    let selects = Selector::from_label_selector(spec.selector.as_ref());
    if selects.is_ok_and(|selects| !selects.selects(labels)) {
        errors.push(workload::not_selected(
            &spec.template,
            &path.child("template"),
        ));
    }
    errors
}

/// Checks a spec whose selector is still to be made, as a cron job's.
pub(in super::super) fn validate_unselected(spec: &JobSpec, path: &Path) -> ErrorList {
    let mut errors = numbers(spec, path);
    if spec.max_failed_indexes.is_some() && spec.backoff_limit_per_index.is_none() {
        let detail = "when maxFailedIndexes is specified";
        errors.push(Error::required(&path.child("backoffLimitPerIndex"), detail));
    }
    if let Some(manager) = &spec.managed_by {
        let path = path.child("managedBy");
        errors.extend(is_domain_prefixed_path(&path, manager));
        if manager.len() > MAX_MANAGED_BY {
            errors.push(Error::too_long(&path, MAX_MANAGED_BY));
        }
    }
    if let Some(mode) = &spec.completion_mode {
        let modes = ["NonIndexed", INDEXED];
        errors.extend(one_of(mode, &modes, &path.child("completionMode")));
    }
    match spec.completion_mode.as_deref() {
        Some(INDEXED) => errors.extend(indexed(spec, path)),
        None | Some("NonIndexed") => errors.extend(not_indexed(spec, path)),
        Some(_) => {}
    }
    errors.extend(policies::validate(spec, path));
    let path = path.child("template");
    errors.extend(validate_template_alone(&spec.template, &path));
    errors.extend(restart_policy(
        spec,
        &path.child("spec").child("restartPolicy"),
    ));
    errors
}

fn numbers(spec: &JobSpec, path: &Path) -> ErrorList {
    let numbers = [
        ("parallelism", spec.parallelism.map(i64::from)),
        ("completions", spec.completions.map(i64::from)),
        ("activeDeadlineSeconds", spec.active_deadline_seconds),
        ("backoffLimit", spec.backoff_limit.map(i64::from)),
        (
            "ttlSecondsAfterFinished",
            spec.ttl_seconds_after_finished.map(i64::from),
        ),
        (
            "backoffLimitPerIndex",
            spec.backoff_limit_per_index.map(i64::from),
        ),
        ("maxFailedIndexes", spec.max_failed_indexes.map(i64::from)),
    ];
    numbers
        .into_iter()
        .flat_map(|(name, number)| non_negative(number.unwrap_or_default(), &path.child(name)))
        .collect()
}

fn indexed(spec: &JobSpec, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let (parallel, failed) = (path.child("parallelism"), path.child("maxFailedIndexes"));
    let mut at_most = |path: &Path, number: Option<i32>, limit: i32, detail: String| {
        if let Some(number) = number.filter(|number| *number > limit) {
            errors.push(Error::invalid(path, number, detail));
        }
    };
    let below = |limit: i32| format!("must be less than or equal to {limit}");
    let mode = format!("{} when completion mode is {INDEXED}", below(MAX_INDEXES));
    at_most(&parallel, spec.parallelism, MAX_INDEXES, mode);
    if let Some(completions) = spec.completions {
        let detail = "must be less than or equal to completions".to_owned();
        at_most(&failed, spec.max_failed_indexes, completions, detail);
    }
    at_most(
        &failed,
        spec.max_failed_indexes,
        MAX_INDEXES,
        below(MAX_INDEXES),
    );
    if spec.completions.is_none() {
        let detail = format!("when completion mode is {INDEXED}");
        errors.insert(0, Error::required(&path.child("completions"), detail));
    }
    let many = spec
        .completions
        .is_some_and(|number| number > MANY_COMPLETIONS);
    if !many || spec.backoff_limit_per_index.is_none() {
        return errors;
    }
    if spec.max_failed_indexes.is_none() {
        let detail = format!("must be specified when completions is above {MANY_COMPLETIONS}");
        errors.push(Error::required(&failed, detail));
    }
    for (path, number) in [
        (parallel, spec.parallelism),
        (failed, spec.max_failed_indexes),
    ] {
        if let Some(number) = number.filter(|number| *number > MANY_LIMIT) {
            let detail = format!(
                "{} when completions are above {MANY_COMPLETIONS} and used with backoff limit per index",
                below(MANY_LIMIT)
            );
            errors.push(Error::invalid(&path, number, detail));
        }
    }
    errors
}

fn not_indexed(spec: &JobSpec, path: &Path) -> ErrorList {
    [
        ("backoffLimitPerIndex", spec.backoff_limit_per_index),
        ("maxFailedIndexes", spec.max_failed_indexes),
    ]
    .into_iter()
    .filter_map(|(name, number)| {
        let detail = "requires indexed completion mode";
        Some(Error::invalid(&path.child(name), number?, detail))
    })
    .collect()
}

/// Pods of a job come to an end.
fn restart_policy(spec: &JobSpec, path: &Path) -> Option<Error> {
    let pod = spec.template.spec.as_ref();
    let policy = pod.and_then(|pod| pod.restart_policy.as_deref());
    match policy.unwrap_or_default() {
        "" | "Always" => {
            let detail = "valid values: \"OnFailure\", \"Never\"";
            Some(Error::required(path, detail))
        }
        "OnFailure" if spec.pod_failure_policy.is_some() => Some(Error::invalid(
            path,
            "OnFailure",
            "only \"Never\" is supported when podFailurePolicy is specified",
        )),
        "OnFailure" | "Never" => None,
        other => Some(Error::not_supported(path, other, &["OnFailure", "Never"])),
    }
}
