use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_api::call::{Body, Gvr};
use navarch_api::def::Verb;
use navarch_client::{ObjectKey, Snapshot};
use navarch_machinery::object::downcast;
use navarch_machinery::status::StatusError;
use serde_json::{Value, json};

use super::{BURST, pod_indices};
use crate::{Failure, Plan};

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1000)
}

fn ago(seconds: i64) -> Value {
    json!(Time(now() - SignedDuration::from_secs(seconds)))
}

fn set(replicas: i32, more: Value) -> ReplicaSet {
    let template = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": []}});
    let mut spec = json!({"replicas": replicas, "selector": {"matchLabels": {"app": "a"}}, "template": template});
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    let metadata = json!({"namespace": "ns", "name": "s", "uid": "s", "generation": 1, "resourceVersion": "5"});
    serde_json::from_value(
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec}),
    )
    .unwrap()
}

/// A pod of the set that runs on node `n` and has been ready for an hour, with changes.
fn pod(name: &str, change: impl FnOnce(&mut Value)) -> Pod {
    let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "s", "uid": "s", "controller": true});
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "namespace": "ns", "name": name, "uid": name, "resourceVersion": "9", "labels": {"app": "a"},
            "ownerReferences": [owner], "creationTimestamp": ago(3600),
        },
        "spec": {"nodeName": "n", "containers": []},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": ago(3600)}]},
    });
    change(&mut pod);
    serde_json::from_value(pod).unwrap()
}

fn ready(name: &str) -> Pod {
    pod(name, |_| {})
}

fn planned(set: ReplicaSet, pods: Vec<Pod>, failure: Option<&Failure>) -> Plan {
    let (sets, pods) = (Snapshot::of([set], &[]), Snapshot::of(pods, &pod_indices()));
    super::plan(now(), &sets, &pods, &ObjectKey::new("ns", "s"), failure)
}

fn status(plan: &Plan) -> Value {
    let written = plan
        .actions()
        .find(|action| action.call.subresource.as_deref() == Some("status"));
    let Some(Body::Object(object)) = written.map(|action| action.call.body.clone()) else {
        return Value::Null;
    };
    serde_json::to_value(downcast::<ReplicaSet>(object).unwrap().status.clone()).unwrap()
}

fn calls(plan: &Plan, verb: Verb) -> Vec<String> {
    let calls = plan
        .actions()
        .filter(|action| action.call.verb == verb && action.call.resource == Gvr::of::<Pod>());
    calls
        .map(|action| action.call.name.clone().unwrap_or_default())
        .collect()
}

#[test]
fn missing_pods_are_made_of_the_template() {
    let plan = planned(set(2, json!({})), vec![ready("a")], None);
    assert_eq!(status(&plan)["replicas"], 1);
    let action = plan.actions().last().unwrap();
    let Body::Object(made) = &action.call.body else {
        panic!()
    };
    let metadata = navarch_machinery::object::Object::metadata(made.as_ref());
    assert_eq!(metadata.generate_name.as_deref(), Some("s-"));
    let owner = &metadata.owner_references.as_ref().unwrap()[0];
    assert_eq!(
        (
            owner.uid.as_str(),
            owner.controller,
            owner.block_owner_deletion
        ),
        ("s", Some(true), Some(true))
    );
    assert_eq!(action.done.as_ref().unwrap().message, "Created pod: {}");
}

#[test]
fn a_plan_makes_or_removes_only_so_many() {
    assert_eq!(
        calls(&planned(set(2000, json!({})), vec![], None), Verb::Create).len(),
        BURST
    );
    let many = (0..2000).map(|n| ready(&format!("p{n}"))).collect();
    assert_eq!(
        calls(&planned(set(0, json!({})), many, None), Verb::Delete).len(),
        BURST
    );
}

