//! Updates and applies.

use super::*;

#[test]
fn an_update_takes_what_it_changed() {
    let created = tree(
        r#"{"apiVersion":"x/v1","metadata":{"name":"n","labels":{"a":"1"}},"spec":{"count":1},"status":{"count":5}}"#,
    );
    let managers = update(&write("one"), None, &created, Vec::new(), &no_others);
    assert_eq!(
        shown(managers.clone()),
        r#"one Update {"f:metadata":{"f:labels":{".":{},"f:a":{}}},"f:spec":{"f:count":{}}}"#
    );
    let changed = tree(r#"{"metadata":{"labels":{"a":"1"}},"spec":{"count":2}}"#);
    let managers = update(
        &write("two"),
        Some(&created),
        &changed,
        managers,
        &no_others,
    );
    assert_eq!(
        shown(managers.clone()),
        "one Update {\"f:metadata\":{\"f:labels\":{\".\":{},\"f:a\":{}}}}\ntwo Update {\"f:spec\":{\"f:count\":{}}}"
    );
    let less = tree(r#"{"metadata":{},"spec":{"count":2}}"#);
    let managers = update(&write("three"), Some(&changed), &less, managers, &no_others);
    assert_eq!(
        shown(managers.clone()),
        "two Update {\"f:spec\":{\"f:count\":{}}}"
    );
    // Who is not tracked stays so.
    assert!(update(&write("one"), Some(&created), &less, Vec::new(), &no_others).is_empty());
}

#[test]
fn applying_owns_gives_up_and_conflicts() {
    let first = tree(r#"{"spec":{"count":1,"ports":[{"port":1}]}}"#);
    let done = apply(&write("one"), None, &first, Vec::new(), false, &no_others).unwrap();
    let live = done.object;
    let managers = done.managers;
    assert_eq!(
        shown(managers.clone()),
        r#"one Apply {"f:spec":{"f:count":{},"f:ports":{"k:{\"port\":1,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}}}}"#
    );
    let other = tree(r#"{"spec":{"count":2}}"#);
    let error = apply(
        &write("two"),
        Some(&live),
        &other,
        managers.clone(),
        false,
        &no_others,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"one\": .spec.count"
    );
    let forced = apply(
        &write("two"),
        Some(&live),
        &other,
        managers.clone(),
        true,
        &no_others,
    )
    .unwrap();
    assert_eq!(
        shown(forced.managers),
        "one Apply {\"f:spec\":{\"f:ports\":{\"k:{\\\"port\\\":1,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:port\":{}}}}}\ntwo Apply {\"f:spec\":{\"f:count\":{}}}"
    );
    let nothing = tree(r#"{"metadata":{"name":"n"}}"#);
    let given_up = apply(
        &write("one"),
        Some(&live),
        &nothing,
        managers,
        false,
        &no_others,
    )
    .unwrap();
    assert_eq!(
        serde_json::to_string(&given_up.object).unwrap(),
        r#"{"metadata":{"name":"n"}}"#
    );
    assert_eq!(shown(given_up.managers), "");
}

#[test]
fn what_nobody_applied_yet_was_somebodys() {
    let live = tree(r#"{"metadata":{"labels":{"a":"1"}},"spec":{"count":1}}"#);
    let applied = tree(r#"{"metadata":{"labels":{"a":"2"}}}"#);
    let error = apply(
        &write("one"),
        Some(&live),
        &applied,
        Vec::new(),
        false,
        &no_others,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using x/v1: .metadata.labels.a"
    );
    let ApplyError::Conflicts(conflicts) = error else {
        panic!()
    };
    let last = tree(r#"{"apiVersion":"x/v1","metadata":{"labels":{"a":"1"}}}"#);
    assert_eq!(
        allowed_by_last_applied(&write("kubectl"), &live, &last, conflicts.clone()),
        None
    );
    let last = tree(r#"{"apiVersion":"x/v1","metadata":{"labels":{"a":"0"}}}"#);
    assert_eq!(
        allowed_by_last_applied(&write("kubectl"), &live, &last, conflicts.clone()),
        Some(conflicts)
    );
}

#[test]
fn conflicts_with_several_are_told_manager_by_manager() {
    let live = tree(r#"{"spec":{"count":1,"mode":"a","paused":true}}"#);
    let entry = |manager: &'static str, fields: &'static str| Entry {
        manager: manager.into(),
        applied: false,
        api_version: "x/v1".into(),
        subresource: if manager == "b" {
            "scale".into()
        } else {
            "".into()
        },
        time: None,
        fields: serde_json::from_str(fields).unwrap(),
    };
    let managers = vec![
        entry("b", r#"{"f:spec":{"f:count":{}}}"#),
        entry("a", r#"{"f:spec":{"f:mode":{},"f:paused":{}}}"#),
    ];
    let applied = tree(r#"{"spec":{"count":2,"mode":"b","paused":false}}"#);
    let error = apply(
        &write("one"),
        Some(&live),
        &applied,
        managers,
        false,
        &no_others,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 3 conflicts: conflicts with \"a\" using x/v1:\n- .spec.mode\n- .spec.paused\n\
         conflicts with \"b\" with subresource \"scale\" using x/v1:\n- .spec.count"
    );
}

#[test]
fn an_applier_that_changes_nothing_has_no_time() {
    let live = tree(r#"{"spec":{"count":1}}"#);
    let applied = tree(r#"{"spec":{"count":1}}"#);
    let done = apply(&write("one"), None, &applied, Vec::new(), false, &no_others).unwrap();
    assert_eq!(done.managers[0].time.as_deref(), Some(NOW));
    let later = Write {
        now: "2027-01-01T00:00:00Z",
        ..write("one")
    };
    let again = apply(
        &later,
        Some(&live),
        &applied,
        done.managers,
        false,
        &no_others,
    )
    .unwrap();
    assert_eq!(again.managers[0].time.as_deref(), Some(NOW));
    let second = apply(
        &write("two"),
        Some(&live),
        &applied,
        again.managers,
        false,
        &no_others,
    )
    .unwrap();
    assert_eq!(second.managers[1].time, None);
}
