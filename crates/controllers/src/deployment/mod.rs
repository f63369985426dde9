//! Deployments: from one replica set to the next, without ever having too few or too many pods.
//!
//! A plan makes one move and leaves the rest to the next, which comes with the event of that move.

mod annotations;
mod conditions;
mod history;
mod limits;
mod new_replica_set;
mod progress;
mod recreate;
mod rolling;
mod scale;
mod status;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use navarch_client::{EventType, Index, Informer, ObjectKey, Queue, Snapshot};
use navarch_machinery::labels::Selector;
use navarch_machinery::object::Object;

use crate::claim::{claim, controlling_key, orphans};
use crate::{Controller, Failure, Note, Plan, Watched};

/// The controller. Replica sets need the indices of [`replica_set_indices`], pods [`Index::CONTROLLER`].
pub struct Deployments {
    /// Deployments.
    pub deployments: Informer<Deployment>,
    /// Replica sets.
    pub replica_sets: Informer<ReplicaSet>,
    /// Pods.
    pub pods: Informer<Pod>,
}

/// What a plan looks at.
pub struct View {
    /// Deployments.
    pub deployments: Snapshot<Deployment>,
    /// Replica sets.
    pub replica_sets: Snapshot<ReplicaSet>,
    /// Pods: whether those of old sets still run, for `Recreate`.
    pub pods: Snapshot<Pod>,
}

/// The indices of replica sets that this controller asks.
pub fn replica_set_indices() -> Vec<Index<ReplicaSet>> {
    vec![Index::CONTROLLER, orphans()]
}

impl Controller for Deployments {
    const NAME: &'static str = "deployment-controller";
    const ACCOUNT: &'static str = "deployment-controller";
    type View = View;

    fn watch(&self, queue: &Arc<Queue<ObjectKey>>) {
        let q = queue.clone();
        self.deployments.on_change(move |old, new| {
            if let Some(deployment) = new.or(old) {
                q.add(ObjectKey::of(&deployment.metadata));
            }
        });
        let (q, deployments) = (queue.clone(), self.deployments.clone());
        self.replica_sets.on_change(move |old, new| {
            let owners = [old, new]
                .map(|set| set.and_then(|set| controlling_key::<Deployment>(&set.metadata)));
            let orphan = owners.iter().all(Option::is_none);
            owners.into_iter().flatten().for_each(|key| q.add(key));
            if let Some(set) = new.filter(|_| orphan) {
                queue_adopters(&q, &deployments, set);
            }
        });
        let (q, sets) = (queue.clone(), self.replica_sets.clone());
        // Only that a pod is gone matters here: a Recreate waits for the last of the old ones.
        self.pods.on_change(move |old, new| {
            if let (Some(pod), None) = (old, new) {
                let set =
                    controlling_key::<ReplicaSet>(&pod.metadata).and_then(|key| sets.get(&key));
                if let Some(key) = set.and_then(|set| controlling_key::<Deployment>(&set.metadata))
                {
                    q.add(key);
                }
            }
        });
    }

    fn watched(&self) -> Vec<&dyn Watched> {
        vec![&self.deployments, &self.replica_sets, &self.pods]
    }

    fn view(&self) -> View {
        View {
            deployments: self.deployments.snapshot(),
            replica_sets: self.replica_sets.snapshot(),
            pods: self.pods.snapshot(),
        }
    }

    fn plan(&self, now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan(now, view, key)
    }

    fn plan_after(&self, failure: &Failure, now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
        plan_after(failure, now, view, key)
    }
}

fn queue_adopters(queue: &Queue<ObjectKey>, deployments: &Informer<Deployment>, set: &ReplicaSet) {
    let deployments = deployments.snapshot();
    for deployment in deployments.in_namespace(set.metadata.namespace.as_deref().unwrap_or("")) {
        if selector(deployment)
            .is_some_and(|selector| selector.selects(set.metadata.labels.as_ref()))
        {
            queue.add(ObjectKey::of(&deployment.metadata));
        }
    }
}