/// Which of two pods goes first.
fn first(a: impl FnOnce(&mut Value), b: impl FnOnce(&mut Value)) -> String {
    let plan = planned(set(1, json!({})), vec![pod("a", a), pod("b", b)], None);
    let gone = calls(&plan, Verb::Delete);
    assert_eq!(gone.len(), 1);
    gone[0].clone()
}

#[test]
fn those_whose_loss_costs_least_go_first() {
    let same = |_: &mut Value| {};
    // The name decides where nothing else does, so every case has the one that goes as `b`.
    assert_eq!(first(same, same), "a");
    assert_eq!(first(same, |p| p["spec"]["nodeName"] = Value::Null), "b");
    assert_eq!(
        first(same, |p| p["status"]["phase"] = json!("Pending")),
        "b"
    );
    assert_eq!(
        first(
            |p| p["status"]["phase"] = json!("Unknown"),
            |p| p["status"]["phase"] = json!("Pending")
        ),
        "b"
    );
    assert_eq!(
        first(same, |p| p["status"]["conditions"][0]["status"] =
            json!("False")),
        "b"
    );
    let cost = |cost: &'static str| {
        move |p: &mut Value| {
            p["metadata"]["annotations"] =
                json!({"controller.kubernetes.io/pod-deletion-cost": cost});
        }
    };
    assert_eq!(first(cost("10"), cost("-5")), "b");
    assert_eq!(
        first(
            same,
            |p| p["status"]["conditions"][0]["lastTransitionTime"] = ago(60)
        ),
        "b"
    );
    let restarts =
        json!([{"name": "c", "image": "", "imageID": "", "ready": true, "restartCount": 3}]);
    assert_eq!(
        first(same, |p| p["status"]["containerStatuses"] = restarts),
        "b"
    );
    assert_eq!(
        first(same, |p| p["metadata"]["creationTimestamp"] = ago(60)),
        "b"
    );
    // What weighs more decides though all that weighs less speaks against it.
    assert_eq!(
        first(cost("-5"), |p| p["status"]["conditions"][0]["status"] =
            json!("False")),
        "b"
    );
}

#[test]
fn of_pods_that_share_a_node_one_goes_first() {
    let alone = pod("a", |p| p["spec"]["nodeName"] = json!("other"));
    let plan = planned(set(2, json!({})), vec![alone, ready("b"), ready("c")], None);
    assert_eq!(calls(&plan, Verb::Delete), ["b"]);
}

#[test]
fn orphans_that_match_are_adopted_and_others_released() {
    let orphan = pod("orphan", |p| p["metadata"]["ownerReferences"] = json!([]));
    let stray = pod("stray", |p| {
        p["metadata"]["labels"] = json!({"app": "other"});
    });
    let theirs = pod("theirs", |p| {
        p["metadata"]["ownerReferences"][0]["uid"] = json!("another");
    });
    let plan = planned(set(1, json!({})), vec![orphan, stray, theirs], None);
    let patches: Vec<(String, usize)> = plan
        .actions()
        .filter_map(|action| match &action.call.body {
            Body::Patch(_, patch) => {
                let owners = patch["metadata"]["ownerReferences"]
                    .as_array()
                    .unwrap()
                    .len();
                assert_eq!(patch["metadata"]["resourceVersion"], "9");
                Some((action.call.name.clone().unwrap(), owners))
            }
            _ => None,
        })
        .collect();
    assert_eq!(patches, [("stray".to_owned(), 0), ("orphan".to_owned(), 1)]);
    assert!(calls(&plan, Verb::Delete).is_empty());
}

#[test]
fn adopted_pods_count_at_once() {
    let orphan = |name| pod(name, |p| p["metadata"]["ownerReferences"] = json!([]));
    let plan = planned(set(2, json!({})), vec![orphan("a"), orphan("b")], None);
    assert!(calls(&plan, Verb::Create).is_empty());
    let plan = planned(set(3, json!({})), vec![orphan("a"), orphan("b")], None);
    assert_eq!(calls(&plan, Verb::Create).len(), 1);
}

