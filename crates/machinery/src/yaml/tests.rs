use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(yaml: &str) -> Value {
    serde_json::from_slice(
        &to_json(yaml.as_bytes()).unwrap_or_else(|error| panic!("{yaml}: {error}")),
    )
    .unwrap()
}

fn refuse(yaml: &str, words: &str) {
    assert_eq!(to_json(yaml.as_bytes()).unwrap_err().0, words, "{yaml}");
}

fn written(value: &Value) -> String {
    String::from_utf8(from_json(value.to_string().as_bytes()).unwrap()).unwrap()
}

#[test]
fn reads_an_object() {
    let yaml = "apiVersion: v1\nkind: Pod # a pod\nmetadata:\n  name: \"a\"\nspec:\n  containers:\n  - name: c\n    args: [a, 'b', 1]\n    command:\n    - |\n      x\n      y\n";
    let expected = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "c", "args": ["a", "b", 1], "command": ["x\ny\n"]}]}});
    assert_eq!(read(yaml), expected);
    assert_eq!(read(&expected.to_string()), expected);
    assert_eq!(read(""), Value::Null);
    assert_eq!(read("---\na: 1\n---\nb: 2\n"), json!({"a": 1}));
}

#[test]
fn takes_scalars_as_yaml_1_1() {
    for (yaml, value) in [
        ("yes", json!(true)),
        ("Off", json!(false)),
        ("y", json!(true)),
        ("\"yes\"", json!("yes")),
        ("~", Value::Null),
        ("'~'", json!("~")),
        ("010", json!(8)),
        ("0o10", json!(8)),
        ("08", json!(8)),
        ("0x1F", json!(31)),
        ("-0b11", json!(-3)),
        ("1_000", json!(1000)),
        (
            "18446744073709551615",
            json!(18_446_744_073_709_551_615_u64),
        ),
        ("1.0", json!(1)),
        ("1e3", json!(1000)),
        ("0.5", json!(0.5)),
        (".5", json!(0.5)),
        ("-1.5e-3", json!(-0.0015)),
        ("1.2.3", json!("1.2.3")),
        ("2024-01-01", json!("2024-01-01")),
        ("2024-01-01T00:00:00Z", json!("2024-01-01T00:00:00Z")),
        ("12:30", json!("12:30")),
        ("100m", json!("100m")),
        ("!!str 1", json!("1")),
        ("!!int \"1\"", json!(1)),
        ("!!float 1", json!(1)),
        ("!custom 1", json!("1")),
        ("=", json!("=")),
        ("nully", json!("nully")),
        ("+", json!("+")),
        ("1e999", json!("1e999")),
    ] {
        assert_eq!(read(&format!("a: {yaml}\n")), json!({"a": value}), "{yaml}");
    }
    assert_eq!(
        read("1: a\ntrue: b\n1.5: c\n"),
        json!({"1": "a", "true": "b", "1.5": "c"})
    );
}

#[test]
fn follows_aliases_and_merges() {
    assert_eq!(
        read("a: &x {b: 1}\nc: *x\nd: [*x, *x]\n"),
        json!({"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}, {"b": 1}]})
    );
    assert_eq!(
        read("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n")["d"],
        json!({"b": 1, "c": 3})
    );
    assert_eq!(
        read("a: &x {b: 1}\ne: &y {b: 2, c: 2}\nd:\n  <<: [*x, *y]\n")["d"],
        json!({"b": 1, "c": 2})
    );
    assert_eq!(read("&k a: 1\nb: *k\n"), json!({"a": 1, "b": "a"}));
    refuse(
        "a: {<<: 1}",
        "yaml: map merge requires map or sequence of maps as the value",
    );
}

#[test]
fn bounds_what_it_expands() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
    }
    refuse(&bomb, "yaml: document contains excessive aliasing");
    let mut deep = String::from("a0: &a0 [x]\n");
    for n in 1..300 {
        deep.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
    }
    refuse(&deep, "yaml: exceeded max depth");
    assert!(to_json("[".repeat(100_000).as_bytes()).is_err());
    assert!(to_json("- ".repeat(100_000).as_bytes()).is_err());
    refuse("a: &x [*x]", "yaml: anchor 'x' value contains itself");
}

