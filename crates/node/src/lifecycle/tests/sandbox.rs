//! What becomes of sandboxes.

use super::*;

#[test]
fn a_new_pod_gets_a_sandbox() {
    let case = case(json!({"containers": [app()]}));
    case.check(
        5,
        expect![[r#"
        set up 0 new
        phase Pending
        app ContainerCreating restarts=0
    "#]],
    );
    case.history(|h| h.setting_up = true).check(
        5,
        expect![[r#"
        phase Pending
        app ContainerCreating restarts=0
    "#]],
    );
}

#[test]
fn a_sandbox_that_failed_is_tried_again_later() {
    let case = case(json!({"containers": [app()]})).history(|h| {
        h.set_up_failure = Some(SetUpFailure {
            failures: 2,
            retry_at: at(9),
        });
    });
    case.check(
        8,
        expect![[r#"
        phase Pending
        app ContainerCreating restarts=0
        wake at 9
    "#]],
    );
    case.check(
        9,
        expect![[r#"
        set up 0 new
        phase Pending
        app ContainerCreating restarts=0
    "#]],
    );
}

#[test]
fn a_sandbox_that_dies_young_again_has_the_next_one_wait() {
    let died = |attempt| {
        let mut case = case(json!({"containers": [app()]})).with_sandbox();
        let sandbox = std::sync::Arc::make_mut(&mut case.actual.sandboxes[0]);
        sandbox.state = SandboxState::NotReady;
        sandbox.config.attempt = attempt;
        let plan = case.plan(1);
        let told: Vec<String> = plan.actions.iter().map(tell).collect();
        let wake = plan.wake_at.map(|at_| at_.duration_since(at(0)).as_secs());
        (told.last().cloned(), wake)
    };
    assert_eq!(died(0), (Some("set up 1 new".into()), None));
    assert_eq!(died(1), (None, Some(2)));
    assert_eq!(died(9), (None, Some(16)));
}

#[test]
fn what_is_done_is_not_done_again_in_a_new_sandbox() {
    let mut case = case(json!({"restartPolicy": "OnFailure", "containers": [
        {"name": "done", "image": "a:1"}, {"name": "killed", "image": "a:1"},
    ]}))
    .with_sandbox()
    .ended("done", 0, 0, 3)
    .container("killed", 0, ContainerState::Unknown, None);
    // The sandbox they ran in is gone; this is the next.
    let mut next = (*case.actual.sandboxes[0]).clone();
    next.id = "s2".into();
    next.config.attempt = 1;
    case.actual.sandboxes.push(std::sync::Arc::new(next));
    case.history.attached = Some(("s2".into(), Vec::new()));
    let started: Vec<String> = case
        .plan(9)
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::Start { container, .. } => Some(container.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(started, ["killed"]);
}
