use super::*;

/// A container that runs with one CPU, and whose pod was given this much for it.
fn resized(cpu: &str, policy: Value) -> Case {
    let asks = |cpu: &str| json!({"requests": {"cpu": cpu}});
    let container = |cpu: &str| json!({"name": "app", "image": "app:1", "resources": asks(cpu), "resizePolicy": policy});
    let mut case = case(json!({"containers": [container("1")]}))
        .with_sandbox()
        .running("app");
    let note = crate::allocation::note(Some(&serde_json::from_value(asks("1")).unwrap()));
    let record = std::sync::Arc::make_mut(&mut case.actual.containers[0]);
    record.config.annotations.extend([note]);
    case.pod.spec = serde_json::from_value(json!({"containers": [container(cpu)]})).unwrap();
    case.pod.metadata.generation = Some(2);
    case
}

/// The same while it is getting that: what went wrong, and when it is tried again.
fn resizing(cpu: &str, policy: Value, error: &str, retry_at: Option<Timestamp>) -> Case {
    resized(cpu, policy).history(|h| {
        h.resizing = Some(Resizing {
            generation: 2,
            error: error.into(),
            retry_at,
        });
    })
}

fn condition(plan: &Plan, kind: &str) -> Option<String> {
    let found = plan.status.conditions.iter().flatten();
    let told = found.into_iter().find(|c| c.type_ == kind)?;
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    Some(format!(
        "{} {} of {}",
        text(&told.reason),
        text(&told.message),
        told.observed_generation?
    ))
}

#[test]
fn other_resources_are_given_to_what_runs() {
    let case = resizing("2", json!([]), "", None);
    case.check(
        5,
        expect![[r#"
        resize app
        phase Running
        app running ready restarts=0
    "#]],
    );
    let plan = case.plan(5);
    let told = |plan: &Plan| plan.status.container_statuses.clone().unwrap().remove(0);
    let requests = |r: &Option<std::collections::BTreeMap<String, _>>| {
        serde_json::to_string(r.as_ref().unwrap()).unwrap()
    };
    let status = told(&plan);
    assert_eq!(
        requests(&status.resources.unwrap().requests),
        r#"{"cpu":"1"}"#
    );
    assert_eq!(requests(&status.allocated_resources), r#"{"cpu":"2"}"#);
    assert_eq!(
        condition(&plan, "PodResizeInProgress").as_deref(),
        Some("  of 2")
    );
    let waits = case.history(|h| h.changing = true).plan(5);
    assert_eq!(waits.actions, []);
}

#[test]
fn a_resize_that_is_done_is_told_once() {
    let done = resizing("1", json!([]), "", None);
    done.check(
        5,
        expect![[r#"
        resized by 2
        phase Running
        app running ready restarts=0
    "#]],
    );
    assert_eq!(condition(&done.plan(5), "PodResizeInProgress"), None);
    let told = done.history(|h| h.resizing = None).plan(5);
    assert_eq!(told.actions, []);
}

#[test]
fn a_resize_that_failed_is_tried_again_later() {
    let failed = resizing("2", json!([]), "no", Some(at(9)));
    failed.check(
        5,
        expect![[r#"
        phase Running
        app running ready restarts=0
        wake at 9
    "#]],
    );
    assert_eq!(
        condition(&failed.plan(5), "PodResizeInProgress").as_deref(),
        Some("Error no of 2")
    );
    failed.check(
        9,
        expect![[r#"
        resize app
        phase Running
        app running ready restarts=0
    "#]],
    );
}

#[test]
fn a_container_that_must_run_anew_for_it_is_stopped() {
    let policy = json!([{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]);
    resized("2", policy).check(
        5,
        expect![[r#"
        stop app in 30s: Container app resize requires restart
        resize 
        phase Running
        app running ready restarts=0
    "#]],
    );
    let other = json!([{"resourceName": "memory", "restartPolicy": "RestartContainer"}]);
    resized("2", other).check(
        5,
        expect![[r#"
        resize app
        phase Running
        app running ready restarts=0
    "#]],
    );
}

#[test]
fn a_resize_without_room_waits() {
    let waits = resized("1", json!([])).history(|h| {
        h.pending_resize = Some(PendingResize {
            message: "too big".into(),
            generation: 2,
        });
    });
    assert_eq!(
        condition(&waits.plan(5), "PodResizePending").as_deref(),
        Some("Deferred too big of 2")
    );
}

#[test]
fn a_container_that_was_stopped_for_it_runs_again_at_once_whatever_its_policy() {
    let mut spec = json!({"restartPolicy": "OnFailure", "containers": [app()]});
    spec["containers"][0]["resources"] = json!({"requests": {"cpu": "2"}});
    let done = case(spec).with_sandbox().ended("app", 0, 0, 4);
    done.check(
        5,
        expect![[r#"
        tear down
        phase Succeeded
        app Completed 0 restarts=0
    "#]],
    );
    let mut stopped = done.history(|h| {
        let backoff = CrashBackoff {
            wait: std::time::Duration::from_secs(10),
            since: at(3),
        };
        h.backoffs.insert("app".into(), backoff);
    });
    let record = std::sync::Arc::make_mut(&mut stopped.actual.containers[0]);
    record
        .config
        .annotations
        .insert(REPLACED.into(), String::new());
    stopped.check(
        5,
        expect![[r#"
        start app 1 back-off None
        phase Running
        app Completed 0 restarts=0
    "#]],
    );
}

#[test]
fn a_resize_that_failed_halfway_and_is_taken_back_is_written_again() {
    resizing("1", json!([]), "no", None).check(
        5,
        expect![[r#"
        resize app
        phase Running
        app running ready restarts=0
    "#]],
    );
}

#[test]
fn a_container_without_a_note_is_known_by_its_limits() {
    let mut old = resized("2", json!([]));
    let limits = |cpu: &str| {
        let resources = json!({"requests": {"cpu": cpu}});
        let container = json!({"name": "app", "resources": resources});
        let pod = case(json!({"containers": [container]})).pod;
        let container = crate::spec::containers(&pod)[0].clone();
        crate::resources::container_resources(&pod, &container, 0)
    };
    let mut resizes = |cpu: &str| {
        let record = std::sync::Arc::make_mut(&mut old.actual.containers[0]);
        record.config.annotations.clear();
        record.config.resources = limits(cpu);
        let sandbox = std::sync::Arc::make_mut(&mut old.actual.sandboxes[0]);
        sandbox.config.resources = crate::resources::pod_resources(&old.pod);
        old.plan(5).actions.iter().map(tell).collect::<Vec<_>>()
    };
    assert_eq!(resizes("1"), ["resize app"]);
    assert_eq!(resizes("2"), [""; 0]);
}
