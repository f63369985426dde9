//! Two versions of an object: what differs, what they are together, what is owned of them.

use super::*;

#[test]
fn ownership_is_of_leaves_items_and_keys() {
    let check = |json: &str, expected: &str| {
        let tree = tree(json);
        assert_eq!(check::check(types(), place(), &tree), Vec::<String>::new());
        assert_eq!(text(&ownership(types(), place(), &tree)), expected);
    };
    check(
        r#"{"spec":{"count":1,"selector":{"a":"x"},"words":["a"]}}"#,
        r#"{"f:spec":{"f:count":{},"f:selector":{},"f:words":{}}}"#,
    );
    check(
        r#"{"metadata":{"labels":{"a":"b"}}}"#,
        r#"{"f:metadata":{"f:labels":{"f:a":{}}}}"#,
    );
    check(
        r#"{"spec":{"ports":[{"port":80,"host":"h"},{"port":80,"protocol":"UDP"}]}}"#,
        r#"{"f:spec":{"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:host":{},"f:port":{}},"k:{\"port\":80,\"protocol\":\"UDP\"}":{".":{},"f:port":{},"f:protocol":{}}}}}"#,
    );
    check(
        r#"{"spec":{"names":["b","a"]}}"#,
        r#"{"f:spec":{"f:names":{"v:\"a\"":{},"v:\"b\"":{}}}}"#,
    );
    check(
        r#"{"spec":{"limits":{},"count":null,"ports":[]}}"#,
        r#"{"f:spec":{"f:count":{},"f:limits":{}}}"#,
    );
    check(
        r#"{"spec":{"any":{"a":1},"free":{"a":{"b":[1]}}}}"#,
        r#"{"f:spec":{"f:any":{},"f:free":{"f:a":{".":{},"f:b":{}}}}}"#,
    );
}

#[test]
fn comparing_sees_what_go_sees() {
    let check = |old: &str, new: &str, changed: &str, removed: &str| {
        let (old, new) = (tree(old), tree(new));
        let diff = compare(types(), place(), &old, &new);
        assert_eq!(
            (text(&diff.changed).as_str(), text(&diff.removed).as_str()),
            (changed, removed)
        );
    };
    // A struct that is no pointer is always there; a required list is null where it is not given.
    check(
        "{}",
        r#"{"spec":{"strategy":{"kind":"x"}}}"#,
        r#"{"f:spec":{"f:strategy":{"f:kind":{}}}}"#,
        "{}",
    );
    check(
        "{}",
        r#"{"spec":{"required":[{"port":1}],"mode":""}}"#,
        r#"{"f:spec":{"f:required":{"k:{\"port\":1,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}}}}"#,
        "{}",
    );
    check(
        "{}",
        r#"{"spec":{"ports":[{"port":1}]}}"#,
        r#"{"f:spec":{"f:ports":{".":{},"k:{\"port\":1,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}}}}"#,
        "{}",
    );
    check(
        r#"{"spec":{"count":1,"words":["a"]}}"#,
        r#"{"spec":{"count":1.0,"words":["b"]}}"#,
        r#"{"f:spec":{"f:words":{}}}"#,
        "{}",
    );
    check(
        r#"{"metadata":{"labels":{"a":"1","b":"1"}}}"#,
        r#"{"metadata":{"labels":{"a":"2"}}}"#,
        r#"{"f:metadata":{"f:labels":{"f:a":{}}}}"#,
        r#"{"f:metadata":{"f:labels":{"f:b":{}}}}"#,
    );
    check(
        r#"{"spec":{"names":["a"]}}"#,
        r#"{"spec":{}}"#,
        "{}",
        r#"{"f:spec":{"f:names":{".":{},"v:\"a\"":{}}}}"#,
    );
    // Items that share their keys are one thing.
    check(
        r#"{"spec":{"ports":[{"port":1,"host":"a"}]}}"#,
        r#"{"spec":{"ports":[{"port":1,"host":"a"},{"port":1,"host":"b"}]}}"#,
        r#"{"f:spec":{"f:ports":{"k:{\"port\":1,\"protocol\":\"TCP\"}":{}}}}"#,
        r#"{"f:spec":{"f:ports":{"k:{\"port\":1,\"protocol\":\"TCP\"}":{".":{},"f:host":{},"f:port":{}}}}}"#,
    );
}

