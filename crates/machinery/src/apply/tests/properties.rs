//! Properties, on objects that proptest makes up.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// Objects of the small schema in every shape that is owned in its own way.
fn object() -> impl Strategy<Value = String> {
    let few = || prop::collection::btree_map("[abc]", "[xyz]", 0..3);
    let ports =
        prop::collection::btree_map((1_u16..4, prop::bool::ANY), prop::option::of("[hi]"), 0..3);
    (
        few(),
        prop::option::of(0_u8..3),
        prop::option::of(prop::collection::btree_set("[pqr]", 0..3)),
        prop::option::of(few()),
        prop::option::of(ports),
        prop::option::of("[ab]"),
        prop::option::of(prop::collection::vec("[vw]", 0..3)),
    )
        .prop_map(|(labels, count, names, limits, ports, selector, words)| {
            let mut spec = Map::new();
            let mut put = |name: &str, value: Option<Value>| {
                value.and_then(|value| spec.insert(name.into(), value));
            };
            put("count", count.map(Value::from));
            put("names", names.map(|names| json!(names)));
            put("limits", limits.map(|limits| json!(limits)));
            put("selector", selector.map(|text| json!({"a": text})));
            put("words", words.map(|words| json!(words)));
            let port = |((port, udp), host): ((u16, bool), Option<String>)| {
                let mut item = json!({"port": port});
                if udp {
                    item["protocol"] = "UDP".into();
                }
                if let Some(host) = host {
                    item["host"] = host.into();
                }
                item
            };
            put(
                "ports",
                ports.map(|ports| ports.into_iter().map(port).collect()),
            );
            json!({"metadata": {"labels": labels}, "spec": spec}).to_string()
        })
}

/// The model: the leaves of an object as paths, each an item's keys or a name; atomic values are leaves.
fn leaves(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut add = |path: String, value: &Value| {
        found.insert(format!("{path} = {value}"));
    };
    for (name, value) in value["metadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten()
    {
        add(format!(".metadata.labels.{name}"), value);
    }
    for (name, value) in value["spec"].as_object().into_iter().flatten() {
        match name.as_str() {
            "limits" => value
                .as_object()
                .into_iter()
                .flatten()
                .for_each(|(key, value)| {
                    add(format!(".spec.limits.{key}"), value);
                }),
            "names" => value.as_array().into_iter().flatten().for_each(|item| {
                add(format!(".spec.names[={item}]"), item);
            }),
            "ports" => {
                for item in value.as_array().into_iter().flatten() {
                    let protocol = item.get("protocol").cloned().unwrap_or("TCP".into());
                    let path = format!(".spec.ports[port={},protocol={protocol}]", item["port"]);
                    for (key, value) in item.as_object().into_iter().flatten() {
                        add(format!("{path}.{key}"), value);
                    }
                }
            }
            _ => add(format!(".spec.{name}"), value),
        }
    }
    found
}

fn path(leaf: &str) -> &str {
    leaf.split(" = ").next().unwrap_or_default()
}

fn value(tree: &Tree<'_>) -> Value {
    tree.to_value()
}

fn applied<'a>(
    manager: &'a str,
    live: Option<&'a Tree<'a>>,
    document: &'a Tree<'a>,
    managers: Vec<Entry<'a>>,
    force: bool,
) -> Applied<'a> {
    apply(&write(manager), live, document, managers, force, &no_others).unwrap()
}

proptest! {
    #[test]
    fn an_applied_object_is_what_was_applied(document in object()) {
        let tree = tree(&document);
        let done = applied("one", None, &tree, Vec::new(), false);
        prop_assert_eq!(leaves(&value(&done.object)), leaves(&value(&tree)));
    }

    #[test]
    fn applying_again_changes_nothing(first in object(), second in object()) {
        let (first, second) = (tree(&first), tree(&second));
        let one = applied("one", None, &first, Vec::new(), false);
        let two = applied("two", Some(&one.object), &second, one.managers, true);
        let again = applied("two", Some(&two.object), &second, two.managers.clone(), false);
        prop_assert_eq!(&again.object, &two.object);
        prop_assert_eq!(encode(again.managers), encode(two.managers));
    }

    #[test]
    fn applying_less_removes_what_was_given_up_and_nothing_else(first in object(), second in object(), less in object()) {
        let (first, second, less) = (tree(&first), tree(&second), tree(&less));
        let one = applied("one", None, &first, Vec::new(), false);
        let two = applied("two", Some(&one.object), &second, one.managers, true);
        let three = applied("one", Some(&two.object), &less, two.managers, true);
        // By the model: what it applies now, and what the other applied last where it does not differ.
        let now = leaves(&value(&less));
        let mine: BTreeSet<&str> = now.iter().map(|leaf| path(leaf)).collect();
        let theirs = leaves(&value(&second));
        let expected: BTreeSet<String> =
            now.iter().cloned().chain(theirs.into_iter().filter(|leaf| !mine.contains(path(leaf)))).collect();
        prop_assert_eq!(leaves(&value(&three.object)), expected);
    }

    #[test]
    fn every_leaf_has_an_owner_and_only_one_updater(first in object(), second in object()) {
        let (first, second) = (tree(&first), tree(&second));
        let managers = update(&write("one"), None, &first, Vec::new(), &no_others);
        let tracked = !managers.is_empty();
        let managers = update(&write("two"), Some(&first), &second, managers, &no_others);
        let mut owned = BTreeSet::new();
        for entry in &managers {
            for path in entry.fields.paths() {
                prop_assert!(owned.insert(path.clone()), "{path} has two owners");
            }
        }
        for leaf in leaves(&value(&second)).iter().filter(|_| tracked) {
            prop_assert!(owned.contains(path(leaf)), "{leaf} has no owner in {owned:?}");
        }
    }

    #[test]
    fn sets_are_sets(a in object(), b in object()) {
        let (a, b) = (tree(&a), tree(&b));
        let (a, b) = (ownership(types(), place(), &a), ownership(types(), place(), &b));
        let paths = |set: &Set<'_>| set.paths().into_iter().collect::<BTreeSet<_>>();
        let (left, right) = (paths(&a), paths(&b));
        prop_assert_eq!(paths(&a.clone().union(b.clone())), &left | &right);
        prop_assert_eq!(paths(&a.intersection(&b)), &left & &right);
        prop_assert_eq!(paths(&a.clone().difference(&b)), &left - &right);
        let written = text(&a);
        prop_assert_eq!(serde_json::from_str::<Set<'_>>(&written).unwrap(), a);
    }

    #[test]
    fn nothing_that_is_applied_panics(document in "\\PC{0,40}", live in object()) {
        let live = tree(&live);
        if let Ok(document) = Tree::parse(document.as_bytes()) {
            let _ = apply(&write("one"), Some(&live), &document, Vec::new(), false, &no_others);
        }
    }
}