#[test]
fn before_a_set_adopts_it_makes_sure_that_it_is_still_there() {
    let orphan = pod("a", |p| p["metadata"]["ownerReferences"] = json!([]));
    let plan = planned(set(1, json!({})), vec![orphan], None);
    let first = &plan.steps[0].actions[0];
    assert_eq!(
        (first.call.verb, first.call.resource.resource.as_str()),
        (Verb::Get, "replicasets")
    );
    let expected = first.expected.as_ref().unwrap();
    assert!(expected.is_met(Some(&set(1, json!({})))));
    let mut going = set(1, json!({}));
    going.metadata.deletion_timestamp = Some(Time(now()));
    let mut another = set(1, json!({}));
    another.metadata.uid = Some("another".into());
    assert!(
        !expected.is_met(Some(&going))
            && !expected.is_met(Some(&another))
            && !expected.is_met(None)
    );
}

#[test]
fn pods_that_have_ended_are_not_adopted() {
    let ended = pod("a", |p| {
        p["metadata"]["ownerReferences"] = json!([]);
        p["status"]["phase"] = json!("Succeeded");
    });
    let plan = planned(set(0, json!({})), vec![ended], None);
    assert!(calls(&plan, Verb::Patch).is_empty());
}

#[test]
fn a_deleted_set_adopts_and_makes_nothing() {
    let mut going = set(3, json!({}));
    going.metadata.deletion_timestamp = Some(Time(now()));
    let orphan = pod("orphan", |p| p["metadata"]["ownerReferences"] = json!([]));
    let plan = planned(going, vec![orphan], None);
    assert!(calls(&plan, Verb::Create).is_empty() && calls(&plan, Verb::Patch).is_empty());
}

#[test]
fn pods_are_available_when_they_have_been_ready_for_long_enough() {
    let young = pod("b", |p| {
        p["status"]["conditions"][0]["lastTransitionTime"] = ago(10);
    });
    let plan = planned(
        set(2, json!({"minReadySeconds": 30})),
        vec![ready("a"), young],
        None,
    );
    let status = status(&plan);
    assert_eq!(
        (&status["readyReplicas"], &status["availableReplicas"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(plan.wake, Some(now() + SignedDuration::from_secs(20)));
}

#[test]
fn ended_and_terminating_pods_do_not_count() {
    let ended = pod("ended", |p| p["status"]["phase"] = json!("Failed"));
    let going = pod("going", |p| p["metadata"]["deletionTimestamp"] = ago(1));
    let plan = planned(set(1, json!({})), vec![ended, going, ready("a")], None);
    let status = status(&plan);
    assert_eq!(
        (&status["replicas"], &status["terminatingReplicas"]),
        (&json!(1), &json!(1))
    );
    assert!(calls(&plan, Verb::Create).is_empty());
}

#[test]
fn that_pods_cannot_be_made_is_told_until_they_can() {
    let refused = |resource: Gvr| Failure {
        verb: Verb::Create,
        resource,
        error: StatusError::forbidden("", "pods", "s-", "quota"),
    };
    let plan = planned(set(1, json!({})), vec![], Some(&refused(Gvr::of::<Pod>())));
    let condition = &status(&plan)["conditions"][0];
    assert_eq!(
        (&condition["type"], &condition["status"]),
        (&json!("ReplicaFailure"), &json!("True"))
    );
    assert_eq!(
        (&condition["reason"], &condition["message"]),
        (
            &json!("FailedCreate"),
            &json!("pods \"s-\" is forbidden: quota")
        )
    );
    assert_eq!(calls(&plan, Verb::Create).len(), 1);

    let mut failed = set(1, json!({}));
    failed.status = Some(serde_json::from_value(status(&plan)).unwrap());
    let other = planned(
        failed.clone(),
        vec![],
        Some(&refused(Gvr::of::<ReplicaSet>())),
    );
    assert_eq!(status(&other), Value::Null);
    assert_eq!(
        status(&planned(failed, vec![], None))["conditions"],
        Value::Null
    );
}
