use k8s_openapi::api::policy::v1::PodDisruptionBudgetStatus;
use navarch_api::call::Body;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

fn from<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

/// A cluster with one budget.
struct Case {
    budget: PodDisruptionBudget,
    pods: Vec<Pod>,
    sets: Vec<Value>,
}

fn case(spec: Value) -> Case {
    let mut spec = spec;
    spec["selector"] = json!({"matchLabels": {"app": "web"}});
    let metadata = json!({"name": "b", "namespace": "d", "generation": 3});
    Case {
        budget: from(json!({"metadata": metadata, "spec": spec})),
        pods: Vec::new(),
        sets: Vec::new(),
    }
}

fn owner(kind: &str, version: &str) -> Value {
    json!([{"apiVersion": version, "kind": kind, "name": "o", "uid": kind, "controller": true}])
}

impl Case {
    /// So many pods of an owner; `ready`: how many of them are.
    fn pods(mut self, count: usize, ready: usize, owners: Value) -> Self {
        for number in 0..count {
            let name = format!("p{}", self.pods.len());
            let metadata = json!({"name": name, "namespace": "d", "labels": {"app": "web"}, "ownerReferences": owners});
            let is = if number < ready { "True" } else { "False" };
            let status =
                json!({"phase": "Running", "conditions": [{"type": "Ready", "status": is}]});
            self.pods.push(from(
                json!({"metadata": metadata, "spec": {"containers": []}, "status": status}),
            ));
        }
        self
    }

    /// A set that wants so many.
    fn set(mut self, kind: &str, replicas: i32, owners: Value) -> Self {
        let metadata =
            json!({"name": "o", "namespace": "d", "uid": kind, "ownerReferences": owners});
        let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}});
        let spec =
            json!({"replicas": replicas, "selector": {}, "template": template, "serviceName": ""});
        self.sets
            .push(json!({"kind": kind, "metadata": metadata, "spec": spec}));
        self
    }

    fn evicted(mut self, name: &str, seconds: i64) -> Self {
        let status = self.budget.status.get_or_insert_default();
        let evicted = navarch_machinery::time::seconds(at(seconds));
        let disrupted = status.disrupted_pods.get_or_insert_default();
        disrupted.insert(name.to_owned(), evicted);
        self
    }

    fn plan(&self, seconds: i64) -> Plan {
        fn of<T: Typed + DeserializeOwned>(sets: &[Value], kind: &str) -> Snapshot<T> {
            let sets = sets.iter().filter(|set| set["kind"] == kind).cloned();
            Snapshot::of(
                sets.map(|mut set| {
                    if kind == "ReplicationController" {
                        set["spec"]["selector"] = json!({"app": "web"});
                    }
                    from(set)
                }),
                &[],
            )
        }
        let view = View {
            budgets: Snapshot::of([self.budget.clone()], &[]),
            pods: Snapshot::of(self.pods.clone(), &[]),
            deployments: of(&self.sets, "Deployment"),
            replica_sets: of(&self.sets, "ReplicaSet"),
            controllers: of(&self.sets, "ReplicationController"),
            stateful_sets: of(&self.sets, "StatefulSet"),
        };
        plan(at(seconds), &view, &ObjectKey::new("d", "b"))
    }

    fn status(&self) -> PodDisruptionBudgetStatus {
        status(&self.plan(0)).unwrap()
    }

    /// Expected, desired and healthy pods, and how many may go.
    fn counts(&self) -> [i32; 4] {
        let status = self.status();
        [
            status.expected_pods,
            status.desired_healthy,
            status.current_healthy,
            status.disruptions_allowed,
        ]
        .map(Option::unwrap)
    }
}

fn status(plan: &Plan) -> Option<PodDisruptionBudgetStatus> {
    let call = &plan.actions().next()?.call;
    assert_eq!(call.subresource.as_deref(), Some("status"));
    let Body::Object(object) = &call.body else {
        panic!("an update is expected")
    };
    let any: &dyn std::any::Any = object.as_ref();
    any.downcast_ref::<PodDisruptionBudget>()?.status.clone()
}

/// Status, reason and message of the condition.
fn condition(status: &PodDisruptionBudgetStatus) -> String {
    let it = &status.conditions.as_ref().unwrap()[0];
    assert_eq!(it.type_, "DisruptionAllowed");
    format!("{} {} {}", it.status, it.reason, it.message)
}

fn reasons(plan: &Plan) -> Vec<&str> {
    plan.notes.iter().map(|note| note.reason).collect()
}

const SET: (&str, &str) = ("ReplicaSet", "apps/v1");

fn of_set(spec: Value, wanted: i32, there: usize, ready: usize) -> Case {
    case(spec)
        .pods(there, ready, owner(SET.0, SET.1))
        .set(SET.0, wanted, json!([]))
}

#[test]
fn numbers_and_percents_say_how_many_may_go() {
    let check = |spec: Value, expected: [i32; 4]| {
        assert_eq!(of_set(spec.clone(), 10, 8, 7).counts(), expected, "{spec}");
    };
    // A number that must be available is taken of the pods that there are, all else of those that are wanted.
    check(json!({"minAvailable": 5}), [8, 5, 7, 2]);
    check(json!({"minAvailable": 9}), [8, 9, 7, 0]);
    check(json!({"minAvailable": "55%"}), [10, 6, 7, 1]);
    check(json!({"maxUnavailable": 4}), [10, 6, 7, 1]);
    check(json!({"maxUnavailable": 40}), [10, 0, 7, 7]);
    check(json!({"maxUnavailable": "35%"}), [10, 6, 7, 1]);
    check(json!({"maxUnavailable": "100%"}), [10, 0, 7, 7]);
    check(json!({}), [0, 0, 7, 0]);
}

