use proptest::prelude::*;

use super::*;

#[test]
fn reads_what_it_writes() {
    for (text, written) in [
        ("", ""),
        ("a=b", "a=b"),
        ("a==b", "a=b"),
        ("a!=b,", "a!=b"),
        ("b=1,a=2", "a=2,b=1"),
        ("a=", "a="),
        ("=x", "=x"),
        (r"a=x\,y", r"a=x\,y"),
        (r"a=x\\,b=c", r"a=x\\,b=c"),
    ] {
        assert_eq!(
            Selector::parse(text).unwrap().to_string(),
            written,
            "{text:?}"
        );
    }
    assert_eq!(
        Selector::parse(r"a=x\,y\=z").unwrap().terms()[0].value,
        "x,y=z"
    );
}

#[test]
fn refuses_in_kubernetes_words() {
    let check = |text: &str, words: &str| {
        assert_eq!(
            Selector::parse(text).unwrap_err().to_string(),
            words,
            "{text:?}"
        );
    };
    check("data", "invalid selector: 'data'; can't understand 'data'");
    check(
        "a=b=c",
        "invalid field selector: unescaped character in value: 61",
    );
    check(
        r"a=\x",
        r"invalid field selector: invalid escape sequence: \x",
    );
    check(
        "a=b\\",
        "invalid field selector: invalid escape sequence: \\",
    );
}

#[test]
fn selects() {
    let get = |field: &str| (field == "status.phase").then_some(Cow::Borrowed("Running"));
    let check = |text: &str, yes: bool| {
        assert_eq!(Selector::parse(text).unwrap().matches(get), yes, "{text}");
    };
    check("", true);
    check("status.phase=Running", true);
    check("status.phase!=Running", false);
    check("spec.nodeName=", true);
    check("spec.nodeName!=", false);
    check("status.phase=Running,spec.nodeName=n", false);
    assert_eq!(
        Selector::parse("a!=b,a=c").unwrap().exact_match("a"),
        Some("c")
    );
    assert_eq!(Selector::equals("a", "b").exact_match("b"), None);
}

/// What a selector asks for. Terms are in the order of the words that they were given in, as Kubernetes has them: `==b` stands before
/// `=a`, and is written as `=b`.
fn terms(selector: &Selector) -> Vec<(String, String, bool)> {
    let terms = selector.terms().iter();
    let mut terms: Vec<_> = terms
        .map(|term| (term.field.clone(), term.value.clone(), term.equals))
        .collect();
    terms.sort();
    terms
}

#[test]
fn two_words_for_equal_are_written_as_one() {
    let selector = Selector::parse("f=a,f==b").unwrap();
    assert_eq!(selector.to_string(), "f=b,f=a");
    let again = Selector::parse("f=b,f=a").unwrap();
    assert_eq!(again.to_string(), "f=a,f=b");
    assert_eq!(terms(&again), terms(&selector));
}

proptest! {
    #[test]
    fn any_value_comes_back(value in ".{0,12}") {
        let text = format!("f={}", escape(&value));
        let selector = Selector::parse(&text).unwrap();
        prop_assert_eq!(selector.exact_match("f").unwrap(), value);
    }

    #[test]
    fn never_panics(text in r"[ab!=\\,é]{0,16}") {
        if let Ok(selector) = Selector::parse(&text) {
            prop_assert_eq!(terms(&Selector::parse(&selector.to_string()).unwrap()), terms(&selector));
        }
    }
}
