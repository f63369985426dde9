//! In which order containers start and end.

use super::*;

#[test]
fn containers_start_one_after_the_other() {
    let two = json!({"containers": [app(), {"name": "side", "image": "b:1"}]});
    case(two.clone()).with_sandbox().check(
        5,
        expect![[r#"
        start app 0 back-off None
        phase Pending
        app ContainerCreating restarts=0
        side ContainerCreating restarts=0
    "#]],
    );
    let starting = case(two.clone()).with_sandbox().running("app");
    let starting = starting.history(|h| h.starting = Some(("app".into(), Some("app-0".into()))));
    starting.check(
        5,
        expect![[r#"
        phase Pending
        app running restarts=0
        side ContainerCreating restarts=0
    "#]],
    );
    case(two).with_sandbox().running("app").check(
        5,
        expect![[r#"
        start side 0 back-off None
        phase Pending
        app running ready restarts=0
        side ContainerCreating restarts=0
    "#]],
    );
}

#[test]
fn init_containers_come_first_and_in_order() {
    with_init().check(
        5,
        expect![[r#"
        start first 0 back-off None
        phase Pending
        first PodInitializing restarts=0
        proxy PodInitializing restarts=0
        app PodInitializing restarts=0
    "#]],
    );
    with_init().ended("first", 0, 0, 4).check(
        5,
        expect![[r#"
        start proxy 0 back-off None
        phase Pending
        first Completed 0 ready restarts=0
        proxy PodInitializing restarts=0
        app PodInitializing restarts=0
    "#]],
    );
    with_init().ended("first", 0, 0, 4).running("proxy").check(
        5,
        expect![[r#"
        start app 0 back-off None
        phase Pending
        first Completed 0 ready restarts=0
        proxy running ready restarts=0
        app PodInitializing restarts=0
    "#]],
    );
    with_init().ended("first", 0, 3, 4).check(
        5,
        expect![[r#"
        tear down
        phase Failed
        first Error 3 restarts=0
        proxy PodInitializing restarts=0
        app PodInitializing restarts=0
    "#]],
    );
}

#[test]
fn sidecars_end_after_the_work_is_done() {
    with_init()
        .ended("first", 0, 0, 1)
        .running("proxy")
        .ended("app", 0, 0, 4)
        .check(
            5,
            expect![[r#"
        stop proxy in 30s: Stopping container proxy
        phase Running
        first Completed 0 ready restarts=0
        proxy running ready restarts=0
        app Completed 0 restarts=0
    "#]],
        );
}