#[test]
fn merging_keeps_what_others_have() {
    let check = |live: &str, applied: &str, expected: &str| {
        let merged = merge(types(), place(), tree(live), &tree(applied));
        assert_eq!(serde_json::to_string(&merged).unwrap(), expected);
    };
    check(
        r#"{"spec":{"count":1,"mode":"a"}}"#,
        r#"{"spec":{"count":2}}"#,
        r#"{"spec":{"count":2,"mode":"a"}}"#,
    );
    check(
        r#"{"spec":{"selector":{"a":"x"}}}"#,
        r#"{"spec":{"selector":{"b":"y"}}}"#,
        r#"{"spec":{"selector":{"b":"y"}}}"#,
    );
    check(
        r#"{"spec":{"limits":{"a":1},"names":["x"]}}"#,
        r#"{"spec":{"limits":null,"names":[]}}"#,
        r#"{"spec":{"limits":{"a":1},"names":["x"]}}"#,
    );
    check(
        r#"{"spec":{"ports":[{"port":1,"host":"a"},{"port":2}]}}"#,
        r#"{"spec":{"ports":[{"port":1,"protocol":"TCP"}]}}"#,
        r#"{"spec":{"ports":[{"host":"a","port":1,"protocol":"TCP"},{"port":2}]}}"#,
    );
}

#[test]
fn lists_are_in_the_order_that_was_applied() {
    let check = |live: &[&str], applied: &[&str], expected: &[&str]| {
        let json = |names: &[&str]| serde_json::json!({"spec": {"names": names}}).to_string();
        let (live, applied) = (json(live), json(applied));
        let merged = merge(types(), place(), tree(&live), &tree(&applied));
        assert_eq!(serde_json::to_string(&merged).unwrap(), json(expected));
    };
    check(&["a", "b"], &["b", "a"], &["b", "a"]);
    check(&["a", "x", "b"], &["a", "b"], &["a", "x", "b"]);
    check(&["a", "b", "x"], &["b", "a", "c"], &["b", "x", "a", "c"]);
    check(&["x", "a"], &["n", "a"], &["x", "n", "a"]);
    check(&["x"], &["a", "b"], &["x", "a", "b"]);
    check(&["a", "a", "b"], &["a"], &["a", "b"]);
}

#[test]
fn what_is_not_of_the_type_is_refused() {
    let check = |json: &str, expected: &[&str]| {
        assert_eq!(check::check(types(), place(), &tree(json)), expected);
    };
    check(
        r#"{"spec":{"odd":1}}"#,
        &[".spec.odd: field not declared in schema"],
    );
    check(
        r#"{"spec":{"count":"1"}}"#,
        &[".spec.count: expected numeric (int or float), got string"],
    );
    check(
        r#"{"spec":{"mode":1}}"#,
        &[".spec.mode: expected string, got &value.valueUnstructured{Value:1}"],
    );
    check(
        r#"{"spec":{"paused":"yes"}}"#,
        &[".spec.paused: expected boolean, got &{yes}"],
    );
    check(
        r#"{"spec":{"ports":{"a":1}}}"#,
        &[".spec.ports: expected list, got &{map[a:1]}"],
    );
    check(r#"{"spec":[]}"#, &[".spec: expected map, got &{[]}"]);
    check(
        r#"{"spec":{"ports":[{"port":80},{"port":80}]}}"#,
        &[".spec.ports: duplicate entries for key [port=80,protocol=\"TCP\"]"],
    );
    check(
        r#"{"spec":{"names":[{}]}}"#,
        &[".spec.names: element 0: associative list without keys has an element that's a map type"],
    );
    check(
        r#"{"spec":{"selector":{"c":1},"words":[1]}}"#,
        &[
            ".spec.selector.c: field not declared in schema",
            ".spec.words[0]: expected string, got &value.valueUnstructured{Value:1}",
        ],
    );
}
