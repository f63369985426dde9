use proptest::prelude::*;
use serde_json::{Map, json};

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
}

#[test]
fn a_member_that_is_not_there_is_as_good_as_null() {
    let check = |operation: Value, expected: Value| {
        let document = json!({"a": [1, 2], "b": null});
        let done = patched(document, json!([operation.clone()]));
        assert_eq!(done.unwrap(), expected, "{operation}");
    };
    check(
        json!({"op": "replace", "path": "/c", "value": 1}),
        json!({"a": [1, 2], "b": null, "c": 1}),
    );
    check(
        json!({"op": "add", "path": "/c"}),
        json!({"a": [1, 2], "b": null, "c": null}),
    );
    check(
        json!({"op": "copy", "from": "/d", "path": "/c"}),
        json!({"a": [1, 2], "b": null, "c": null}),
    );
    check(
        json!({"op": "test", "path": "/d", "value": null}),
        json!({"a": [1, 2], "b": null}),
    );
    check(
        json!({"op": "remove", "path": "/a/-1"}),
        json!({"a": [1], "b": null}),
    );
    check(
        json!({"op": "add", "path": "/a/-1", "value": 3}),
        json!({"a": [1, 2, 3], "b": null}),
    );
    // What is before the first slash does not count, and an odd tilde is itself.
    check(
        json!({"op": "add", "path": "a/c~2~0~1", "value": 3}),
        json!({"a": [1, 2], "b": null, "c~2~/": 3}),
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    for operation in [
        json!({"op": "add", "path": "", "value": {}}),
        json!({"op": "add", "path": 5, "value": {}}),
        json!({"op": "add", "path": "/a/3", "value": 1}),
        json!({"op": "add", "path": "/a/-4", "value": 1}),
        json!({"op": "add", "path": "/b/c", "value": 1}),
        json!({"op": "add", "path": "/d/c", "value": 1}),
        json!({"op": "replace", "path": "/a/2", "value": 1}),
        json!({"op": "replace", "path": "", "value": 1}),
        json!({"op": "remove", "path": "/d"}),
        json!({"op": "move", "from": "/d", "path": "/c"}),
        json!({"op": "test", "path": "/a/0", "value": 2}),
        json!({"path": "/a/0"}),
        Value::Null,
    ] {
        let done = patched(json!({"a": [1, 2], "b": null}), json!([operation.clone()]));
        assert_eq!(done, Err(PatchError::Unprocessable), "{operation}");
    }
}

#[test]
fn null_changes_nothing() {
    assert_eq!(patched(json!({"a": 1}), Value::Null), Ok(json!({"a": 1})));
    let (patch, findings) = Patch::validated(b"null").unwrap();
    assert!(patch.0.is_empty() && findings.is_empty());
}

#[test]
fn field_validation_refuses_what_is_no_patch_in_words_of_its_own() {
    let check = |patch: &str, words: &str| {
        let words = format!("error decoding patch: {words}");
        assert_eq!(
            Patch::validated(patch.as_bytes()).unwrap_err(),
            PatchError::BadRequest(words),
            "{patch}"
        );
    };
    check("", "unexpected end of JSON input");
    check("x", "invalid character 'x' looking for beginning of value");
    check(
        "{}",
        "json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
    );
    check(
        "[5]",
        "json: cannot unmarshal number into Go value of type handlers.jsonPatchOp",
    );
    check(
        r#"[{"op":"add","path":5}]"#,
        "json: cannot unmarshal number into Go struct field jsonPatchOp.path of type string",
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
        "json: cannot unmarshal number into Patch.0 of type jsonpatch.Operation",
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
    let done = patched(json!({"a": {"x": "y"}}), double.into());
    assert_eq!(done, Err(PatchError::Unprocessable));
    let wide: Vec<Value> = (0..60)
        .map(|n| json!({"op": "copy", "from": "/a", "path": format!("/{n}")}))
        .collect();
    let done = patched(json!({"a": "x".repeat(100_000)}), wide.into());
    assert_eq!(done, Err(PatchError::Unprocessable));
}

#[test]
fn bounds_the_depth() {
    let deep = "/a".repeat(60);
    let nested = (0..70).fold(json!({}), |inner, _| json!({"a": inner}));
    let patch = json!([{"op": "copy", "from": "", "path": deep}]);
    assert_eq!(patched(nested, patch), Err(PatchError::Unprocessable));
}

/// The work that a patch takes, in list elements.
fn spent(document: Value, patch: Value) -> usize {
    let (mut document, mut work) = (document, Work::default());
    let patch = Patch::of(patch).unwrap();
    patch.run(&mut document, &mut work).unwrap();
    crate::limits::MAX_PATCH_WORK - work.left
}

#[test]
fn counts_the_work() {
    let document = json!({"l": vec![0; 100], "m": {"a": [1, {"b": 2}]}, "n": {}});
    let check = |operation: Value, elements: usize, nodes: usize| {
        let spent = spent(document.clone(), json!([operation.clone()]));
        assert_eq!(spent, elements + 16 * nodes, "{operation}");
    };
    check(json!({"op": "add", "path": "/l/0", "value": 1}), 100, 1);
    check(json!({"op": "add", "path": "/l/90", "value": 1}), 10, 1);
    check(json!({"op": "add", "path": "/l/-", "value": [1, 2]}), 0, 3);
    check(json!({"op": "remove", "path": "/l/0"}), 100, 0);
    check(json!({"op": "remove", "path": "/l/-1"}), 1, 0);
    check(json!({"op": "remove", "path": "/m"}), 0, 0);
    check(
        json!({"op": "replace", "path": "/l/0", "value": {"a": 1}}),
        0,
        2,
    );
    check(json!({"op": "copy", "from": "/m", "path": "/o"}), 0, 5);
    check(
        json!({"op": "test", "path": "/l", "value": vec![0; 100]}),
        0,
        0,
    );
    // What comes to lie no deeper is not looked into.
    check(json!({"op": "move", "from": "/m", "path": "/o"}), 0, 0);
    check(json!({"op": "move", "from": "/m/a", "path": "/a"}), 0, 0);
    check(json!({"op": "move", "from": "/m/a", "path": "/n/a"}), 0, 0);
    check(json!({"op": "move", "from": "/m", "path": "/n/m"}), 0, 5);
    check(
        json!({"op": "move", "from": "/l/40", "path": "/l/20"}),
        139,
        0,
    );
}

#[test]
fn bounds_the_work_at_the_front_of_a_list() {
    let many = |op: &str, count: usize| {
        let operations = (0..count).map(|_| json!({"op": op, "path": "/x/0", "value": 0}));
        Value::Array(operations.collect())
    };
    let list = |len: usize| json!({"x": vec![0; len]});
    for op in ["add", "remove"] {
        let done = patched(list(100_000), many(op, 9_999));
        assert_eq!(done, Err(PatchError::TooMuchWork), "{op}");
    }
    // A list as long as an object can be expected to have.
    assert_eq!(patched(list(10_000), many("remove", 10_000)), Ok(list(0)));
}

#[test]
fn bounds_the_work_of_moves() {
    let moves = |there: &str, back: &str, count: usize| -> Value {
        let pair = [("/data", there), (there, back)].into_iter().cycle();
        let operations = pair.map(|(from, to)| json!({"op": "move", "from": from, "path": to}));
        Value::Array(operations.take(count).collect())
    };
    let data: Map<String, Value> = (0..1_000).map(|n| (n.to_string(), "x".into())).collect();
    let document = json!({"data": data, "y": {}});
    let done = patched(document.clone(), moves("/y/x", "/data", 10_000));
    assert_eq!(done, Err(PatchError::TooMuchWork));
    assert_eq!(spent(document, moves("/x", "/data", 10_000)), 0);
}

#[test]
fn says_that_it_is_too_much_work() {
    let status = crate::status::StatusError::from(PatchError::TooMuchWork);
    assert_eq!((status.code, status.reason), (422, "Invalid"));
    assert_eq!(
        status.message,
        "the JSON patch takes too much work: all its operations together may move 67108864 list elements; insert and remove at \
         the end of lists, move large values no deeper, or send the patch in parts"
    );
}

#[test]
fn is_applied_more_than_once() {
    let patch = Patch::parse(br#"[{"op":"add","path":"/l/-","value":1}]"#).unwrap();
    let mut document = json!({"l": []});
    for _ in 0..2 {
        patch.apply(&mut document).unwrap();
    }
    assert_eq!(document, json!({"l": [1, 1]}));
}

#[test]
fn mentions_what_is_in_paths_and_values() {
    let check = |patch: Value, mentioned: bool| {
        let of = Patch::of(patch.clone()).unwrap();
        assert_eq!(of.mentions("managedFields"), mentioned, "{patch}");
    };
    check(
        json!([{"op": "remove", "path": "/metadata/managedFields/0"}]),
        true,
    );
    check(
        json!([{"op": "copy", "from": "/metadata/managedFields", "path": "/a"}]),
        true,
    );
    check(
        json!([{"op": "add", "path": "/metadata", "value": {"managedFields": []}}]),
        true,
    );
    check(
        json!([{"op": "remove", "path": "/metadata/labels"}, null]),
        false,
    );
    // However it was written.
    let escaped = br#"[{"op":"remove","path":"/metadata/managed\u0046ields"}]"#;
    assert!(Patch::parse(escaped).unwrap().mentions("managedFields"));
}

#[test]
fn finds_unknown_fields() {
    let patch = json!([{"op": "add", "path": "/a", "value": {"b": 1}, "bogus": 1}]).to_string();
    let findings = |patch: &[u8]| Patch::validated(patch).unwrap().1;
    assert_eq!(
        findings(patch.as_bytes()),
        [r#"json patch unknown field "[0].bogus""#]
    );
    let twice = br#"[{"op": "add", "op": "remove", "path": "/a"}]"#;
    assert_eq!(findings(twice), [r#"json patch duplicate field "[0].op""#]);
}

proptest! {
    #[test]
    fn never_panics(path in "[/ab01~-]{0,8}", from in "[/ab01~-]{0,8}", op in "add|remove|replace|move|copy|test") {
        let _ = patched(json!({"a": [1, {"b": 2}]}), json!([{"op": op, "path": path, "from": from, "value": 1}]));
    }
}