#[test]
fn who_controls_the_pods_says_how_many_there_should_be() {
    let spec = || json!({"maxUnavailable": 1});
    for (kind, version) in [
        SET,
        ("StatefulSet", "apps/v1"),
        ("ReplicationController", "v1"),
    ] {
        let it = case(spec())
            .pods(3, 3, owner(kind, version))
            .set(kind, 3, json!([]));
        assert_eq!(it.counts(), [3, 2, 3, 1], "{kind}");
    }
    // A deployment speaks for its sets, once.
    let it = case(spec()).pods(3, 3, owner(SET.0, SET.1));
    let it = it
        .set(SET.0, 2, owner("Deployment", "apps/v1"))
        .set("Deployment", 5, json!([]));
    assert_eq!(it.counts(), [5, 4, 3, 0]);
    // Two controllers are added up.
    let it = of_set(spec(), 3, 3, 3)
        .pods(2, 2, owner("StatefulSet", "apps/v1"))
        .set("StatefulSet", 2, json!([]));
    assert_eq!(it.counts(), [5, 4, 5, 1]);
}

#[test]
fn the_condition_tells_whether_one_may_go() {
    let many = of_set(json!({"minAvailable": 1}), 2, 2, 2);
    let status = many.status();
    assert_eq!(condition(&status), "True SufficientPods ");
    assert_eq!(status.observed_generation, Some(3));
    let mut few = of_set(json!({"minAvailable": 2}), 2, 2, 2);
    few.budget.status = Some(status);
    let later = self::status(&few.plan(60)).unwrap();
    assert_eq!(condition(&later), "False InsufficientPods ");
    let since = &later.conditions.as_ref().unwrap()[0].last_transition_time;
    assert_eq!(since.0, at(60));
    few.budget.status = Some(later);
    assert!(few.plan(90).is_empty(), "what is so is not written again");
}

#[test]
fn what_cannot_be_reckoned_allows_nothing() {
    let mut job = case(json!({"maxUnavailable": 1})).pods(2, 2, owner("Job", "batch/v1"));
    job.budget
        .status
        .get_or_insert_default()
        .disruptions_allowed = Some(1);
    let status = job.status();
    let words = "False SyncFailed jobs.batch does not implement the scale subresource";
    assert_eq!(condition(&status), words);
    assert_eq!(status.disruptions_allowed, Some(0));
    assert_eq!(reasons(&job.plan(0)), ["CalculateExpectedPodCountFailed"]);
    let gone = case(json!({"maxUnavailable": 1})).pods(1, 1, owner(SET.0, SET.1));
    let words = "False SyncFailed found no controllers for pod \"p0\"";
    assert_eq!(condition(&gone.status()), words);
    let strange = case(json!({"maxUnavailable": 1})).pods(1, 1, owner("Db", "x.io/v1"));
    let words = "False SyncFailed no matches for kind \"Db\" in version \"x.io/v1\"";
    assert_eq!(condition(&strange.status()), words);
    // A number of available pods needs nobody.
    let number = case(json!({"minAvailable": 1})).pods(2, 2, owner("Job", "batch/v1"));
    assert_eq!(number.counts(), [2, 1, 2, 1]);
}

#[test]
fn pods_that_nobody_controls_are_told_of_where_shares_are_asked_for() {
    let share = case(json!({"minAvailable": "50%"})).pods(2, 2, json!([]));
    assert_eq!(share.counts(), [0, 0, 2, 0]);
    assert_eq!(reasons(&share.plan(0)), ["UnmanagedPods"]);
    let number = case(json!({"minAvailable": 1})).pods(2, 2, json!([]));
    assert_eq!(number.counts(), [2, 1, 2, 1]);
    assert!(reasons(&number.plan(0)).is_empty());
}

#[test]
fn a_budget_without_pods_allows_nothing() {
    let none = case(json!({"minAvailable": 0}));
    assert_eq!(none.counts(), [0, 0, 0, 0]);
    assert_eq!(reasons(&none.plan(0)), ["NoPods"]);
    let mut all = of_set(json!({"maxUnavailable": 1}), 2, 2, 2);
    all.budget.spec.get_or_insert_default().selector = None;
    assert_eq!(all.counts(), [0, 0, 0, 0]);
}

#[test]
fn evicted_pods_are_waited_for_and_then_count_again() {
    let mut it = of_set(json!({"minAvailable": 1}), 3, 3, 3)
        .evicted("p0", 0)
        .evicted("p1", -30)
        .evicted("other", 0);
    it.pods[1].metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(0)));
    let plan = it.plan(10);
    let status = self::status(&plan).unwrap();
    let waited: Vec<_> = status.disrupted_pods.iter().flatten().collect();
    assert_eq!(waited.len(), 1);
    assert_eq!(waited[0].0, "p0");
    assert_eq!(status.current_healthy, Some(1));
    assert_eq!(plan.wake, Some(at(120)));
    let late = it.plan(120);
    assert_eq!(reasons(&late), ["NotDeleted"]);
    let status = self::status(&late).unwrap();
    assert_eq!(status.disrupted_pods, None);
    assert_eq!(status.current_healthy, Some(2));
}
