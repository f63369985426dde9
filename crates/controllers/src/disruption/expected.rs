//! How many pods a budget's pods should be, and how many of them healthy.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use navarch_machinery::int_or_string::scaled;
use navarch_machinery::object::Typed;

use super::View;
use crate::claim::{controller_of, controlling_key};

/// What a budget asks for, in pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    /// So many there should be.
    pub(super) expected: i32,
    /// So many of them healthy.
    pub(super) healthy: i32,
}

pub(super) struct Expected {
    pub(super) counts: Counts,
    /// Whether pods that nobody controls could not be counted in.
    pub(super) has_unmanaged: bool,
}

/// As Kubernetes reckons: a number of available pods is taken as it is, everything else is a share of what the pods' controllers want.
pub(super) fn of(
    view: &View,
    budget: &PodDisruptionBudget,
    pods: &[&Arc<Pod>],
) -> Result<Expected, String> {
    let spec = budget.spec.clone().unwrap_or_default();
    let share = |value: &IntOrString, total: i32| {
        scaled(value, total, true).map_err(|error| error.to_string())
    };
    match (&spec.max_unavailable, &spec.min_available) {
        (Some(most), _) => {
            let (expected, has_unmanaged) = scale(view, pods)?;
            let healthy = expected.saturating_sub(share(most, expected)?).max(0);
            Ok(Expected {
                counts: Counts { expected, healthy },
                has_unmanaged,
            })
        }
        (None, Some(IntOrString::Int(healthy))) => Ok(Expected {
            counts: Counts {
                expected: i32::try_from(pods.len()).unwrap_or(i32::MAX),
                healthy: *healthy,
            },
            has_unmanaged: false,
        }),
        (None, Some(least)) => {
            let (expected, has_unmanaged) = scale(view, pods)?;
            let healthy = share(least, expected)?;
            Ok(Expected {
                counts: Counts { expected, healthy },
                has_unmanaged,
            })
        }
        (None, None) => Ok(Expected {
            counts: Counts::default(),
            has_unmanaged: false,
        }),
    }
}

/// What the pods' controllers want, each counted once; and whether there are pods without one.
fn scale(view: &View, pods: &[&Arc<Pod>]) -> Result<(i32, bool), String> {
    let mut scales: BTreeMap<String, i32> = BTreeMap::new();
    let mut asked: Vec<&str> = Vec::new();
    let mut has_unmanaged = false;
    for pod in pods {
        let Some(owner) = controller_of(&pod.metadata) else {
            has_unmanaged = true;
            continue;
        };
        if asked.contains(&owner.uid.as_str()) {
            continue;
        }
        asked.push(&owner.uid);
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let (uid, wants) = find(view, pod, owner)?
            .ok_or_else(|| format!("found no controllers for pod {name:?}"))?;
        scales.insert(uid, wants);
    }
    let sum = scales
        .values()
        .fold(0_i32, |sum, wants| sum.saturating_add(*wants));
    Ok((sum, has_unmanaged))
}

/// Who says how many pods like this one there should be (its uid), and how many: the deployment of a replica set that has one.
/// `None`: it is not there (any more).
fn find(view: &View, pod: &Pod, owner: &OwnerReference) -> Result<Option<(String, i32)>, String> {
    if let Some(key) = controlling_key::<ReplicaSet>(&pod.metadata) {
        let Some(set) = with_uid(view.replica_sets.get(&key), &owner.uid) else {
            return Ok(None);
        };
        let (Some(above), Some(key)) = (
            controller_of(&set.metadata),
            controlling_key::<Deployment>(&set.metadata),
        ) else {
            return Ok(scale_of(
                set,
                set.spec.as_ref().and_then(|spec| spec.replicas),
            ));
        };
        let deployment = with_uid(view.deployments.get(&key), &above.uid);
        return Ok(deployment.and_then(|it| scale_of(it, it.spec.as_ref()?.replicas)));
    }
    let (metadata, uid) = (&pod.metadata, &owner.uid);
    if let Some(key) = controlling_key::<StatefulSet>(metadata) {
        let set = with_uid(view.stateful_sets.get(&key), uid);
        return Ok(set.and_then(|it| scale_of(it, it.spec.as_ref()?.replicas)));
    }
    if let Some(key) = controlling_key::<ReplicationController>(metadata) {
        let set = with_uid(view.controllers.get(&key), uid);
        return Ok(set.and_then(|it| scale_of(it, it.spec.as_ref()?.replicas)));
    }
    Err(without_scale(owner))
}

fn with_uid<'a, T: Typed>(found: Option<&'a Arc<T>>, uid: &str) -> Option<&'a T> {
    let found = found.map(AsRef::as_ref);
    found.filter(|it| it.metadata().uid.as_deref() == Some(uid))
}

fn scale_of<T: Typed>(set: &T, replicas: Option<i32>) -> Option<(String, i32)> {
    Some((set.metadata().uid.clone()?, replicas.unwrap_or(1)))
}

/// That a kind does not say how many pods it wants.
fn without_scale(owner: &OwnerReference) -> String {
    let (group, version) = owner
        .api_version
        .split_once('/')
        .unwrap_or(("", &owner.api_version));
    match navarch_api::table::builtin().kind(group, version, &owner.kind) {
        Some(row) if group.is_empty() => {
            format!("{} does not implement the scale subresource", row.plural)
        }
        Some(row) => format!(
            "{}.{group} does not implement the scale subresource",
            row.plural
        ),
        None => format!(
            "no matches for kind {:?} in version {:?}",
            owner.kind, owner.api_version
        ),
    }
}
