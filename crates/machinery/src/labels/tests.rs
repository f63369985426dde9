use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;
use proptest::prelude::*;

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn reads_what_it_writes() {
    for (text, written) in [
        ("", ""),
        ("a=b", "a=b"),
        (" a == b ", "a==b"),
        ("a=", "a="),
        ("a=,b", "a=,b"),
        ("b,a", "a,b"),
        ("!a", "!a"),
        ("a!=b", "a!=b"),
        ("a in (y,x)", "a in (x,y)"),
        ("a in ()", "a in ()"),
        ("a in (,x)", "a in (,x)"),
        ("a notin (x,)", "a notin (,x)"),
        ("a>1,b<2", "a>1,b<2"),
        ("in in (in)", "in in (in)"),
        ("example.com/a=b", "example.com/a=b"),
    ] {
        assert_eq!(
            Selector::parse(text).unwrap().to_string(),
            written,
            "{text:?}"
        );
    }
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
    check(
        "a in (b",
        "unable to parse requirement: found '', expected: ',' or ')'",
    );
    check(
        "a in b",
        "unable to parse requirement: found 'b' expected: '('",
    );
    check(
        "a in (",
        "unable to parse requirement: found '', expected: ',', ')' or identifier",
    );
    check(
        "a b",
        "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
    );
    check(
        "=a",
        "found '=', expected: !, identifier, or 'end of string'",
    );
    check("a,", "found '', expected: identifier after ','");
    check("a=b c", "found 'c', expected: ',' or 'end of string'");
    check(
        "a=(",
        "unable to parse requirement: found '(', expected: identifier",
    );
    check(
        "a>x",
        "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
    );
    assert!(
        Selector::parse("-a=b").unwrap_err().0.starts_with(
            "unable to parse requirement: <nil>: Invalid value: \"-a\": name part must"
        )
    );
    assert!(Selector::parse("a=-b").unwrap_err().0.starts_with(
        "unable to parse requirement: values[0][a]: Invalid value: \"-b\": a valid label"
    ));
}

#[test]
fn selects() {
    let check = |text: &str, yes: bool| {
        let found =
            Selector::parse(text)
                .unwrap()
                .matches(&labels(&[("a", "b"), ("n", "5"), ("e", "")]));
        assert_eq!(found, yes, "{text}");
    };
    for text in [
        "",
        "a",
        "a=b",
        "a!=c",
        "x!=c",
        "!x",
        "a in (b,c)",
        "x notin (b)",
        "n>4",
        "n<6",
        "e=",
        "a in (b),n",
    ] {
        check(text, true);
    }
    for text in [
        "x",
        "a=c",
        "a!=b",
        "!a",
        "a in (c)",
        "a notin (b)",
        "n>5",
        "n<5",
        "a>1",
        "x>1",
        "x=",
        "a=b,x",
    ] {
        check(text, false);
    }
    assert!(!Selector::nothing().matches(&Labels::new()) && !Selector::nothing().is_empty());
    assert!(Selector::everything().selects(None));
}

#[test]
fn takes_the_selectors_of_objects() {
    let requirement = |operator: &str, values: &[&str]| LabelSelectorRequirement {
        key: "a".into(),
        operator: operator.into(),
        values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
    };
    let selector = |expression| LabelSelector {
        match_labels: Some(labels(&[("l", "v")])),
        match_expressions: Some(vec![expression]),
    };
    let parsed = |selector: &LabelSelector| {
        Selector::from_label_selector(Some(selector)).map(|selector| selector.to_string())
    };
    assert_eq!(
        parsed(&selector(requirement("In", &["y", "x"]))).unwrap(),
        "a in (x,y),l=v"
    );
    assert_eq!(
        parsed(&selector(requirement("DoesNotExist", &[]))).unwrap(),
        "!a,l=v"
    );
    let error = parsed(&selector(requirement("Odd", &[]))).unwrap_err();
    assert_eq!(error.0, "\"Odd\" is not a valid label selector operator");
    let error = parsed(&selector(requirement("In", &[]))).unwrap_err();
    assert_eq!(
        error.0,
        "values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty"
    );
    assert!(Selector::from_label_selector(None).unwrap().is_nothing());
    assert!(
        Selector::from_label_selector(Some(&LabelSelector::default()))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn knows_the_one_value() {
    let selector = Selector::parse("a=b,c in (d),e in (f,g)").unwrap();
    assert_eq!(
        (
            selector.exact_match("a"),
            selector.exact_match("c"),
            selector.exact_match("e")
        ),
        (Some("b"), Some("d"), None)
    );
}

proptest! {
    #[test]
    fn never_panics_and_is_a_fixed_point(text in "[ab!=<>(), 1-]{0,24}|.{0,12}") {
        if let Ok(selector) = Selector::parse(&text) {
            let again = Selector::parse(&selector.to_string()).unwrap();
            prop_assert_eq!(again.to_string(), selector.to_string());
        }
    }

    #[test]
    fn a_set_selects_its_supersets(set in "[ab]{1,3}", extra in "[cd]{1,3}") {
        let mut all = labels(&[(&set, "v")]);
        let selector = Selector::from_set(&all);
        all.insert(extra, "w".into());
        prop_assert!(selector.matches(&all));
        all.remove(&set);
        prop_assert!(!selector.matches(&all));
    }
}
