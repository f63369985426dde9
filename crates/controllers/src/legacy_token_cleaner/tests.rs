use serde_json::{Value, json};

use super::*;
use crate::service_account_tokens::accounts_by_secret;

/// The day of the plan, and others by how many days they are before it.
fn ago(days: i64) -> Timestamp {
    let now: Timestamp = "2030-06-15T12:00:00Z".parse().unwrap();
    now - DAY * i32::try_from(days).unwrap()
}

fn secret(made: i64, labels: Value) -> Secret {
    serde_json::from_value(json!({
        "metadata": {"namespace": "ns", "name": "s", "uid": "s1", "resourceVersion": "7", "labels": labels,
            "creationTimestamp": ago(made).to_string(),
            "annotations": {"kubernetes.io/service-account.name": "robot"}},
        "type": "kubernetes.io/service-account-token",
    }))
    .unwrap()
}

fn view(secret: Secret, is_listed: bool, pod: Option<Value>) -> View {
    let secrets = if is_listed {
        json!([{"name": "s"}])
    } else {
        json!([])
    };
    let account =
        json!({"metadata": {"namespace": "ns", "name": "robot", "uid": "u"}, "secrets": secrets});
    let account: ServiceAccount = serde_json::from_value(account).unwrap();
    let pod = pod.map(|spec| {
        let pod = json!({"metadata": {"namespace": "ns", "name": "p"}, "spec": spec});
        serde_json::from_value::<Pod>(pod).unwrap()
    });
    View {
        secrets: Snapshot::of([secret], &[]),
        accounts: Snapshot::of([account], &[accounts_by_secret()]),
        pods: Snapshot::of(pod, &[]),
        since: Some(day(ago(1000))),
    }
}

#[test]
fn a_day_behind_all_days_is_none_that_has_come() {
    let old = secret(400, json!({}));
    let late = View {
        since: Some("9999-06-01".parse().unwrap()),
        ..view(old, false, None)
    };
    assert!(verbs(&late).is_empty());
}

fn verbs(view: &View) -> Vec<&'static str> {
    let plan = plan(ago(0), view);
    assert_eq!(plan.wake, Some(ago(-1)));
    plan.actions().map(|it| it.call.verb.as_str()).collect()
}

#[test]
fn what_nobody_used_for_a_year_is_taken_out_of_use_and_deleted_a_year_later() {
    let used = |days: i64| json!({LAST_USED: day(ago(days)).to_string()});
    let invalid = |days: i64| json!({INVALID_SINCE: day(ago(days)).to_string()});
    for (made, labels, expected) in [
        (400, json!({}), &["patch"][..]),
        (364, json!({}), &[]),
        (400, used(366), &["patch"]),
        (400, used(365), &[]),
        (400, used(1), &[]),
        (400, json!({LAST_USED: "yesterday"}), &[]),
        (800, invalid(365), &[]),
        (800, invalid(366), &["delete"]),
        (800, json!({INVALID_SINCE: "once"}), &["patch"]),
    ] {
        let view = view(secret(made, labels.clone()), true, None);
        assert_eq!(verbs(&view), expected, "{made} {labels}");
    }
}

#[test]
fn what_was_asked_for_or_is_mounted_stays() {
    let old = || secret(800, json!({INVALID_SINCE: "2020-01-01"}));
    assert!(verbs(&view(old(), false, None)).is_empty());
    let mounts =
        json!({"containers": [], "volumes": [{"name": "v", "secret": {"secretName": "s"}}]});
    assert!(verbs(&view(old(), true, Some(mounts))).is_empty());
    let other =
        json!({"containers": [], "volumes": [{"name": "v", "secret": {"secretName": "t"}}]});
    let view = view(old(), true, Some(other));
    assert_eq!(verbs(&view), ["delete"]);
    let plan = plan(ago(0), &view);
    let options = &plan.actions().next().unwrap().call.options;
    assert_eq!(options.precondition_version.as_deref(), Some("7"));
}

#[test]
fn nothing_is_known_to_be_unused_before_uses_are_written_down() {
    let mut view = view(secret(800, json!({})), true, None);
    for (since, expected) in [
        (None, &[][..]),
        (Some(100), &[]),
        (Some(365), &[]),
        (Some(367), &["patch"]),
    ] {
        view.since = since.map(|days| day(ago(days)));
        assert_eq!(verbs(&view), expected, "{since:?}");
    }
}
