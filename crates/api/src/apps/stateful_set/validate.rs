//! What a stateful set may be, what of it may change, and what its status may say.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::{
    RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaimVolumeSource, PodSpec, PodTemplateSpec, Volume,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::labels::Selector;

use crate::check::{dns_label, non_negative, one_of};
use crate::metadata::validate_label_selector;
use crate::percent::{amount, at_most_all, number_or_percent};
use crate::pod::{check_claim_spec, same, validate_template_alone, validate_template_metadata};
use crate::shown::{Raw, json};
use crate::workload;

/// What is checked. What cannot change is not checked again: it may be from a time when less was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of {
    is_new: bool,
    template: bool,
}

impl Of {
    pub(super) const NEW: Self = Self {
        is_new: true,
        template: true,
    };
}

pub(super) fn spec(spec: &StatefulSetSpec, of: Of) -> ErrorList {
    let path = &Path::new("spec");
    let mut errors = management(spec, path);
    errors.extend(strategies(spec, &path.child("updateStrategy")));
    errors.extend(retention(spec, path));
    if of.is_new {
        let claims = spec.volume_claim_templates.iter().flatten().enumerate();
        for (at, claim) in claims {
            let path = path.child("volumeClaimTemplates").index(at).child("spec");
            let asked = claim.spec.clone().unwrap_or_default();
            check_claim_spec(&mut errors, &path, &asked);
        }
    }
    let ordinals = spec.ordinals.as_ref().and_then(|ordinals| ordinals.start);
    for (name, count) in [
        ("replicas", spec.replicas),
        ("minReadySeconds", spec.min_ready_seconds),
        ("ordinals.start", ordinals),
    ] {
        errors.extend(non_negative(
            count.unwrap_or_default().into(),
            &path.child(name),
        ));
    }
    let service = spec.service_name.as_deref().unwrap_or_default();
    if of.is_new && !service.is_empty() {
        errors.extend(dns_label(service, &path.child("serviceName")));
    }
    errors.extend(selected_template(spec, of, path));
    errors.extend(workload::validate_running(
        &spec.template,
        "StatefulSet",
        &path.child("template"),
    ));
    errors
}

fn management(spec: &StatefulSetSpec, path: &Path) -> ErrorList {
    let path = path.child("podManagementPolicy");
    match spec.pod_management_policy.as_deref().unwrap_or_default() {
        "" => vec![Error::required(&path, "")],
        "OrderedReady" | "Parallel" => ErrorList::new(),
        other => vec![Error::invalid(
            &path,
            other,
            "must be 'OrderedReady' or 'Parallel'",
        )],
    }
}

fn strategies(spec: &StatefulSetSpec, path: &Path) -> ErrorList {
    let Some(strategy) = &spec.update_strategy else {
        return vec![Error::required(path, "")];
    };
    let at = path.child("rollingUpdate");
    let kind = strategy.type_.as_deref().unwrap_or_default();
    match (kind, &strategy.rolling_update) {
        ("", _) => vec![Error::required(path, "")],
        ("OnDelete" | "RollingUpdate", None) => ErrorList::new(),
        ("OnDelete", Some(rolling)) => vec![Error::invalid(
            &at,
            shown_rolling(rolling),
            "only allowed for updateStrategy 'RollingUpdate'",
        )],
        ("RollingUpdate", Some(rolling)) => rolling_update(rolling, &at),
        _ => vec![Error::invalid(
            path,
            shown_strategy(strategy),
            "must be 'RollingUpdate' or 'OnDelete'",
        )],
    }
}

fn rolling_update(rolling: &RollingUpdateStatefulSetStrategy, path: &Path) -> ErrorList {
    let partition = rolling.partition.unwrap_or_default();
    let mut errors = non_negative(partition.into(), &path.child("partition"));
    let Some(unavailable) = &rolling.max_unavailable else {
        return errors;
    };
    let path = path.child("maxUnavailable");
    errors.extend(number_or_percent(unavailable, &path));
    if amount(unavailable) == 0 {
        errors.push(Error::invalid(&path, json(unavailable), "cannot be 0"));
    }
    errors.extend(at_most_all(unavailable, &path));
    errors
}

/// Under the names that Kubernetes has for it inside.
fn shown_rolling(rolling: &RollingUpdateStatefulSetStrategy) -> Raw {
    let partition = rolling.partition.unwrap_or_default();
    let unavailable = json(&rolling.max_unavailable).0;
    Raw(format!(
        r#"{{"Partition":{partition},"MaxUnavailable":{unavailable}}}"#
    ))
}