fn selector(deployment: &Deployment) -> Option<Selector> {
    let selector = Selector::from_label_selector(Some(&deployment.spec.as_ref()?.selector)).ok()?;
    (!selector.is_empty()).then_some(selector)
}

/// A deployment with its replica sets sorted out: what the moves are decided on.
struct Rollout {
    deployment: Arc<Deployment>,
    spec: DeploymentSpec,
    /// The set with the deployment's present template, if it was made already.
    new: Option<Arc<ReplicaSet>>,
    /// All other sets, oldest first.
    old: Vec<Arc<ReplicaSet>>,
    now: Timestamp,
}

impl Rollout {
    fn all(&self) -> impl Iterator<Item = &Arc<ReplicaSet>> {
        self.old.iter().chain(&self.new)
    }

    fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    fn is_rolling(&self) -> bool {
        self.spec
            .strategy
            .as_ref()
            .and_then(|strategy| strategy.type_.as_deref())
            != Some("Recreate")
    }

    fn is_paused(&self) -> bool {
        self.spec.paused == Some(true)
    }

    fn note(&self, kind: EventType, reason: &'static str, message: String) -> Note {
        Note {
            about: self.deployment.clone() as Arc<dyn Object>,
            kind,
            reason,
            message,
        }
    }
}

/// The replicas that a set is told to have.
fn wanted(set: &ReplicaSet) -> i32 {
    set.spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1)
}

/// The replicas of a set that are available.
fn available(set: &ReplicaSet) -> i32 {
    set.status
        .as_ref()
        .and_then(|status| status.available_replicas)
        .unwrap_or(0)
}

fn total(sets: impl Iterator<Item = impl AsRef<ReplicaSet>>, count: fn(&ReplicaSet) -> i32) -> i32 {
    sets.map(|set| count(set.as_ref())).sum()
}

/// The next move of a deployment.
pub fn plan(now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
    let mut plan = Plan::nothing();
    let Some(deployment) = view.deployments.get(key) else {
        return plan;
    };
    let (Some(spec), Some(selector)) = (&deployment.spec, selector(deployment)) else {
        return plan;
    };
    let claimed = claim(deployment.as_ref(), &selector, &view.replica_sets, |_| true);
    if !claimed.plan.is_empty() {
        return claimed.plan;
    }
    let (new, old) = new_replica_set::find(spec, claimed.owned);
    let rollout = Rollout {
        deployment: deployment.clone(),
        spec: spec.clone(),
        new,
        old,
        now,
    };
    if deployment.metadata.deletion_timestamp.is_some() {
        status::sync(&rollout, &mut plan);
        return plan;
    }
    if conditions::note_pause(&rollout, &mut plan) {
        return plan;
    }
    if rollout.is_paused() || scale::is_due(&rollout) {
        if new_replica_set::keep_revision(&rollout, &mut plan) {
            return plan;
        }
        scale::all(&rollout, &mut plan);
        if rollout.is_paused() && plan.is_empty() {
            history::trim(&rollout, &mut plan);
        }
        status::sync(&rollout, &mut plan);
    } else if rollout.is_rolling() {
        rolling::step(&rollout, view, &mut plan);
    } else {
        recreate::step(&rollout, view, &mut plan);
    }
    plan
}

/// The next move of a deployment whose last one failed: that its new set could not be made shows in its status before it is
/// tried again.
pub fn plan_after(failure: &Failure, now: Timestamp, view: &View, key: &ObjectKey) -> Plan {
    let next = plan(now, view, key);
    let told = view.deployments.get(key).and_then(|deployment| {
        let set = new_replica_set::made_by(&next)?;
        new_replica_set::tell_failure(deployment, set, failure, now)
    });
    let Some(action) = told else { return next };
    let mut tell = Plan::nothing();
    tell.then(action);
    tell
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
