//! Tests of the rules, on a small schema; and properties, against a model that knows only paths and values.

mod properties;

use std::sync::LazyLock;

use super::*;
use crate::schema::Types;

const NOW: &str = "2026-11-22T14:54:21Z";

pub(super) fn types() -> &'static Types {
    static TYPES: LazyLock<Types> = LazyLock::new(|| {
        Types::parse(
            "\
t.Meta
 annotations {}string
 labels {}string
 name string
 uid string
t.Thing gvk=x/v1/Thing
 apiVersion string
 kind string
 metadata t.Meta default={}
 spec t.Spec default={}
 status t.Status default={}
t.Spec
 any any
 count int32
 free any map=granular
 limits {}quantity
 mode string default=\"\"
 names []string list=set
 paused bool
 ports []t.Port list=map keys=port,protocol
 required []t.Port required list=map keys=port,protocol
 selector t.Selector
 strategy t.Strategy default={}
 words []string list=atomic
t.Port
 host string
 port int32 required default=0
 protocol string default=\"TCP\"
t.Selector map=atomic
 a string
 b string
t.Strategy
 kind string
t.Status
 count int32
",
        )
        .unwrap()
    });
    &TYPES
}

pub(super) fn place() -> Place<'static> {
    Place::of(types().id("t.Thing").unwrap())
}

pub(super) fn tree(json: &str) -> Tree<'_> {
    Tree::parse(json.as_bytes()).unwrap()
}

pub(super) fn text(set: &Set<'_>) -> String {
    set.to_json()
}

pub(super) fn write(manager: &str) -> Write<'_> {
    Write {
        types: types(),
        ty: types().id("t.Thing").unwrap(),
        scope: Scope::AllBut(&["status"]),
        manager,
        api_version: "x/v1",
        subresource: "",
        now: NOW,
    }
}

