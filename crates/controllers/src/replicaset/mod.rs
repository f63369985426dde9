//! Replica sets: as many pods as they say, of their template.

mod ranking;
pub(crate) mod replicated;
mod status;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use navarch_client::{EventType, Index, Informer, ObjectKey, Queue, Snapshot};
use navarch_machinery::object::Object;
use replicated::Replicated;

use crate::claim::{claim, controller_of, controller_reference, controlling_key, orphans};
use crate::{Action, Controller, Failure, Note, Plan, Watched, pods};

/// The most pods that one plan makes or removes; the rest follows with the next. Kubernetes' burst.
const BURST: usize = 500;

/// The controller. It needs pods with the indices that [`pod_indices`] names.
pub struct ReplicaSets {
    /// Replica sets.
    pub replica_sets: Informer<ReplicaSet>,
    /// Pods.
    pub pods: Informer<Pod>,
}

/// What a plan looks at.
pub struct View {
    /// Replica sets.
    pub replica_sets: Snapshot<ReplicaSet>,
    /// Pods.
    pub pods: Snapshot<Pod>,
}

/// The indices of pods that this controller asks.
pub fn pod_indices() -> Vec<Index<Pod>> {
    vec![Index::CONTROLLER, orphans()]
}

impl Controller for ReplicaSets {
    const NAME: &'static str = "replicaset-controller";
    const ACCOUNT: &'static str = "replicaset-controller";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        queue_owners(queue, &self.replica_sets, &self.pods);
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.replica_sets, &self.pods]
    }

    fn view(&self) -> View {
        View {
            replica_sets: self.replica_sets.snapshot(),
            pods: self.pods.snapshot(),
        }
    }

    fn plan(&self, now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan(now, &view.replica_sets, &view.pods, key, None)
    }

    fn plan_after(&self, failure: &Failure, now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan(now, &view.replica_sets, &view.pods, key, Some(failure))
    }
}

/// Has sets queued that change, and those whose pods do.
pub(crate) fn queue_owners<T: Replicated>(
    queue: &Arc<Queue<ObjectKey>>,
    sets: &Informer<T>,
    pods: &Informer<Pod>,
) {
    let q = queue.clone();
    sets.on_change(move |old, new| {
        if let Some(set) = new.or(old) {
            q.add(ObjectKey::of(set.metadata()));
        }
    });
    let (q, sets) = (queue.clone(), sets.clone());
    pods.on_change(move |old, new| {
        let owners = [old, new].map(|pod| pod.and_then(|pod| controlling_key::<T>(&pod.metadata)));
        owners.into_iter().flatten().for_each(|key| q.add(key));
        if let Some(pod) = new.filter(|pod| controller_of(&pod.metadata).is_none()) {
            queue_adopters(&q, &sets, pod);
        }
    });
}

fn queue_adopters<T: Replicated>(queue: &Queue<ObjectKey>, sets: &Informer<T>, pod: &Pod) {
    let sets = sets.snapshot();
    for set in sets.in_namespace(pod.metadata.namespace.as_deref().unwrap_or("")) {
        if set
            .selector()
            .is_some_and(|selector| selector.selects(pod.metadata.labels.as_ref()))
        {
            queue.add(ObjectKey::of(set.metadata()));
        }
    }
}

