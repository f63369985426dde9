//! Ephemeral containers.

use super::*;

#[test]
fn an_ephemeral_container_is_started_once_and_counts_for_nothing() {
    let spec = || {
        let debug = json!({"name": "debug", "image": "tools:1", "targetContainerName": "app"});
        json!({"containers": [app()], "ephemeralContainers": [debug]})
    };
    case(spec()).with_sandbox().running("app").check(
        5,
        expect![[r#"
            start debug 0 back-off None
            phase Running
            app running ready restarts=0
            debug ContainerCreating restarts=0
        "#]],
    );
    // An earlier run of the node made it and did not come to start it.
    case(spec())
        .with_sandbox()
        .running("app")
        .container("debug", 0, ContainerState::Created, None)
        .check(
            5,
            expect![[r#"
            remove debug-0
            phase Running
            app running ready restarts=0
            debug ContainerCreating restarts=0
        "#]],
        );
    case(spec())
        .with_sandbox()
        .running("app")
        .ended("debug", 0, 1, 6)
        .check(
            7,
            expect![[r#"
            phase Running
            app running ready restarts=0
            debug Error 1 restarts=0
        "#]],
        );
}

#[test]
fn an_ephemeral_container_whose_record_is_lost_does_not_start_again() {
    let debug = json!({"name": "debug", "image": "tools:1"});
    let mut case = case(json!({"containers": [app()], "ephemeralContainers": [debug]}))
        .with_sandbox()
        .running("app");
    let running = json!({"ephemeralContainerStatuses": [{
        "name": "debug", "image": "tools:1", "imageID": "i", "ready": false, "restartCount": 0,
        "containerID": "navarch://gone", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    }]});
    case.pod.status = Some(serde_json::from_value(running).unwrap());
    // Once as it is told, and once as the first look told it.
    for _ in 0..2 {
        let plan = case.plan(1);
        assert!(!plan.actions.iter().any(|a| tell(a).contains("debug")));
        let told = &plan.status.ephemeral_container_statuses.as_ref().unwrap()[0];
        let ended = told.state.as_ref().unwrap().terminated.as_ref().unwrap();
        assert_eq!(ended.exit_code, 137);
        assert_eq!(ended.reason.as_deref(), Some("ContainerStatusUnknown"));
        assert_eq!(told.container_id.as_deref(), Some("navarch://gone"));
        case.pod.status = Some(plan.status);
    }
}
