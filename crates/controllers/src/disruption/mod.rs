//! Disruption budgets: how many of a budget's pods may be evicted now. Kubernetes' disruption controller; evictions go by the status
//! that it writes.

mod expected;
mod status;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use navarch_client::{EventType, Informer, ObjectKey, Queue, Snapshot};
use navarch_machinery::labels::Selector;
use navarch_machinery::object::{Object, Typed};

use crate::{Action, Controller, Note, Plan, Watched};

/// The controller. Its keys are budgets.
pub struct Disruption {
    /// Budgets.
    pub budgets: Informer<PodDisruptionBudget>,
    /// Pods.
    pub pods: Informer<Pod>,
    /// Deployments.
    pub deployments: Informer<Deployment>,
    /// Replica sets.
    pub replica_sets: Informer<ReplicaSet>,
    /// Replication controllers.
    pub controllers: Informer<ReplicationController>,
    /// Stateful sets.
    pub stateful_sets: Informer<StatefulSet>,
}

/// What a plan looks at.
pub struct View {
    /// Budgets.
    pub budgets: Snapshot<PodDisruptionBudget>,
    /// Pods.
    pub pods: Snapshot<Pod>,
    /// Deployments.
    pub deployments: Snapshot<Deployment>,
    /// Replica sets.
    pub replica_sets: Snapshot<ReplicaSet>,
    /// Replication controllers.
    pub controllers: Snapshot<ReplicationController>,
    /// Stateful sets.
    pub stateful_sets: Snapshot<StatefulSet>,
}

impl Controller for Disruption {
    const NAME: &'static str = "disruption-controller";
    const ACCOUNT: &'static str = "disruption-controller";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.budgets.on_change(move |_, new| {
            if let Some(budget) = new {
                q.add(ObjectKey::of(&budget.metadata));
            }
        });
        let (q, budgets) = (queue.clone(), self.budgets.clone());
        self.pods.on_change(move |old, new| {
            let pods: Vec<&Arc<Pod>> = old.into_iter().chain(new).collect();
            for budget in beside(&budgets.snapshot(), pods.first().copied()) {
                if pods.iter().any(|pod| covers(&budget, pod)) {
                    q.add(ObjectKey::of(&budget.metadata));
                }
            }
        });
        self.follow(queue, &self.deployments, |it| it.spec.as_ref()?.replicas);
        self.follow(queue, &self.replica_sets, |it| it.spec.as_ref()?.replicas);
        self.follow(queue, &self.controllers, |it| it.spec.as_ref()?.replicas);
        self.follow(queue, &self.stateful_sets, |it| it.spec.as_ref()?.replicas);
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![
            &self.budgets,
            &self.pods,
            &self.deployments,
            &self.replica_sets,
            &self.controllers,
            &self.stateful_sets,
        ]
    }

    fn view(&self) -> View {
        View {
            budgets: self.budgets.snapshot(),
            pods: self.pods.snapshot(),
            deployments: self.deployments.snapshot(),
            replica_sets: self.replica_sets.snapshot(),
            controllers: self.controllers.snapshot(),
            stateful_sets: self.stateful_sets.snapshot(),
        }
    }

    fn plan(&self, now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan(now, view, key)
    }
}

impl Disruption {
    /// Has the budgets beside a set queued when the number of pods that it wants changes.
    fn follow<T: Typed>(
        &self,
        queue: &Arc<Queue<ObjectKey>>,
        sets: &Informer<T>,
        replicas: fn(&T) -> Option<i32>,
    ) {
        let (queue, budgets) = (queue.clone(), self.budgets.clone());
        sets.on_change(move |old, new| {
            let count = |set: Option<&Arc<T>>| set.map(|set| replicas(set));
            if count(old) == count(new) {
                return;
            }
            for budget in beside(&budgets.snapshot(), new.or(old)) {
                queue.add(ObjectKey::of(&budget.metadata));
            }
        });
    }
}