/// What brings a set's pods to what it says, and its status to what is. `failure`: why the last plan could not be carried out.
pub(crate) fn plan<T: Replicated>(
    now: Timestamp,
    sets: &Snapshot<T>,
    pods: &Snapshot<Pod>,
    key: &ObjectKey,
    failure: Option<&Failure>,
) -> Plan {
    let Some(set) = sets.get(key) else {
        return Plan::nothing();
    };
    let (Some(replicas), Some(selector)) = (set.replicas(), set.selector()) else {
        return Plan::nothing();
    };
    let claimed = claim(set.as_ref(), &selector, pods, pods::is_active);
    let mut plan = claimed.plan;
    let active: Vec<Arc<Pod>> = claimed
        .owned
        .iter()
        .chain(&claimed.adopted)
        .filter(|pod| pods::is_active(pod))
        .cloned()
        .collect();
    let terminating = claimed
        .owned
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_some() && !pods::has_ended(pod))
        .count();

    let next = status::next(now, set.as_ref(), &active, terminating, failure, &mut plan);
    let mut changed = (**set).clone();
    changed.set_counts(next);
    if changed != **set {
        plan.then(Action::update_status(changed));
    }
    if set.metadata().deletion_timestamp.is_some() {
        return plan;
    }
    let wanted = usize::try_from(replicas).unwrap_or(0);
    if active.len() < wanted {
        let missing = (wanted - active.len()).min(BURST);
        plan.then_all(
            (0..missing)
                .map(|_| create_pod(set, set.template()))
                .collect(),
        );
    } else if active.len() > wanted {
        let surplus = (active.len() - wanted).min(BURST);
        let related = related(sets, pods, set.as_ref());
        let on_node = ranking::by_node(related);
        let doomed = ranking::first_to_go(now, active, surplus, &on_node);
        plan.then_all(doomed.iter().map(|pod| delete_pod(set, pod)).collect());
    }
    plan
}

/// The active pods of all sets of the owner that `set` has.
fn related<'a, T: Replicated>(
    sets: &'a Snapshot<T>,
    pods: &'a Snapshot<Pod>,
    set: &'a T,
) -> impl Iterator<Item = &'a Arc<Pod>> {
    let owner = controller_of(set.metadata()).map(|owner| owner.uid.as_str());
    let siblings = move |other: &T| match owner {
        Some(owner) => controller_of(other.metadata()).is_some_and(|other| other.uid == owner),
        None => other.metadata().uid == set.metadata().uid,
    };
    let namespace = set.metadata().namespace.as_deref().unwrap_or("");
    let sets = sets
        .in_namespace(namespace)
        .filter(move |other| siblings(other));
    sets.flat_map(|other| {
        pods.by_index(
            Index::CONTROLLER,
            other.metadata().uid.as_deref().unwrap_or(""),
        )
    })
    .filter(|pod| pods::is_active(pod))
}

fn create_pod<T: Replicated>(set: &Arc<T>, template: Option<&PodTemplateSpec>) -> Action {
    let template = template.cloned().unwrap_or_default();
    let from = template.metadata.unwrap_or_default();
    let metadata = set.metadata();
    let pod = Pod {
        metadata: ObjectMeta {
            namespace: metadata.namespace.clone(),
            generate_name: Some(format!("{}-", metadata.name.as_deref().unwrap_or(""))),
            labels: from.labels,
            annotations: from.annotations,
            finalizers: from.finalizers,
            owner_references: Some(vec![controller_reference(set.as_ref())]),
            ..Default::default()
        },
        spec: template.spec,
        status: None,
    };
    Action::create(pod)
        .telling(note(
            set,
            EventType::Normal,
            "SuccessfulCreate",
            "Created pod: {}".into(),
        ))
        .complaining(note(
            set,
            EventType::Warning,
            "FailedCreate",
            "Error creating: ".into(),
        ))
}

fn delete_pod<T: Replicated>(set: &Arc<T>, pod: &Pod) -> Action {
    let name = pod.metadata.name.as_deref().unwrap_or("");
    Action::delete(pod)
        .telling(note(
            set,
            EventType::Normal,
            "SuccessfulDelete",
            format!("Deleted pod: {name}"),
        ))
        .complaining(note(
            set,
            EventType::Warning,
            "FailedDelete",
            "Error deleting: ".into(),
        ))
}

fn note<T: Replicated>(
    set: &Arc<T>,
    kind: EventType,
    reason: &'static str,
    message: String,
) -> Note {
    Note {
        about: set.clone() as Arc<dyn Object>,
        kind,
        reason,
        message,
    }
}

#[cfg(test)]
mod tests;
