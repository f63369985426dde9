use super::*;

#[test]
fn references_are_replaced_and_escapes_kept() {
    let known = |name: &str| (name == "A").then(|| "x".to_owned());
    let cases = [
        ("$(A)", "x"),
        ("a$(A)b$(A)", "axbx"),
        ("$$(A)", "$(A)"),
        ("$(B)", "$(B)"),
        ("$A", "$A"),
        ("$", "$"),
        ("$(A", "$(A"),
        ("$$$(A)", "$x"),
        ("", ""),
    ];
    for (text, expected) in cases {
        assert_eq!(expand(text, known), expected, "{text:?}");
    }
}

#[test]
fn names_that_variables_may_have() {
    assert!(is_variable_name("A_b.1-x"));
    assert!(!is_variable_name("a=b"));
    assert!(!is_variable_name(""));
}
