//! The replica set of the deployment's present template: found by its template, or made.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use navarch_api::call::{Body, Gvr};
use navarch_api::def::Verb;
use navarch_client::{EventType, ObjectKey, Snapshot};

use super::{Rollout, annotations, conditions, limits, status, total, wanted};
use crate::claim::controller_reference;
use crate::{Action, Failure, Plan};

/// The label that tells the pods of one set from those of another.
const HASH_LABEL: &str = "pod-template-hash";
/// The reason of an event and a condition that say that a set could not be made.
const CREATE_ERROR: &str = "ReplicaSetCreateError";
/// The letters of names that are made up: none that could form a word.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The set whose template is the deployment's (the oldest, if there are several), and all others, oldest first.
pub(super) fn find(
    spec: &DeploymentSpec,
    mut sets: Vec<Arc<ReplicaSet>>,
) -> (Option<Arc<ReplicaSet>>, Vec<Arc<ReplicaSet>>) {
    sets.sort_by(|a, b| {
        let age = |set: &ReplicaSet| set.metadata.creation_timestamp.as_ref().map(|time| time.0);
        age(a)
            .cmp(&age(b))
            .then_with(|| a.metadata.name.cmp(&b.metadata.name))
    });
    let new = sets.iter().position(|set| {
        same_template(
            set.spec.as_ref().and_then(|spec| spec.template.as_ref()),
            &spec.template,
        )
    });
    let new = new.map(|at| sets.remove(at));
    (new, sets)
}

fn same_template(of_set: Option<&PodTemplateSpec>, of_deployment: &PodTemplateSpec) -> bool {
    let Some(of_set) = of_set else { return false };
    if of_set.spec != of_deployment.spec {
        return false;
    }
    let mut metadata = of_set.metadata.clone().unwrap_or_default();
    if let Some(labels) = &mut metadata.labels {
        labels.remove(HASH_LABEL);
    }
    let plain = |metadata: ObjectMeta| {
        let map = |map: Option<std::collections::BTreeMap<String, String>>| {
            map.filter(|map| !map.is_empty())
        };
        ObjectMeta {
            labels: map(metadata.labels),
            annotations: map(metadata.annotations),
            creation_timestamp: None,
            ..metadata
        }
    };
    plain(metadata) == plain(of_deployment.metadata.clone().unwrap_or_default())
}

/// The revision that the newest set has or gets.
fn newest_revision(rollout: &Rollout) -> i64 {
    rollout
        .old
        .iter()
        .map(|set| annotations::revision(&set.metadata))
        .max()
        .unwrap_or(0)
        + 1
}

/// Brings revision, annotations and condition of the newest set and of the deployment up to date, if the set is there.
/// Answers whether something had to be written.
pub(super) fn keep_revision(rollout: &Rollout, plan: &mut Plan) -> bool {
    let Some(new) = &rollout.new else {
        return false;
    };
    let mut set = (**new).clone();
    let min_ready = rollout.spec.min_ready_seconds;
    let newest = newest_revision(rollout);
    let mut changed = annotations::inherit(&mut set, &rollout.deployment, newest, true);
    if let Some(spec) = &mut set.spec
        && spec.min_ready_seconds.unwrap_or(0) != min_ready.unwrap_or(0)
    {
        spec.min_ready_seconds = min_ready;
        changed = true;
    }
    let revision = annotations::revision(&set.metadata);
    if changed {
        plan.then(Action::update(set));
    }
    if annotations::revision(&rollout.deployment.metadata) != revision {
        let mut deployment = (*rollout.deployment).clone();
        deployment
            .metadata
            .annotations
            .get_or_insert_default()
            .insert(annotations::REVISION.into(), revision.to_string());
        // Through the status, as Kubernetes does: an annotation that is written to the object itself raises its generation.
        plan.then(Action::update_status(deployment));
        return true;
    }
    if conditions::needs_progressing(rollout) {
        let message = format!(
            "Found new replica set {:?}",
            new.metadata.name.as_deref().unwrap_or("")
        );
        status::write_condition(
            rollout,
            conditions::progressing("True", "FoundNewReplicaSet", message),
            plan,
        );
        return true;
    }
    changed
}