#[test]
fn tells_what_is_there_twice() {
    let converted = convert(b"a: 1\nb:\n  c: 1\n  c: 2\na: 3\n").unwrap();
    assert_eq!(converted.json, br#"{"a":3,"b":{"c":2}}"#);
    let words = "yaml: unmarshal errors:\n  line 4: key \"c\" already set in map\n  line 5: key \"a\" already set in map";
    assert_eq!(converted.duplicates.unwrap(), words);
    assert_eq!(convert(b"a: 1\n").unwrap().duplicates, None);
}

#[test]
fn refuses_in_kubernetes_words() {
    refuse("a: .inf", "json: unsupported value: +Inf");
    refuse("a: !!int x", "yaml: cannot decode !!str `x` as a !!int");
    refuse(
        "a: b: c",
        "yaml: mapping values are not allowed in this context",
    );
    refuse(
        "a: 1\nb: c: d",
        "yaml: line 2: mapping values are not allowed in this context",
    );
    assert_eq!(
        to_json(b"a: \xff").unwrap_err().to_string(),
        "error converting YAML to JSON: yaml: invalid leading UTF-8 octet"
    );
    for yaml in [
        "a: [1",
        "a: *x",
        "a: \"x",
        "? [a]\n: b\n",
        "{[a]: 1}",
        "a:\n\tb: 1",
    ] {
        assert!(
            to_json(yaml.as_bytes())
                .unwrap_err()
                .0
                .starts_with("yaml: "),
            "{yaml}"
        );
    }
}

#[test]
fn writes_as_kubernetes_does() {
    let value = json!({
        "kind": "Pod", "empty": {}, "none": [], "null": null, "on": "on", "number": "1", "yes": true,
        "list": [{"name": "a", "args": ["-x", "b: c", ""]}, [1, [2]], "x"],
        "script": "a\n  b\n", "cut": "a\nb", "more": "a\n\n\n", "odd": " a\nb", "tab": "a\tb", "time": "2024-01-01T00:00:00Z", "clock": "12:30",
        "text": "it's # fine", "quoted": "a # b", "unicode": "é\u{7f}",
    });
    let expected = "\
clock: \"12:30\"
cut: |-
  a
  b
empty: {}
kind: Pod
list:
- args:
  - -x
  - 'b: c'
  - \"\"
  name: a
- - 1
  - - 2
- x
more: |+
  a


none: []
\"null\": null
number: \"1\"
odd: |2-
   a
  b
\"on\": \"on\"
quoted: 'a # b'
script: |
  a
    b
tab: \"a\\tb\"
text: 'it''s # fine'
time: \"2024-01-01T00:00:00Z\"
unicode: \"é\\x7F\"
\"yes\": true
";
    assert_eq!(written(&value), expected);
    assert_eq!(read(expected), value);
}

/// What a Kubernetes 1.36 server has made of these texts.
#[test]
fn writes_texts_as_kubernetes_does() {
    let expected = include_str!("strings.yaml");
    assert_eq!(written(&read(expected)), expected);
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[-a-z0-9:#'\"&*!|>%@`,{}\\[\\] .\n_+~?=<]{0,12}",
        ".{0,6}",
        prop::sample::select(vec![
            "yes", "~", "1e3", "0x1", "...", "---", "1_0", "12:30", "\n", " ", "a \n", "\u{2028}",
            "\u{85}"
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text.clone(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// As go-yaml writes it: a key of more than 128 bytes has a line of its own.
#[test]
fn a_long_key_stands_alone() {
    let (fits, long) = ("b".repeat(128), "a".repeat(129));
    let (list, null) = (format!("{long}l"), format!("{long}n"));
    let value = json!({&long: "v", &fits: 1, "m": {
        &long: {"x": 1, "y": [1]}, &list: [1, {"z": 1, "w": 2}], &null: null,
    }});
    let yaml = format!(
        "? {long}\n: v\n{fits}: 1\nm:\n  ? {long}\n  : x: 1\n    \"y\":\n    - 1\n  ? {list}\n  : - 1\n    - w: 2\n      z: 1\n  ? {null}\n  : null\n"
    );
    assert_eq!(written(&value), yaml);
    assert_eq!(read(&yaml), value);
}

#[test]
fn a_key_that_would_merge_is_a_key() {
    let value = json!({"<<": 1, "a": "<<"});
    assert_eq!(written(&value), "'<<': 1\na: <<\n");
    assert_eq!(read(&written(&value)), value);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn reads_what_it_writes(value in value()) {
        prop_assert_eq!(read(&written(&value)), value);
    }

    #[test]
    fn reads_json(value in value()) {
        // JSON is YAML but for what YAML forbids raw in quotes.
        let json = value.to_string();
        if json.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            prop_assert_eq!(read(&json), value);
        }
    }

    #[test]
    fn never_panics(yaml in "[-a1:#'\"&*!|>%@`,{}\\[\\] \n?<]{0,40}") {
        let _ = to_json(yaml.as_bytes());
    }
}
