use serde_json::json;

use super::*;

#[test]
fn paths_are_written_as_kubernetes_does() {
    let path = Path::new("spec")
        .child("containers")
        .index(0)
        .child("limits")
        .key("cpu");
    assert_eq!(path.to_string(), "spec.containers[0].limits[cpu]");
    assert_eq!(Path::root().to_string(), "<nil>");
    assert_eq!(Path::root().child("a").to_string(), "a");
}

#[test]
fn errors_are_worded_as_kubernetes_does() {
    let path = Path::new("f");
    for (error, words) in [
        (Error::required(&path, ""), "f: Required value"),
        (Error::required(&path, "why"), "f: Required value: why"),
        (
            Error::invalid(&path, "x", "why"),
            "f: Invalid value: \"x\": why",
        ),
        (
            Error::invalid(&path, -1, "why"),
            "f: Invalid value: -1: why",
        ),
        (Error::invalid(&path, true, ""), "f: Invalid value: true"),
        (
            Error::invalid(&path, json!({"a": "<"}), "why"),
            "f: Invalid value: {\"a\":\"\\u003c\"}: why",
        ),
        (
            Error::invalid(&path, json!("x"), "why"),
            "f: Invalid value: \"x\": why",
        ),
        (
            Error::not_supported(&path, "x", &["A", "B"]),
            "f: Unsupported value: \"x\": supported values: \"A\", \"B\"",
        ),
        (
            Error::not_supported(&path, "x", &[]),
            "f: Unsupported value: \"x\"",
        ),
        (Error::forbidden(&path, "why"), "f: Forbidden: why"),
        (Error::duplicate(&path, "x"), "f: Duplicate value: \"x\""),
        (Error::not_found(&path, "x"), "f: Not found: \"x\""),
        (
            Error::too_long(&path, 128),
            "f: Too long: may not be more than 128 bytes",
        ),
        (
            Error::too_long(&path, 1),
            "f: Too long: may not be more than 1 byte",
        ),
        (
            Error::too_long_characters(&path, 2),
            "f: Too long: may not be more than 2 characters",
        ),
        (
            Error::too_many(&path, 3, 2),
            "f: Too many: 3: must have at most 2 items",
        ),
        (
            Error::too_many(&path, 2, 1),
            "f: Too many: 2: must have at most 1 item",
        ),
        (
            Error::type_invalid(&path, 1, "why"),
            "f: Invalid value: 1: why",
        ),
        (Error::internal(&path, "why"), "f: Internal error: why"),
    ] {
        assert_eq!(error.to_string(), words);
    }
    assert_eq!(
        Error::type_invalid(&path, 1, "").kind.reason(),
        "FieldValueTypeInvalid"
    );
}

#[test]
fn text_is_quoted_as_go_does() {
    for (text, quoted) in [
        ("a\"b\\", r#""a\"b\\""#),
        ("\n\r\t\x07\x0b", r#""\n\r\t\a\v""#),
        ("\0\x7f", r#""\x00\x7f""#),
        ("é ü 世 '", "\"é ü 世 '\""),
        ("\u{a0}\u{200b}\u{85}", r#""\u00a0\u200b\u0085""#),
        ("\u{10ffff}😀", "\"\\U0010ffff😀\""),
    ] {
        assert_eq!(quote(text), quoted);
    }
}
