use proptest::prelude::*;
use serde_json::json;

use super::*;

fn patched(document: Value, patch: Value) -> Result<Value, PatchError> {
    let mut document = document;
    apply(&mut document, patch.to_string().as_bytes()).map(|()| document)
}

#[test]
fn applies_every_operation() {
    let document = json!({"a": {"b": 1}, "l": [1, 2]});
    let patch = json!([
        {"op": "test", "path": "/a/b", "value": 1},
        {"op": "add", "path": "/a/c", "value": 2},
        {"op": "add", "path": "/l/-", "value": 3},
        {"op": "remove", "path": "/l/0"},
        {"op": "replace", "path": "/a/b", "value": "x"},
        {"op": "move", "from": "/a/c", "path": "/m"},
        {"op": "copy", "from": "/a", "path": "/n"},
        {"op": "add", "path": "/a~1b", "value": null},
    ]);
    let expected = json!({"a": {"b": "x"}, "l": [2, 3], "m": 2, "n": {"b": "x"}, "a/b": null});
    assert_eq!(patched(document, patch).unwrap(), expected);
}

#[test]
fn leaves_the_document_when_it_fails() {
    let mut document = json!({"a": 1});
    let patch = json!([{"op": "remove", "path": "/a"}, {"op": "test", "path": "/b", "value": 1}]);
    assert_eq!(
        apply(&mut document, patch.to_string().as_bytes()),
        Err(PatchError::Unprocessable)
    );
    assert_eq!(document, json!({"a": 1}));
    let status = crate::status::StatusError::from(PatchError::Unprocessable);
    assert_eq!((status.code, status.reason), (422, "Invalid"));
    assert_eq!(
        status.message,
        "the server rejected our request due to an error in our request"
    );
    assert!(status.details.is_some());
    assert_eq!(
        patched(json!({}), json!([{"op": "odd", "path": "/a"}])),
        Err(PatchError::Unprocessable)
    );
    assert_eq!(
        patched(
            json!({}),
            json!([{"op": "replace", "path": "/a", "value": 1}])
        ),
        Err(PatchError::Unprocessable)
    );
}

#[test]
fn refuses_what_is_no_patch() {
    let check = |patch: &str, words: &str| {
        assert_eq!(
            apply(&mut json!({}), patch.as_bytes()),
            Err(PatchError::BadRequest(words.into())),
            "{patch}"
        );
    };
    check(
        "{}",
        "json: cannot unmarshal object into Go value of type jsonpatch.Patch",
    );
    check(
        "[1]",
        "json: cannot unmarshal number into Go value of type jsonpatch.Operation",
    );
    check("[", "unexpected end of JSON input");
    check(
        "[x]",
        "invalid character 'x' looking for beginning of value",
    );
}

#[test]
fn bounds_the_operations_and_what_they_copy() {
    let many: Vec<Value> = (0..10_001)
        .map(|_| json!({"op": "test", "path": "/a", "value": 1}))
        .collect();
    let error = patched(json!({"a": 1}), many.into()).unwrap_err();
    assert_eq!(
        error,
        PatchError::TooLarge(
            "The allowed maximum operations in a JSON patch is 10000, got 10001".into()
        )
    );
    let double: Vec<Value> = (0..60)
        .map(|n| json!({"op": "copy", "from": "/a", "path": format!("/a/{n}")}))
        .collect();
    let error = patched(json!({"a": {"x": "y"}}), double.into()).unwrap_err();
    assert!(
        matches!(error, PatchError::TooLarge(_) | PatchError::Unprocessable),
        "{error}"
    );
    let wide: Vec<Value> = (0..60)
        .map(|n| json!({"op": "copy", "from": "/a", "path": format!("/{n}")}))
        .collect();
    let error = patched(json!({"a": "x".repeat(100_000)}), wide.into()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("Unable to complete the copy, the accumulated size increase of copy is 3"),
        "{error}"
    );
}

#[test]
fn bounds_the_depth() {
    let deep = "/a".repeat(60);
    let nested = (0..70).fold(json!({}), |inner, _| json!({"a": inner}));
    let patch = json!([{"op": "copy", "from": "", "path": deep}]);
    assert_eq!(patched(nested, patch), Err(PatchError::Unprocessable));
}

#[test]
fn finds_unknown_fields() {
    let patch = json!([{"op": "add", "path": "/a", "value": {"b": 1}, "bogus": 1}]).to_string();
    assert_eq!(
        findings(patch.as_bytes()).unwrap(),
        [r#"json patch unknown field "[0].bogus""#]
    );
}

proptest! {
    #[test]
    fn never_panics(path in "[/ab01~-]{0,8}", from in "[/ab01~-]{0,8}", op in "add|remove|replace|move|copy|test") {
        let _ = patched(json!({"a": [1, {"b": 2}]}), json!([{"op": op, "path": path, "from": from, "value": 1}]));
    }
}
