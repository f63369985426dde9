use super::*;

#[test]
fn another_image_is_another_container() {
    let asked = |image: &str| {
        let mut case = case(json!({"containers": [app()]}))
            .with_sandbox()
            .running("app");
        let record = std::sync::Arc::make_mut(&mut case.actual.containers[0]);
        let note = (IMAGE_ASKED.to_owned(), image.to_owned());
        record.config.annotations.extend([note]);
        case
    };
    let told = |case: &Case| case.plan(5).actions.iter().map(tell).collect::<Vec<_>>();
    assert!(told(&asked("app:1")).is_empty());
    let stop = ["stop app in 30s: Container app definition changed, will be restarted"];
    assert_eq!(told(&asked("app:0")), stop);
    let stopping = asked("app:0").history(|h| {
        h.stopping.insert("app-0".into(), at(30));
    });
    assert!(told(&stopping).is_empty());
}

/// A pod that is ready, and whose container was stopped for another image.
fn replaced() -> Case {
    let mut case = case(json!({"containers": [app()]}))
        .with_sandbox()
        .running("app");
    case.pod.status = Some(case.plan(5).status);
    case.actual.containers.clear();
    let mut case = case.ended("app", 0, 0, 6);
    let record = std::sync::Arc::make_mut(&mut case.actual.containers[0]);
    let note = (REPLACED.to_owned(), String::new());
    record.config.annotations.extend([note]);
    case
}

fn is_ready(case: &Case) -> bool {
    let conditions = case.plan(7).status.conditions;
    let mut conditions = conditions.iter().flatten();
    conditions.any(|c| c.type_ == "Ready" && c.status == "True")
}

#[test]
fn a_pod_is_ready_while_a_container_takes_another_s_place() {
    let case = replaced();
    assert!(is_ready(&case));
    let made = case.container("app", 1, ContainerState::Created, None);
    assert!(is_ready(&made));
    let mut made = made;
    made.actual.containers.pop();
    let running = made.container("app", 1, ContainerState::Running, None);
    running.check(
        8,
        expect![[r#"
        phase Running
        app running ready restarts=1
    "#]],
    );
}

#[test]
fn one_that_cannot_start_holds_it_up() {
    let held = replaced().history(|h| {
        let failure = StartFailure {
            reason: "ErrImagePull".into(),
            message: "no".into(),
            at: at(6),
            retry_at: at(30),
        };
        h.failures.insert("app".into(), failure);
    });
    assert!(!is_ready(&held));
}
