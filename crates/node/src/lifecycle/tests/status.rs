//! What is told of a pod.

use super::*;

#[test]
fn a_plan_told_changes_nothing_more() {
    let mut case = case(json!({"containers": [app()]}))
        .with_sandbox()
        .running("app");
    let first = case.plan(5).status;
    case.pod.status = Some(first.clone());
    let later = case.plan(500);
    assert_eq!(later.status, first);
    assert!(later.actions.is_empty());
    assert!(later.wake_at.is_none_or(
        |at_| at_ > at(500) && at_.duration_since(at(500)) < SignedDuration::from_secs(1)
    ));
}

#[test]
fn conditions_in_kubernetes_words() {
    let plan = case(json!({"containers": [app()]})).with_sandbox().plan(5);
    let lines: Vec<String> = plan
        .status
        .conditions
        .unwrap()
        .iter()
        .map(|c| {
            format!(
                "{} {} {} {}",
                c.type_,
                c.status,
                c.reason.as_deref().unwrap_or("-"),
                c.message.as_deref().unwrap_or("-")
            )
        })
        .collect();
    expect![[r#"
        PodReadyToStartContainers True - -
        Initialized True - -
        Ready False ContainersNotReady containers with unready status: [app]
        ContainersReady False ContainersNotReady containers with unready status: [app]
        PodScheduled True - -"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn only_what_tells_of_a_status_waits_for_it() {
    let case = case(json!({"containers": [app()]}));
    let waits = |action: &Action| action.needs_status_told();
    assert!(!case.plan(5).actions.iter().any(waits));
    assert!(Action::Delete.needs_status_told());
    assert!(!Action::TearDown.needs_status_told());
}
