//! How the containers of a pod that ends are stopped.

use super::*;

#[test]
fn a_deleted_pod_ends_in_order() {
    let running = with_init()
        .ended("first", 0, 0, 1)
        .running("proxy")
        .running("app")
        .deleted(20);
    running.check(
        10,
        expect![[r#"
        stop app in 20s: Stopping container app
        phase Running
        first Completed 0 ready restarts=0
        proxy running ready restarts=0
        app running ready restarts=0
    "#]],
    );
    let stopping = running.history(|h| {
        let _ = h.stopping.insert("app-0".into(), at(30));
    });
    assert!(stopping.plan(12).actions.is_empty());
    let ended = with_init()
        .ended("first", 0, 0, 1)
        .ended("proxy", 0, 0, 4)
        .ended("app", 0, 143, 4)
        .deleted(20);
    assert_eq!(ended.plan(12).actions, [Action::TearDown]);
    let ended = ended.history(|h| {
        let failed = SetUpFailure::again(None, at(12));
        h.tear_down_failure = Some(SetUpFailure::again(Some(&failed), at(12)));
    });
    assert!(ended.plan(13).actions.is_empty());
    assert_eq!(ended.plan(13).wake_at, Some(at(14)));
    assert_eq!(ended.plan(14).actions, [Action::TearDown]);
    let torn = ended.history(|h| h.torn_down = true);
    assert_eq!(torn.plan(13).actions, [Action::Delete]);
    assert_eq!(torn.plan(13).status.phase.as_deref(), Some("Failed"));
}

#[test]
fn a_deadline_ends_a_pod() {
    let mut case = case(json!({"activeDeadlineSeconds": 60, "containers": [app()]}))
        .with_sandbox()
        .running("app");
    case.pod.status.get_or_insert_default().start_time = Some(Time(at(0)));
    assert_eq!(case.plan(59).wake_at, Some(at(60)));
    let plan = case.plan(60);
    assert_eq!(plan.status.phase.as_deref(), Some("Failed"));
    assert_eq!(plan.status.reason.as_deref(), Some("DeadlineExceeded"));
    assert!(
        plan.actions
            .iter()
            .any(|a| matches!(a, Action::Stop { .. }))
    );
}

#[test]
fn a_shorter_grace_overtakes_a_longer_one() {
    let case = case(json!({"containers": [app()]}))
        .with_sandbox()
        .running("app")
        .deleted(0);
    let case = case.history(|h| {
        let _ = h.stopping.insert("app-0".into(), at(40));
    });
    assert_eq!(
        case.plan(11).actions.iter().map(tell).collect::<Vec<_>>(),
        ["stop app in 2s: Stopping container app"]
    );
}

#[test]
fn a_stop_that_was_begun_is_not_begun_again_as_time_goes_on() {
    let mut case = case(json!({"containers": [app()]}))
        .with_sandbox()
        .running("app")
        .deleted(30);
    for milliseconds in [0, 1, 900, 25_000, 29_500, 40_000] {
        let now = at(10) + SignedDuration::from_millis(milliseconds);
        let node = NodeFacts::default();
        let planned = plan(now, &case.pod, &case.actual, &case.history, &node);
        let stops = planned.actions.iter().filter_map(|action| match action {
            Action::Stop { id, until, .. } => Some((id.clone(), *until)),
            _ => None,
        });
        let stops: Vec<_> = stops.collect();
        assert_eq!(
            stops.len(),
            usize::from(milliseconds == 0),
            "{milliseconds}"
        );
        case.history.stopping.extend(stops);
    }
}

#[test]
fn containers_stop_once_no_endpoint_leads_to_them() {
    let mut case = case(json!({"containers": [app()]}))
        .with_sandbox()
        .running("app")
        .deleted(20);
    case.actual.in_service = Some(InService::Rules("slow".into()));
    assert!(case.plan(11).actions.is_empty());
    assert_eq!(case.plan(11).wake_at, Some(at(15)));
    let late = case.plan(15).actions;
    let [Action::Event { message, .. }, Action::Stop { .. }] = &late[..] else {
        panic!("not for ever, and not in silence: {late:?}");
    };
    assert!(message.contains("node slow may still"), "{message}");
    case.actual.in_service = None;
    assert_eq!(case.plan(11).actions.len(), 1);
}