/// Makes the set of the present template. `all_sets`: whether its name is taken already.
pub(super) fn create(rollout: &Rollout, all_sets: &Snapshot<ReplicaSet>, plan: &mut Plan) {
    let deployment = &rollout.deployment;
    let collisions = deployment
        .status
        .as_ref()
        .and_then(|status| status.collision_count);
    let hash = hash(&rollout.spec.template, collisions);
    let name = format!(
        "{}-{hash}",
        deployment.metadata.name.as_deref().unwrap_or("")
    );
    let namespace = deployment.metadata.namespace.as_deref().unwrap_or("");
    if all_sets.get(&ObjectKey::new(namespace, &name)).is_some() {
        // The name belongs to a set with another template or another owner: count the collision, so that the next name differs.
        status::write_collision(rollout, collisions.unwrap_or(0).saturating_add(1), plan);
        return;
    }
    let mut template = rollout.spec.template.clone();
    let metadata = template.metadata.get_or_insert_default();
    metadata
        .labels
        .get_or_insert_default()
        .insert(HASH_LABEL.into(), hash.clone());
    let labels = metadata.labels.clone();
    let mut selector: LabelSelector = rollout.spec.selector.clone();
    selector
        .match_labels
        .get_or_insert_default()
        .insert(HASH_LABEL.into(), hash);
    let replicas = size(rollout);
    let mut set = ReplicaSet {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: deployment.metadata.namespace.clone(),
            labels,
            owner_references: Some(vec![controller_reference(deployment.as_ref())]),
            ..Default::default()
        },
        spec: Some(ReplicaSetSpec {
            replicas: Some(replicas),
            min_ready_seconds: rollout.spec.min_ready_seconds,
            selector,
            template: Some(template),
        }),
        status: None,
    };
    annotations::inherit(&mut set, deployment, newest_revision(rollout), false);
    annotations::note_size(
        &mut set,
        rollout.replicas(),
        rollout.replicas() + limits::of(rollout).surge,
    );
    // What a deployment that is gone makes the garbage collector takes away, and this controller would make it again until it hears of that.
    plan.then(Action::confirm_alive(deployment.as_ref()));
    let mut action = Action::create(set);
    if replicas > 0 {
        let message = format!("Scaled up replica set {name} from 0 to {replicas}");
        action = action.telling(rollout.note(EventType::Normal, "ScalingReplicaSet", message));
    }
    plan.then(action.complaining(rollout.note(
        EventType::Warning,
        CREATE_ERROR,
        format!("Failed to create new replica set {name:?}: "),
    )));
    if conditions::has_deadline(&rollout.spec) {
        let message = format!("Created new replica set {name:?}");
        status::write_condition(
            rollout,
            conditions::progressing("True", "NewReplicaSetCreated", message),
            plan,
        );
    }
}

/// The name of the set that `plan` makes.
pub(super) fn made_by(plan: &Plan) -> Option<&str> {
    plan.actions().find_map(|action| match &action.call.body {
        Body::Object(set) if makes_set(action.call.verb, &action.call.resource) => {
            set.metadata().name.as_deref()
        }
        _ => None,
    })
}

fn makes_set(verb: Verb, resource: &Gvr) -> bool {
    verb == Verb::Create && *resource == Gvr::of::<ReplicaSet>()
}

/// Has the status say that `set` could not be made, unless it does already or `failure` is another.
pub(super) fn tell_failure(
    deployment: &Deployment,
    set: &str,
    failure: &Failure,
    now: Timestamp,
) -> Option<Action> {
    let spec = deployment.spec.as_ref()?;
    // One of its name that is there already is a collision, and is counted as that.
    let refused = makes_set(failure.verb, &failure.resource) && !failure.error.is_already_exists();
    if !refused || !conditions::has_deadline(spec) {
        return None;
    }
    let message = format!(
        "Failed to create new replica set {set:?}: {}",
        failure.error.message
    );
    let condition = conditions::progressing("False", CREATE_ERROR, message);
    let mut changed = deployment.clone();
    conditions::set(changed.status.get_or_insert_default(), condition, now);
    (changed.status != deployment.status).then(|| Action::update_status(changed))
}

/// The replicas that the newest set may have now: up to the deployment's, as far as the surge has room.
pub(super) fn size(rollout: &Rollout) -> i32 {
    let replicas = rollout.replicas();
    if !rollout.is_rolling() {
        return replicas;
    }
    let now = rollout.new.as_deref().map_or(0, wanted);
    let room = replicas + limits::of(rollout).surge - total(rollout.all(), wanted);
    if room <= 0 {
        now
    } else {
        now + room.min(replicas - now)
    }
}

/// The part of a set's name that stands for its template (FNV-1a of its JSON).
fn hash(template: &PodTemplateSpec, collisions: Option<i32>) -> String {
    let json = serde_json::to_vec(template).unwrap_or_default();
    let salt = collisions
        .map(|count| count.to_string())
        .unwrap_or_default();
    let mut hash: u32 = 0x811c_9dc5;
    for byte in json.iter().chain(salt.as_bytes()) {
        hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    }
    hash.to_string()
        .bytes()
        .map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]))
        .collect()
}