fn shown_strategy(strategy: &StatefulSetUpdateStrategy) -> Raw {
    let rolling = strategy.rolling_update.as_ref();
    let rolling = rolling.map_or("null".to_owned(), |rolling| shown_rolling(rolling).0);
    let kind = json(strategy.type_.as_deref().unwrap_or_default()).0;
    Raw(format!(r#"{{"Type":{kind},"RollingUpdate":{rolling}}}"#))
}

fn retention(spec: &StatefulSetSpec, path: &Path) -> ErrorList {
    let path = path.child("persistentVolumeClaimRetentionPolicy");
    let Some(policy) = &spec.persistent_volume_claim_retention_policy else {
        return ErrorList::new();
    };
    [
        ("whenDeleted", &policy.when_deleted),
        ("whenScaled", &policy.when_scaled),
    ]
    .into_iter()
    .flat_map(|(name, value)| {
        let value = value.as_deref().unwrap_or_default();
        one_of(value, &["Retain", "Delete"], &path.child(name))
    })
    .collect()
}

fn selected_template(spec: &StatefulSetSpec, of: Of, path: &Path) -> ErrorList {
    let (selector, at) = (&spec.selector, path.child("selector"));
    let given = workload::is_given(selector).then_some(selector);
    let mut errors = ErrorList::new();
    if given.is_none() {
        errors.push(Error::required(&at, ""));
    } else {
        errors.extend(validate_label_selector(selector, &at));
        if workload::is_empty(selector) {
            errors.push(Error::invalid(
                &at,
                workload::shown_selector(selector),
                "empty selector is invalid for statefulset",
            ));
        }
    }
    let Ok(selects) = Selector::from_label_selector(given) else {
        errors.push(Error::invalid(&at, workload::shown_selector(selector), ""));
        return errors;
    };
    let path = path.child("template");
    let template = as_run(spec);
    let labels = template.metadata.as_ref();
    let labels = labels.and_then(|meta| meta.labels.as_ref());
    if !selects.is_empty() && !selects.selects(labels) {
        errors.push(workload::not_selected(&template, &path));
    }
    if of.template {
        errors.extend(validate_template_alone(&template, &path));
    }
    // Kubernetes looks at these once more.
    errors.extend(validate_template_metadata(&template, &path));
    errors
}

/// The template as pods are made of it: with a volume for each claim, and without names that are replaced.
fn as_run(spec: &StatefulSetSpec) -> PodTemplateSpec {
    let mut template = spec.template.clone();
    let claims = spec.volume_claim_templates.as_deref().unwrap_or_default();
    // Claims of one name make one volume.
    let names: BTreeSet<&str> = claims
        .iter()
        .map(|claim| claim.metadata.name.as_deref().unwrap_or_default())
        .collect();
    let pod = template.spec.get_or_insert_default();
    pod.subdomain = None;
    pod.hostname = None;
    if !names.is_empty() {
        replace_volumes(pod, &names);
    }
    template
}

fn replace_volumes(pod: &mut PodSpec, claims: &BTreeSet<&str>) {
    let mut volumes: Vec<Volume> = claims
        .iter()
        .map(|name| Volume {
            name: (*name).to_owned(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: (*name).to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        })
        .collect();
    let own = pod.volumes.take().unwrap_or_default();
    volumes.extend(
        own.into_iter()
            .filter(|volume| !claims.contains(volume.name.as_str())),
    );
    pod.volumes = Some(volumes);
}

/// Checks a changed set. The template of one that was never in order is not checked again.
pub(super) fn change(new: &StatefulSetSpec, old: &StatefulSetSpec) -> ErrorList {
    let again = Of {
        is_new: false,
        template: true,
    };
    let template = spec(old, again).is_empty();
    let mut errors = spec(new, Of { template, ..again });
    let mut rest = new.clone();
    rest.replicas = old.replicas;
    rest.template.clone_from(&old.template);
    rest.update_strategy.clone_from(&old.update_strategy);
    rest.min_ready_seconds = old.min_ready_seconds;
    rest.ordinals.clone_from(&old.ordinals);
    rest.revision_history_limit = old.revision_history_limit;
    rest.persistent_volume_claim_retention_policy
        .clone_from(&old.persistent_volume_claim_retention_policy);
    if !same(&rest, old) {
        errors.push(Error::forbidden(
            &Path::new("spec"),
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', \
             'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        ));
    }
    errors
}

pub(super) fn status(set: &StatefulSet, old: &StatefulSet) -> ErrorList {
    let path = Path::new("status");
    let status = set.status.clone().unwrap_or_default();
    let before = old
        .status
        .as_ref()
        .and_then(|status| status.collision_count);
    let number = |count: Option<i32>| count.unwrap_or_default();
    let (all, ready) = (status.replicas, number(status.ready_replicas));
    let (current, updated) = (
        number(status.current_replicas),
        number(status.updated_replicas),
    );
    let available = number(status.available_replicas);
    let counts = [
        ("replicas", all.into()),
        ("readyReplicas", ready.into()),
        ("currentReplicas", current.into()),
        ("updatedReplicas", updated.into()),
        ("availableReplicas", available.into()),
        (
            "observedGeneration",
            status.observed_generation.unwrap_or_default(),
        ),
        ("collisionCount", number(status.collision_count).into()),
    ];
    let mut errors = workload::validate_counts(&counts, &path);
    let of = "status.replicas";
    for (name, part, whole, of) in [
        ("readyReplicas", ready, all, of),
        ("currentReplicas", current, all, of),
        ("updatedReplicas", updated, all, of),
        ("availableReplicas", available, all, of),
        (
            "availableReplicas",
            available,
            ready,
            "status.readyReplicas",
        ),
    ] {
        errors.extend(workload::validate_at_most(name, part, whole, of, &path));
    }
    errors.extend(workload::validate_not_decremented(
        "collisionCount",
        status.collision_count,
        before,
        &path,
    ));
    errors
}
