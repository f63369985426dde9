use k8s_openapi::api::core::v1::PodStatus;
use k8s_openapi::api::policy::v1::{PodDisruptionBudgetSpec, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::budget::judge;
use super::*;

fn pod(ready: bool) -> Pod {
    let status = if ready { "True" } else { "False" };
    Pod {
        metadata: ObjectMeta {
            name: Some("p".into()),
            ..Default::default()
        },
        status: Some(PodStatus {
            phase: Some("Running".into()),
            conditions: Some(vec![PodCondition {
                type_: "Ready".into(),
                status: status.into(),
                ..Default::default()
            }]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn budget(allowed: i32, healthy: i32, wanted: i32) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: ObjectMeta {
            name: Some("b".into()),
            generation: Some(1),
            ..Default::default()
        },
        spec: Some(PodDisruptionBudgetSpec::default()),
        status: Some(PodDisruptionBudgetStatus {
            observed_generation: Some(1),
            disruptions_allowed: Some(allowed),
            current_healthy: Some(healthy),
            desired_healthy: Some(wanted),
            ..Default::default()
        }),
    }
}

fn cause(error: &StatusError) -> String {
    let details = error.details.clone().unwrap();
    details.causes.unwrap()[0].message.clone().unwrap()
}

#[test]
fn an_eviction_is_counted() {
    let mut budget = budget(1, 3, 2);
    let verdict = judge(&pod(true), &mut budget, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(verdict, Verdict::Counted);
    let status = budget.status.unwrap();
    assert_eq!(status.disruptions_allowed, Some(0));
    assert!(status.disrupted_pods.unwrap().contains_key("p"));
    let condition = &status.conditions.unwrap()[0];
    assert_eq!(condition.reason, "InsufficientPods");
}

#[test]
fn a_budget_without_room_says_why() {
    let error = judge(&pod(true), &mut budget(0, 2, 2), Timestamp::UNIX_EPOCH).unwrap_err();
    assert_eq!(error.code, 429);
    let words = "The disruption budget b needs 2 healthy pods and has 2 currently";
    assert_eq!(cause(&error), words);
    let mut late = budget(1, 3, 2);
    late.metadata.generation = Some(2);
    let error = judge(&pod(true), &mut late, Timestamp::UNIX_EPOCH).unwrap_err();
    let words = "The disruption budget b is still being processed by the server.";
    assert_eq!(cause(&error), words);
}

#[test]
fn an_unhealthy_pod_may_go_where_nothing_is_lost() {
    let mut enough = budget(0, 2, 2);
    let verdict = judge(&pod(false), &mut enough, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(verdict, Verdict::Unhealthy);
    let mut short = budget(0, 1, 2);
    assert!(judge(&pod(false), &mut short, Timestamp::UNIX_EPOCH).is_err());
    let spec = short.spec.get_or_insert_default();
    spec.unhealthy_pod_eviction_policy = Some("AlwaysAllow".into());
    let verdict = judge(&pod(false), &mut short, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(verdict, Verdict::Unhealthy);
}