/// The budgets of an object's namespace.
fn beside<T: Typed>(
    budgets: &Snapshot<PodDisruptionBudget>,
    object: Option<&Arc<T>>,
) -> Vec<Arc<PodDisruptionBudget>> {
    let namespace = object.and_then(|object| object.metadata().namespace.as_deref());
    let all = budgets.in_namespace(namespace.unwrap_or_default());
    all.cloned().collect()
}

fn covers(budget: &PodDisruptionBudget, pod: &Pod) -> bool {
    selector(budget).is_ok_and(|selector| selector.selects(pod.metadata.labels.as_ref()))
}

/// A budget that says nothing of its pods has none.
fn selector(budget: &PodDisruptionBudget) -> Result<Selector, String> {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    Selector::from_label_selector(selector).map_err(|error| error.to_string())
}

/// Brings a budget's status to what its pods are. One that cannot be reckoned allows nothing, and says why.
pub fn plan(now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
    let mut plan = Plan::nothing();
    let Some(budget) = view.budgets.get(key) else {
        return plan;
    };
    let pods: Vec<&Arc<Pod>> = match selector(budget) {
        Ok(selector) => view
            .pods
            .in_namespace(&key.namespace)
            .filter(|pod| selector.selects(pod.metadata.labels.as_ref()))
            .collect(),
        Err(error) => {
            return refuse(now, budget, "NoPods", "Failed to get pods", &error);
        }
    };
    if pods.is_empty() {
        let words = "No matching pods found";
        plan.tell(note(budget, EventType::Normal, "NoPods", words.into()));
    }
    let expected = match expected::of(view, budget, &pods) {
        Ok(expected) => expected,
        Err(error) => {
            let reason = "CalculateExpectedPodCountFailed";
            let words = "Failed to calculate the number of expected pods";
            return refuse(now, budget, reason, words, &error);
        }
    };
    if expected.has_unmanaged {
        let words = "Pods selected by this PodDisruptionBudget were found to be unmanaged. As a result, the status of the PDB cannot \
                     be calculated correctly, which may result in undefined behavior. To account for these pods please set \
                     \".spec.minAvailable\" field of the PDB to an integer value.";
        let kind = EventType::Warning;
        plan.tell(note(budget, kind, "UnmanagedPods", words.into()));
    }
    let disrupted = status::disrupted(now, budget, &pods);
    for pod in &disrupted.overdue {
        let of = (&key.namespace, &key.name);
        let words = format!(
            "Pod was expected by PDB {}/{} to be deleted but it wasn't",
            of.0, of.1
        );
        plan.tell(note(pod, EventType::Warning, "NotDeleted", words));
    }
    if let Some(at) = disrupted.next {
        plan.wake_at(at);
    }
    let next = status::next(now, budget, expected.counts, disrupted.waited_for, &pods);
    write(budget, next, &mut plan);
    plan
}

/// Allows no disruption, because of `error`.
fn refuse(
    now: Timestamp,
    budget: &Arc<PodDisruptionBudget>,
    reason: &'static str,
    words: &str,
    error: &str,
) -> Plan {
    let mut plan = Plan::nothing();
    let message = format!("{words}: {error}");
    plan.tell(note(budget, EventType::Warning, reason, message));
    write(budget, status::failed(now, budget, error), &mut plan);
    plan
}

fn write(
    budget: &Arc<PodDisruptionBudget>,
    next: k8s_openapi::api::policy::v1::PodDisruptionBudgetStatus,
    plan: &mut Plan,
) {
    if budget.status.as_ref() != Some(&next) {
        let mut changed = (**budget).clone();
        changed.status = Some(next);
        plan.then(Action::update_status(changed));
    }
}

fn note<T: Object>(about: &Arc<T>, kind: EventType, reason: &'static str, message: String) -> Note {
    Note {
        about: about.clone(),
        kind,
        reason,
        message,
    }
}
