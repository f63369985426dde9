//! Deployments, replica sets and pods in memory, under the plans of both controllers. A plan that conflicts with itself fails the test.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use navarch_api::call::Body;
use navarch_api::def::Verb;
use navarch_client::{ObjectKey, Snapshot};
use navarch_machinery::object::{Object, Typed, downcast};
use serde_json::{Value, json};

use super::{View, available, plan, plan_after, replica_set_indices, wanted};
use crate::claim::controller_of;
use crate::{Action, Failure, Plan, pods, replicaset};

pub(super) struct Simulation {
    pub(super) now: Timestamp,
    pub(super) deployment: Deployment,
    pub(super) sets: BTreeMap<String, ReplicaSet>,
    pub(super) pods: BTreeMap<String, Pod>,
    /// Reasons and messages of all events.
    pub(super) told: Vec<String>,
    version: u64,
}

impl Simulation {
    /// A deployment `d` with this spec, to which a selector and a template with the image `0` are added.
    pub(super) fn of(spec: Value) -> Self {
        let template = json!({"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"name": "c", "image": "0"}]}});
        let mut whole = json!({
            "replicas": 3, "selector": {"matchLabels": {"app": "d"}}, "template": template, "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        });
        for (field, value) in spec.as_object().unwrap() {
            whole[field] = value.clone();
        }
        let metadata = json!({"namespace": "ns", "name": "d", "uid": "d", "generation": 1, "resourceVersion": "1"});
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": whole});
        Self {
            now: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24),
            deployment: serde_json::from_value(deployment).unwrap(),
            sets: BTreeMap::new(),
            pods: BTreeMap::new(),
            told: Vec::new(),
            version: 1,
        }
    }

    pub(super) fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    /// Changes the deployment's spec as a user would.
    pub(super) fn edit(
        &mut self,
        change: impl FnOnce(&mut k8s_openapi::api::apps::v1::DeploymentSpec),
    ) {
        let before = self.deployment.spec.clone();
        change(self.deployment.spec.as_mut().unwrap());
        if self.deployment.spec != before {
            let version = self.next_version();
            let metadata = &mut self.deployment.metadata;
            metadata.generation = metadata.generation.map(|generation| generation + 1);
            metadata.resource_version = Some(version);
        }
    }

    pub(super) fn image(&mut self, image: &str) {
        let image = image.to_owned();
        self.edit(|spec| spec.template.spec.as_mut().unwrap().containers[0].image = Some(image));
    }

    fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    pub(super) fn view(&self) -> View {
        View {
            deployments: Snapshot::of([self.deployment.clone()], &[]),
            replica_sets: Snapshot::of(self.sets.values().cloned(), &replica_set_indices()),
            pods: Snapshot::of(self.pods.values().cloned(), &replicaset::pod_indices()),
        }
    }

    /// The deployment's plan.
    pub(super) fn plan(&self) -> Plan {
        plan(self.now, &self.view(), &ObjectKey::new("ns", "d"))
    }

    /// The deployment's plan after a call of the last one has failed.
    pub(super) fn plan_after(&self, failure: &Failure) -> Plan {
        plan_after(failure, self.now, &self.view(), &ObjectKey::new("ns", "d"))
    }

    /// Carries out the deployment's plan; answers how many calls that were.
    pub(super) fn step(&mut self) -> usize {
        self.carry_out(self.plan())
    }

    /// Carries out the plan of one replica set.
    pub(super) fn step_set(&mut self, name: &str) -> usize {
        let view = self.view();
        let key = ObjectKey::new("ns", name);
        self.carry_out(replicaset::plan(
            self.now,
            &view.replica_sets,
            &view.pods,
            &key,
            None,
        ))
    }

    pub(super) fn step_sets(&mut self) -> usize {
        let names: Vec<String> = self.sets.keys().cloned().collect();
        names.iter().map(|name| self.step_set(name)).sum()
    }

    pub(super) fn carry_out(&mut self, plan: Plan) -> usize {
        let mut calls = 0;
        for action in plan.steps.into_iter().flat_map(|step| step.actions) {
            calls += 1;
            let note = action.done.clone();
            self.perform(action);
            self.told
                .extend(note.map(|note| format!("{} {}", note.reason, note.message)));
        }
        calls
    }

    fn perform(&mut self, action: Action) {
        let call = action.call;
        let kind = call.resource.resource.as_str();
        match (call.verb, kind, call.subresource.as_deref(), call.body) {
            (Verb::Create, "replicasets", None, Body::Object(set)) => self.create_set(take(set)),
            (Verb::Create, "pods", None, Body::Object(pod)) => self.create_pod(take(pod)),
            (Verb::Update, "deployments", part, Body::Object(next)) => {
                let mut next: Deployment = take(next);
                assert_eq!(
                    next.metadata.resource_version, self.deployment.metadata.resource_version,
                    "conflict"
                );
                match part {
                    None => {
                        next.status.clone_from(&self.deployment.status);
                        let annotations = &self.deployment.metadata.annotations;
                        if next.spec != self.deployment.spec
                            || next.metadata.annotations != *annotations
                        {
                            next.metadata.generation =
                                next.metadata.generation.map(|generation| generation + 1);
                        }
                    }
                    _ => next.spec.clone_from(&self.deployment.spec),
                }
                assert_ne!(next, self.deployment, "a write that changes nothing");
                next.metadata.resource_version = Some(self.next_version());
                self.deployment = next;
            }
            (Verb::Update, "replicasets", part, Body::Object(next)) => {
                let mut next: ReplicaSet = take(next);
                let name = next.metadata.name.clone().unwrap();
                let version = self.next_version();
                let old = self.sets.get_mut(&name).unwrap();
                assert_eq!(
                    next.metadata.resource_version, old.metadata.resource_version,
                    "conflict"
                );
                match part {
                    None => next.status.clone_from(&old.status),
                    _ => next.spec.clone_from(&old.spec),
                }
                assert_ne!(next, *old, "a write that changes nothing");
                if next.spec != old.spec {
                    next.metadata.generation =
                        next.metadata.generation.map(|generation| generation + 1);
                }
                next.metadata.resource_version = Some(version);
                *old = next;
            }
            (Verb::Delete, "replicasets", None, _) => {
                let set = self.sets.remove(&call.name.unwrap()).unwrap();
                assert_eq!(self.pods_of(&set).count(), 0, "a set with pods is deleted");
            }
            (Verb::Delete, "pods", None, _) => {
                let pod = self.pods.get_mut(&call.name.unwrap()).unwrap();
                pod.metadata.deletion_timestamp = Some(Time(self.now));
            }
            (Verb::Get, "deployments", None, Body::None) => {
                let expected = action.expected.unwrap();
                assert!(expected.is_met(Some(&self.deployment)), "{expected:?}");
            }
            other => panic!("{other:?}"),
        }
    }

    fn create_set(&mut self, mut set: ReplicaSet) {
        let name = set.metadata.name.clone().unwrap();
        self.name(&mut set.metadata, &name);
        set.metadata.generation = Some(1);
        assert!(self.sets.insert(name, set).is_none(), "the name is taken");
    }

    fn create_pod(&mut self, mut pod: Pod) {
        let name = format!(
            "{}{}",
            pod.metadata.generate_name.clone().unwrap(),
            self.version
        );
        self.name(&mut pod.metadata, &name);
        self.pods.insert(name, pod);
    }

    fn name(&mut self, metadata: &mut ObjectMeta, name: &str) {
        let version = self.next_version();
        metadata.name = Some(name.to_owned());
        metadata.uid = Some(format!("{name}-{version}"));
        metadata.creation_timestamp = Some(Time(self.now));
        metadata.resource_version = Some(version);
    }

    pub(super) fn pods_of<'a>(&'a self, set: &'a ReplicaSet) -> impl Iterator<Item = &'a Pod> {
        let uid = set.metadata.uid.as_deref();
        self.pods
            .values()
            .filter(move |pod| controller_of(&pod.metadata).map(|owner| owner.uid.as_str()) == uid)
    }

    pub(super) fn set_ready(&mut self, pod: &str, ready: bool) {
        let version = self.next_version();
        let now = self.now;
        let pod = self.pods.get_mut(pod).unwrap();
        if pods::is_ready(pod) != ready {
            let status = pod.status.get_or_insert_default();
            status.phase = Some("Running".into());
            status.conditions = Some(vec![PodCondition {
                type_: "Ready".into(),
                status: if ready { "True" } else { "False" }.into(),
                last_transition_time: Some(Time(now)),
                ..Default::default()
            }]);
            pod.metadata.resource_version = Some(version);
        }
    }

    pub(super) fn all_ready(&mut self) {
        let names: Vec<String> = self.pods.keys().cloned().collect();
        names.iter().for_each(|name| self.set_ready(name, true));
    }

    /// The pods that are being deleted go.
    pub(super) fn bury(&mut self) {
        self.pods
            .retain(|_, pod| pod.metadata.deletion_timestamp.is_none());
    }

    /// All pods become ready, those that go are gone, and every controller does what it wants, until none wants anything.
    pub(super) fn settle(&mut self) {
        for _ in 0..400 {
            let busy = self.step() + self.step_sets();
            let ghosts = self
                .pods
                .values()
                .any(|pod| pod.metadata.deletion_timestamp.is_some());
            let unready = self.pods.values().any(|pod| !pods::is_ready(pod));
            self.bury();
            self.all_ready();
            if busy == 0
                && !ghosts
                && !unready
                && self.plan().wake.is_none_or(|wake| wake > self.now)
            {
                let waits = self.sets.values().any(|set| available(set) < wanted(set));
                if !waits {
                    return;
                }
            }
            self.pass(1);
        }
        panic!(
            "it does not come to rest: {:?} {:#?}",
            self.told, self.deployment.status
        );
    }

    /// The set with the deployment's image.
    pub(super) fn newest(&self) -> &ReplicaSet {
        let image = |spec: &Option<k8s_openapi::api::core::v1::PodSpec>| {
            spec.as_ref().unwrap().containers[0].image.clone()
        };
        let wanted = image(&self.deployment.spec.as_ref().unwrap().template.spec);
        let set = self.sets.values().find(|set| {
            image(&set.spec.as_ref().unwrap().template.as_ref().unwrap().spec) == wanted
        });
        set.unwrap()
    }

    pub(super) fn condition(&self, kind: &str) -> String {
        let status = self.deployment.status.as_ref().unwrap();
        let condition = super::conditions::find(status, kind);
        condition.map_or("none".into(), |c| {
            format!(
                "{} {}: {}",
                c.status,
                c.reason.as_deref().unwrap(),
                c.message.as_deref().unwrap()
            )
        })
    }

    /// `(image, wanted)` of all sets, oldest first.
    pub(super) fn sizes(&self) -> Vec<(String, i32)> {
        let mut sets: Vec<&ReplicaSet> = self.sets.values().collect();
        sets.sort_by_key(|set| super::annotations::revision(&set.metadata));
        let image = |set: &ReplicaSet| {
            set.spec
                .as_ref()
                .unwrap()
                .template
                .as_ref()
                .unwrap()
                .spec
                .as_ref()
                .unwrap()
                .containers[0]
                .image
                .clone()
        };
        sets.into_iter()
            .map(|set| (image(set).unwrap(), wanted(set)))
            .collect()
    }
}

fn take<T: Typed>(object: std::sync::Arc<dyn Object>) -> T {
    (*downcast::<T>(object).unwrap()).clone()
}
