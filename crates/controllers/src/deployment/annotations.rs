//! The annotations by which a deployment and its replica sets keep book. kubectl reads them.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// The revision: `kubectl rollout history` lists and `undo` finds it.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
/// Earlier revisions of a set that became the newest again: `1,3`.
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// The deployment's replicas when the set was last scaled: tells whether the deployment was scaled since.
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// The deployment's replicas and surge when the set was last scaled: the base of proportional scaling.
const MAX: &str = "deployment.kubernetes.io/max-replicas";
/// The longest history that is kept, in bytes.
const HISTORY_BYTES: usize = 2000;

/// What a set does not inherit from its deployment.
const OWN: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];

fn value<'a>(metadata: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(name).map(String::as_str)
}

/// The revision that an object carries; 0 for none.
pub(super) fn revision(metadata: &ObjectMeta) -> i64 {
    value(metadata, REVISION)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// The deployment's replicas when the set was last scaled.
pub(super) fn desired(set: &ReplicaSet) -> Option<i32> {
    value(&set.metadata, DESIRED)?.parse().ok()
}

/// The deployment's replicas and surge when the set was last scaled.
pub(super) fn max(set: &ReplicaSet) -> Option<i32> {
    value(&set.metadata, MAX)?.parse().ok()
}

/// Notes the deployment's size on a set; answers whether that changed it.
pub(super) fn note_size(set: &mut ReplicaSet, desired: i32, max: i32) -> bool {
    let annotations = set.metadata.annotations.get_or_insert_default();
    let mut changed = false;
    for (name, number) in [(DESIRED, desired), (MAX, max)] {
        let text = number.to_string();
        changed |= annotations.insert(name.into(), text.clone()) != Some(text);
    }
    changed
}

/// Has the newest set carry what its deployment carries and the newest revision; answers whether that changed it.
pub(super) fn inherit(
    set: &mut ReplicaSet,
    deployment: &Deployment,
    newest: i64,
    exists: bool,
) -> bool {
    let annotations = set.metadata.annotations.get_or_insert_default();
    let mut changed = false;
    for (name, text) in deployment.metadata.annotations.iter().flatten() {
        if !OWN.contains(&name.as_str()) {
            changed |= annotations.insert(name.clone(), text.clone()).as_ref() != Some(text);
        }
    }
    let before = annotations.get(REVISION).cloned();
    let number = before
        .as_deref()
        .and_then(|text| text.parse::<i64>().ok())
        .unwrap_or(0);
    if number < newest {
        annotations.insert(REVISION.into(), newest.to_string());
        changed = true;
        if let Some(before) = before.filter(|_| exists && number > 0) {
            remember(annotations, before);
        }
    }
    changed
}

fn remember(annotations: &mut BTreeMap<String, String>, revision: String) {
    let history = annotations.entry(HISTORY.into()).or_default();
    if history.is_empty() {
        *history = revision;
        return;
    }
    history.push(',');
    history.push_str(&revision);
    while history.len() > HISTORY_BYTES {
        let Some((_, rest)) = history.split_once(',') else {
            break;
        };
        *history = rest.to_owned();
    }
}