/// What managers own: `NAME Apply|Update FIELDS`, one a line.
fn shown(managers: Vec<Entry<'_>>) -> String {
    let encoded = encode(managers);
    if encoded.is_empty() {
        return String::new();
    }
    let lines = decode(&encoded).unwrap().into_iter().map(|entry| {
        let operation = if entry.applied { "Apply" } else { "Update" };
        format!("{} {operation} {}", entry.manager, text(&entry.fields))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn no_others(_: &str, _: &Tree<'_>) -> Option<Diff<'static>> {
    None
}

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

#[test]
fn an_update_takes_what_it_changed() {
    let created = tree(
        r#"{"apiVersion":"x/v1","metadata":{"name":"n","labels":{"a":"1"}},"spec":{"count":1},"status":{"count":5}}"#,
    );
    let managers = update(&write("one"), None, &created, Vec::new(), &no_others);
    assert_eq!(
        shown(managers.clone()),
        r#"one Update {"f:metadata":{"f:labels":{".":{},"f:a":{}}},"f:spec":{"f:count":{}}}"#
    );
    let changed = tree(r#"{"metadata":{"labels":{"a":"1"}},"spec":{"count":2}}"#);
    let managers = update(
        &write("two"),
        Some(&created),
        &changed,
        managers,
        &no_others,
    );
    assert_eq!(
        shown(managers.clone()),
        "one Update {\"f:metadata\":{\"f:labels\":{\".\":{},\"f:a\":{}}}}\ntwo Update {\"f:spec\":{\"f:count\":{}}}"
    );
    let less = tree(r#"{"metadata":{},"spec":{"count":2}}"#);
    let managers = update(&write("three"), Some(&changed), &less, managers, &no_others);
    assert_eq!(
        shown(managers.clone()),
        "two Update {\"f:spec\":{\"f:count\":{}}}"
    );
    // Who is not tracked stays so.
    assert!(update(&write("one"), Some(&created), &less, Vec::new(), &no_others).is_empty());
}

#[test]
fn managers_of_other_versions_lose_in_their_own_words() {
    let (old, new) = (
        tree(r#"{"spec":{"count":1}}"#),
        tree(r#"{"spec":{"count":2}}"#),
    );
    let of = |api_version: &'static str| Entry {
        manager: "one".into(),
        applied: false,
        api_version: api_version.into(),
        subresource: "".into(),
        time: None,
        fields: serde_json::from_str(r#"{"f:spec":{"f:number":{},"f:other":{}}}"#).unwrap(),
    };
    let renamed = |version: &str, new: &Tree<'_>| {
        assert_eq!(
            new.get("spec").and_then(|spec| spec.get("count")),
            Some(&Tree::Number(2.into()))
        );
        let changed = serde_json::from_str::<Set<'_>>(r#"{"f:spec":{"f:number":{}}}"#)
            .unwrap()
            .into_owned();
        (version == "x/v2").then_some(Diff {
            changed,
            removed: Set::default(),
        })
    };
    let managers = update(
        &write("two"),
        Some(&old),
        &new,
        vec![of("x/v2"), of("x/v0")],
        &renamed,
    );
    assert_eq!(
        shown(managers),
        "one Update {\"f:spec\":{\"f:other\":{}}}\ntwo Update {\"f:spec\":{\"f:count\":{}}}"
    );
}

#[test]
fn there_are_not_more_updaters_than_can_be_told_apart() {
    let created = tree(r#"{"spec":{"limits":{"a":"0"}}}"#);
    let mut managers = update(&write("m00"), None, &created, Vec::new(), &no_others);
    let names: Vec<String> = (1..12).map(|at| format!("m{at:02}")).collect();
    let versions: Vec<String> = (1..12)
        .map(|at| {
            let limits: Vec<String> = (0..=at)
                .map(|key| format!("\"{}\":\"0\"", (b'a' + key) as char))
                .collect();
            format!("{{\"spec\":{{\"limits\":{{{}}}}}}}", limits.join(","))
        })
        .collect();
    let trees: Vec<Tree<'_>> = versions.iter().map(|json| tree(json)).collect();
    let mut old = &created;
    for (name, new) in names.iter().zip(&trees) {
        managers = update(&write(name), Some(old), new, managers, &no_others);
        old = new;
    }
    assert_eq!(managers.len(), MAX_UPDATE_MANAGERS);
    let shown = shown(managers);
    let first = shown.lines().next().unwrap();
    assert_eq!(
        first,
        "ancient-changes Update {\"f:spec\":{\"f:limits\":{\".\":{},\"f:a\":{},\"f:b\":{},\"f:c\":{}}}}"
    );
}

#[test]
fn applying_owns_gives_up_and_conflicts() {
    let first = tree(r#"{"spec":{"count":1,"ports":[{"port":1}]}}"#);
    let done = apply(&write("one"), None, &first, Vec::new(), false, &no_others).unwrap();
    let live = done.object;
    let managers = done.managers;
    assert_eq!(
        shown(managers.clone()),
        r#"one Apply {"f:spec":{"f:count":{},"f:ports":{"k:{\"port\":1,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}}}}"#
    );
    let other = tree(r#"{"spec":{"count":2}}"#);
    let error = apply(
        &write("two"),
        Some(&live),
        &other,
        managers.clone(),
        false,
        &no_others,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"one\": .spec.count"
    );
    let forced = apply(
        &write("two"),
        Some(&live),
        &other,
        managers.clone(),
        true,
        &no_others,
    )
    .unwrap();
    assert_eq!(
        shown(forced.managers),
        "one Apply {\"f:spec\":{\"f:ports\":{\"k:{\\\"port\\\":1,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:port\":{}}}}}\ntwo Apply {\"f:spec\":{\"f:count\":{}}}"
    );
    let nothing = tree(r#"{"metadata":{"name":"n"}}"#);
    let given_up = apply(
        &write("one"),
        Some(&live),
        &nothing,
        managers,
        false,
        &no_others,
    )
    .unwrap();
    assert_eq!(
        serde_json::to_string(&given_up.object).unwrap(),
        r#"{"metadata":{"name":"n"}}"#
    );
    assert_eq!(shown(given_up.managers), "");
}

#[test]
fn what_nobody_applied_yet_was_somebodys() {
    let live = tree(r#"{"metadata":{"labels":{"a":"1"}},"spec":{"count":1}}"#);
    let applied = tree(r#"{"metadata":{"labels":{"a":"2"}}}"#);
    let error = apply(
        &write("one"),
        Some(&live),
        &applied,
        Vec::new(),
        false,
        &no_others,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using x/v1: .metadata.labels.a"
    );
    let ApplyError::Conflicts(conflicts) = error else {
        panic!()
    };
    let last = tree(r#"{"apiVersion":"x/v1","metadata":{"labels":{"a":"1"}}}"#);
    assert_eq!(
        allowed_by_last_applied(&write("kubectl"), &live, &last, conflicts.clone()),
        None
    );
    let last = tree(r#"{"apiVersion":"x/v1","metadata":{"labels":{"a":"0"}}}"#);
    assert_eq!(
        allowed_by_last_applied(&write("kubectl"), &live, &last, conflicts.clone()),
        Some(conflicts)
    );
}

#[test]
fn conflicts_with_several_are_told_manager_by_manager() {
    let live = tree(r#"{"spec":{"count":1,"mode":"a","paused":true}}"#);
    let entry = |manager: &'static str, fields: &'static str| Entry {
        manager: manager.into(),
        applied: false,
        api_version: "x/v1".into(),
        subresource: if manager == "b" {
            "scale".into()
        } else {
            "".into()
        },
        time: None,
        fields: serde_json::from_str(fields).unwrap(),
    };
    let managers = vec![
        entry("b", r#"{"f:spec":{"f:count":{}}}"#),
        entry("a", r#"{"f:spec":{"f:mode":{},"f:paused":{}}}"#),
    ];
    let applied = tree(r#"{"spec":{"count":2,"mode":"b","paused":false}}"#);
    let error = apply(
        &write("one"),
        Some(&live),
        &applied,
        managers,
        false,
        &no_others,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 3 conflicts: conflicts with \"a\" using x/v1:\n- .spec.mode\n- .spec.paused\n\
         conflicts with \"b\" with subresource \"scale\" using x/v1:\n- .spec.count"
    );
}

#[test]
fn an_applier_that_changes_nothing_has_no_time() {
    let live = tree(r#"{"spec":{"count":1}}"#);
    let applied = tree(r#"{"spec":{"count":1}}"#);
    let done = apply(&write("one"), None, &applied, Vec::new(), false, &no_others).unwrap();
    assert_eq!(done.managers[0].time.as_deref(), Some(NOW));
    let later = Write {
        now: "2027-01-01T00:00:00Z",
        ..write("one")
    };
    let again = apply(
        &later,
        Some(&live),
        &applied,
        done.managers,
        false,
        &no_others,
    )
    .unwrap();
    assert_eq!(again.managers[0].time.as_deref(), Some(NOW));
    let second = apply(
        &write("two"),
        Some(&live),
        &applied,
        again.managers,
        false,
        &no_others,
    )
    .unwrap();
    assert_eq!(second.managers[1].time, None);
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

#[test]
fn who_owns_replicas_owns_the_scale() {
    let parent = |applied, fields: &'static str| Entry {
        manager: "one".into(),
        applied,
        api_version: "apps/v1".into(),
        subresource: "".into(),
        time: Some(NOW.into()),
        fields: serde_json::from_str(fields).unwrap(),
    };
    let both = r#"{"f:spec":{"f:other":{},"f:replicas":{}}}"#;
    let versions = ["apps/v1"];
    let scale = to_scale(&[parent(true, both)], &versions);
    assert_eq!(
        (&*scale[0].api_version, text(&scale[0].fields).as_str()),
        ("autoscaling/v1", r#"{"f:spec":{"f:replicas":{}}}"#)
    );
    let kept = from_scale(
        vec![parent(true, both)],
        scale.clone(),
        &versions,
        "apps/v1",
    );
    assert_eq!(kept, [parent(true, both)]);
    let stolen = from_scale(vec![parent(true, both)], Vec::new(), &versions, "apps/v1");
    assert_eq!(shown(stolen), r#"one Apply {"f:spec":{"f:other":{}}}"#);
    let mut taken = scale;
    taken[0].manager = "two".into();
    taken[0].subresource = "scale".into();
    taken[0].applied = false;
    let taken = from_scale(vec![parent(false, both)], taken, &versions, "apps/v1");
    assert_eq!(taken[1].time, None);
    assert_eq!(
        shown(taken),
        "two Update {\"f:spec\":{\"f:replicas\":{}}}\none Update {\"f:spec\":{\"f:other\":{}}}"
    );
}

#[test]
fn entries_of_clients_are_checked() {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
    let read = |json: serde_json::Value| {
        let entries: Vec<ManagedFieldsEntry> = serde_json::from_value(json).unwrap();
        of_client(&entries)
            .map(shown)
            .map_err(|error| error.to_string())
    };
    let entry = serde_json::json!({
        "manager": "a", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:l": {"k:{ \"b\": 1, \"a\": 2 }": {}}},
    });
    assert_eq!(
        read(serde_json::json!([entry])).unwrap(),
        r#"a Apply {"f:l":{"k:{\"a\":2,\"b\":1}":{}}}"#
    );
    let with = |key: &str, value: &str| {
        let mut entry = entry.clone();
        entry[key] = value.into();
        read(serde_json::json!([entry]))
    };
    assert_eq!(
        with("operation", "x").unwrap_err(),
        "operation must be `Apply` or `Update`"
    );
    assert_eq!(
        with("apiVersion", "").unwrap_err(),
        "apiVersion must not be empty"
    );
    assert_eq!(
        with("fieldsType", "x").unwrap_err(),
        "invalid fieldsType \"x\""
    );
    let same = serde_json::json!([{"manager": "a", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:x": {"v:": {}}}}]);
    assert_eq!(
        read(same).unwrap_err(),
        "the fields of \"a\" cannot be read"
    );
}

#[test]
fn times_alone_are_no_difference() {
    let entry = |time: &str, field: &str| {
        format!(
            r#"[{{"apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{{"f:{field}":{{}}}},"manager":"a","operation":"Update","time":"{time}"}}]"#
        )
    };
    assert!(same_but_times(
        entry("1", "x").as_bytes(),
        entry("2", "x").as_bytes()
    ));
    assert!(!same_but_times(
        entry("1", "x").as_bytes(),
        entry("1", "y").as_bytes()
    ));
    assert!(!same_but_times(b"", b""));
}
