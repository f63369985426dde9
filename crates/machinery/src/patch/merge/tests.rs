use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::patch::parse_object;

/// The examples of RFC 7386.
#[test]
fn follows_the_standard() {
    for (document, patch, expected) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (
            json!({"a": "b"}),
            json!({"b": "c"}),
            json!({"a": "b", "b": "c"}),
        ),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (
            json!({"a": "b", "b": "c"}),
            json!({"a": null}),
            json!({"b": "c"}),
        ),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (
            json!({"a": {"b": "c"}}),
            json!({"a": {"b": "d", "c": null}}),
            json!({"a": {"b": "d"}}),
        ),
        (
            json!({"a": [{"b": "c"}]}),
            json!({"a": [1]}),
            json!({"a": [1]}),
        ),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), json!(null), json!(null)),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (
            json!({"e": null}),
            json!({"a": 1}),
            json!({"e": null, "a": 1}),
        ),
        (
            json!([1, 2]),
            json!({"a": "b", "c": null}),
            json!({"a": "b"}),
        ),
        (
            json!({}),
            json!({"a": {"bb": {"ccc": null}}}),
            json!({"a": {"bb": {}}}),
        ),
    ] {
        let mut patched = document.clone();
        apply(&mut patched, patch.clone());
        assert_eq!(patched, expected, "{document} {patch}");
    }
}

#[test]
fn a_patch_is_an_object() {
    let check = |patch: &str, words: &str| {
        assert_eq!(parse_object(patch.as_bytes()), Err(words.to_owned()));
    };
    check(
        "[]",
        "json: cannot unmarshal array into Go value of type map[string]interface {}",
    );
    check("{", "unexpected end of JSON input");
    let fields = json!({"a": 2}).as_object().cloned();
    let twice = r#"duplicate field "a""#.to_owned();
    assert_eq!(
        parse_object(b"{\"a\":1,\"a\":2}"),
        Ok((fields, vec![twice]))
    );
    assert_eq!(parse_object(b"null"), Ok((None, Vec::new())));
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..5).prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn applying_twice_is_applying_once(mut value in document(), patch in document()) {
        apply(&mut value, patch.clone());
        let once = value.clone();
        apply(&mut value, patch);
        prop_assert_eq!(value, once);
    }

    #[test]
    fn agrees_with_the_library(mut value in document(), patch in document()) {
        let mut other = value.clone();
        json_patch::merge(&mut other, &patch);
        apply(&mut value, patch);
        prop_assert_eq!(value, other);
    }
}
