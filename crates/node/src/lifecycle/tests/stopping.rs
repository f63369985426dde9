//! How the containers of a pod that ends are stopped.

use super::*;

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
