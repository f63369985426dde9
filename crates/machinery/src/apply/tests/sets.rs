//! Sets of fields, and what of them a write reaches.

use super::*;

#[test]
fn sets_are_read_and_written() {
    let check = |json: &str| {
        let set: Set<'_> = serde_json::from_str(json).unwrap();
        assert_eq!(text(&set), json);
    };
    check("{}");
    check(r#"{"f:a":{},"f:b":{".":{},"f:c":{}}}"#);
    check(
        r#"{"f:l":{"k:{\"name\":\"c\"}":{".":{},"f:x":{}},"v:1":{},"i:0":{}}}"#
            .replace(r#""v:1":{},"i:0":{}"#, r#""v:1":{}"#)
            .as_str(),
    );
    let odd: Set<'_> = serde_json::from_str(r#"{"q:later":{},"f:b":{},"f:a":{"q:x":{}}}"#).unwrap();
    assert_eq!(text(&odd), r#"{"f:a":{},"f:b":{}}"#);
    assert_eq!(odd.paths(), [".a", ".b"]);
}

#[test]
fn paths_are_told_in_the_order_of_kubernetes() {
    let set: Set<'_> = serde_json::from_str(
        r#"{"f:p":{"k:{\"port\":8080}":{".":{},"f:x":{}},"k:{\"port\":80}":{}},"f:z":{},"f:s":{"v:\"b\"":{},"v:\"a\"":{}}}"#,
    )
    .unwrap();
    assert_eq!(
        set.paths(),
        [
            ".z",
            ".p[port=80]",
            ".p[port=8080]",
            ".p[port=8080].x",
            ".s[=\"a\"]",
            ".s[=\"b\"]"
        ]
    );
}

#[test]
fn a_scope_says_what_a_write_reaches() {
    let set = || {
        serde_json::from_str::<Set<'_>>(
        r#"{"f:metadata":{"f:labels":{"f:a":{}}},"f:spec":{".":{},"f:list":{"k:{\"n\":1}":{".":{},"f:x":{"f:deep":{}},"f:y":{}}}},"f:status":{"f:c":{}}}"#,
    ).unwrap()
    };
    let check = |scope: Scope, expected: &str| assert_eq!(text(&scope.of(set())), expected);
    check(
        Scope::AllBut(&["spec", "metadata.labels"]),
        r#"{"f:status":{"f:c":{}}}"#,
    );
    check(
        Scope::Only(&["spec.list.*.x"]),
        r#"{"f:spec":{".":{},"f:list":{"k:{\"n\":1}":{".":{},"f:x":{"f:deep":{}}}}}}"#,
    );
}
