//! Which containers run again, and when.

use super::*;

#[test]
fn the_first_restart_is_at_once_and_the_next_waits() {
    let once = case(json!({"containers": [app()]}))
        .with_sandbox()
        .ended("app", 0, 1, 4);
    once.check(
        5,
        expect![[r#"
        start app 1 back-off Some(10)
        phase Running
        app Error 1 restarts=0
    "#]],
    );
    let backoff = CrashBackoff {
        wait: std::time::Duration::from_secs(10),
        since: at(5),
    };
    let twice = once.ended("app", 1, 1, 6).history(|h| {
        let _ = h.backoffs.insert("app".into(), backoff);
    });
    twice.check(
        7,
        expect![[r#"
        tell BackOff: Back-off restarting failed container app in pod web_shop(1f0c)
        phase Running
        app CrashLoopBackOff restarts=1
        wake at 16
    "#]],
    );
    twice.check(
        16,
        expect![[r#"
        start app 2 back-off Some(20)
        phase Running
        app Error 1 restarts=1
    "#]],
    );
}

#[test]
fn a_back_off_starts_over_after_ten_minutes() {
    let before = CrashBackoff {
        wait: std::time::Duration::from_secs(300),
        since: at(0),
    };
    assert_eq!(CrashBackoff::until(Some(&before), at(601), at(602)), None);
    assert_eq!(
        CrashBackoff::next(Some(&before), at(601), at(602))
            .wait
            .as_secs(),
        10
    );
    assert_eq!(
        CrashBackoff::next(Some(&before), at(599), at(602))
            .wait
            .as_secs(),
        300
    );
}

#[test]
fn policies_say_whether_a_container_runs_again() {
    let with = |policy: &str, code| {
        let case = case(json!({"restartPolicy": policy, "containers": [app()]}))
            .with_sandbox()
            .ended("app", 0, code, 4);
        let plan = case.plan(5);
        let first = plan.actions.first().map(tell).unwrap_or_default();
        format!(
            "{} {}",
            plan.status.phase.unwrap(),
            first.split(' ').next().unwrap_or("")
        )
    };
    assert_eq!(with("Always", 0), "Running start");
    assert_eq!(with("OnFailure", 0), "Succeeded tear");
    assert_eq!(with("OnFailure", 2), "Running start");
    assert_eq!(with("Never", 0), "Succeeded tear");
    assert_eq!(with("Never", 2), "Failed tear");
}

#[test]
fn rules_of_a_container_come_first() {
    let rules = json!([{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]);
    let spec = |code| {
        let app = json!({"name": "app", "restartPolicy": "Never", "restartPolicyRules": rules});
        case(json!({"restartPolicy": "Never", "containers": [app]}))
            .with_sandbox()
            .ended("app", 0, code, 4)
    };
    spec(42).check(
        5,
        expect![[r#"
        start app 1 back-off Some(10)
        phase Running
        app Error 42 restarts=0
    "#]],
    );
    spec(1).check(
        5,
        expect![[r#"
        tear down
        phase Failed
        app Error 1 restarts=0
    "#]],
    );
}

#[test]
fn restarts_are_counted_on_where_the_records_are_lost() {
    let running = json!({"state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}});
    let backing_off = json!({"state": {"waiting": {"reason": "CrashLoopBackOff"}}});
    for state in [running, backing_off] {
        let mut told = json!({"name": "app", "image": "i", "imageID": "i", "ready": false,
            "restartCount": 2, "containerID": "navarch://gone"});
        told["state"] = state["state"].clone();
        let mut case = case(json!({"containers": [app()]})).with_sandbox();
        case.pod.status =
            Some(serde_json::from_value(json!({"containerStatuses": [told]})).unwrap());
        // Once as it was told before, and once as the first look told it.
        for _ in 0..2 {
            let plan = case.plan(1);
            let starts: Vec<String> = plan.actions.iter().map(tell).collect();
            assert!(
                starts.contains(&"start app 3 back-off None".to_owned()),
                "{starts:?}"
            );
            let status = &plan.status.container_statuses.as_ref().unwrap()[0];
            assert_eq!((status.restart_count, &status.container_id), (3, &None));
            case.pod.status = Some(plan.status);
        }
    }
}
