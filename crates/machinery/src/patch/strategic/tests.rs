use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

const TABLE: &str = "\
t.Pod gvk=/v1/Pod
 metadata t.Meta
 spec t.Spec
 strategy t.Strategy patch=retainKeys
t.Meta
 annotations {}string
 finalizers []string patch=merge
t.Spec
 args []string
 containers []t.Container patch=merge key=name
 volumes []t.Volume patch=merge,retainKeys key=name
 affinity t.Affinity
 replaced t.Affinity patch=replace
 keyless []t.Container patch=merge
t.Container
 image string
 name string
 env []t.Env patch=merge key=name
 ports []t.Port patch=merge key=containerPort
t.Env
 name string
 value string
t.Port
 containerPort int32
 protocol string
t.Volume
 name string
 emptyDir any
 hostPath any
t.Strategy
 type string
 rollingUpdate any
t.Affinity
 a string
 b string
";

fn patched(document: Value, patch: Value) -> Result<Value, PatchError> {
    let types = Types::parse(TABLE).unwrap();
    let mut document = document;
    apply(
        &types,
        types.kind("", "v1", "Pod").unwrap(),
        &mut document,
        patch,
    )
    .map(|()| document)
}

#[track_caller]
fn check(document: Value, patch: Value, expected: Value) {
    assert_eq!(patched(document, patch).unwrap(), expected);
}

#[track_caller]
fn refuse(document: Value, patch: Value, words: &str) {
    assert_eq!(patched(document, patch).unwrap_err().to_string(), words);
}

fn containers(members: Value) -> Value {
    json!({"spec": {"containers": members}})
}

#[test]
fn merges_maps_and_removes_nulls() {
    check(
        json!({"metadata": {"annotations": {"a": "1", "b": "2"}}}),
        json!({"metadata": {"annotations": {"a": null, "c": "3", "d": null}}, "spec": {"affinity": {"a": "x", "b": null}}}),
        json!({"metadata": {"annotations": {"b": "2", "c": "3"}}, "spec": {"affinity": {"a": "x"}}}),
    );
    check(
        json!({"spec": {"replaced": {"a": "1"}}}),
        json!({"spec": {"replaced": {"b": "2"}}}),
        json!({"spec": {"replaced": {"b": "2"}}}),
    );
}

#[test]
fn replaces_lists_without_a_strategy() {
    check(
        json!({"spec": {"args": ["a", "b"]}}),
        json!({"spec": {"args": ["c"]}}),
        json!({"spec": {"args": ["c"]}}),
    );
}

#[test]
fn merges_lists_by_key() {
    check(
        containers(
            json!([{"name": "a", "image": "1"}, {"name": "b", "image": "1", "ports": [{"containerPort": 80}]}]),
        ),
        containers(
            json!([{"name": "b", "image": "2", "ports": [{"containerPort": 80, "protocol": "UDP"}, {"containerPort": 81}]}, {"name": "c"}]),
        ),
        containers(json!([
            {"name": "a", "image": "1"},
            {"name": "b", "image": "2", "ports": [{"containerPort": 80, "protocol": "UDP"}, {"containerPort": 81}]},
            {"name": "c"},
        ])),
    );
}

#[test]
fn takes_the_order_of_the_patch() {
    check(
        containers(json!([{"name": "a"}, {"name": "b"}, {"name": "c"}])),
        containers(json!([{"name": "c"}, {"name": "a"}])),
        containers(json!([{"name": "b"}, {"name": "c"}, {"name": "a"}])),
    );
}

#[test]
fn merges_lists_of_scalars_as_sets() {
    let finalizers = |members: Value| json!({"metadata": {"finalizers": members}});
    check(
        finalizers(json!(["a", "b"])),
        finalizers(json!(["b", "c", "c"])),
        finalizers(json!(["a", "b", "c"])),
    );
    check(
        finalizers(json!(["a", "b"])),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a", "x"]}}),
        finalizers(json!(["b"])),
    );
    check(
        json!({"metadata": {}}),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}),
        json!({"metadata": {}}),
    );
    check(
        finalizers(json!(["a", "b", "c"])),
        json!({"metadata": {"$setElementOrder/finalizers": ["c", "d", "a"], "finalizers": ["d"]}}),
        finalizers(json!(["b", "c", "d", "a"])),
    );
}

#[test]
fn deletes_members() {
    check(
        containers(json!([{"name": "a"}, {"name": "b"}])),
        containers(json!([{"name": "a", "$patch": "delete"}, {"name": "x", "$patch": "delete"}])),
        containers(json!([{"name": "b"}])),
    );
    check(
        json!({}),
        containers(json!([{"name": "a", "$patch": "delete"}, {"name": "b"}])),
        containers(json!([{"name": "b"}])),
    );
}

#[test]
fn replaces_lists_and_maps() {
    check(
        containers(json!([{"name": "a"}])),
        containers(json!([{"name": "b", "image": "1"}, {"$patch": "replace"}])),
        containers(json!([{"name": "b", "image": "1"}])),
    );
    check(
        json!({"spec": {"affinity": {"a": "1"}, "args": ["x"]}}),
        json!({"spec": {"$patch": "replace", "args": ["y"]}}),
        json!({"spec": {"args": ["y"]}}),
    );
    check(
        json!({"spec": {"affinity": {"a": "1"}}}),
        json!({"spec": {"affinity": {"$patch": "delete"}}}),
        json!({"spec": {"affinity": {}}}),
    );
    check(
        json!({"spec": {}}),
        json!({"spec": {"affinity": {"$patch": "delete"}}}),
        json!({"spec": {}}),
    );
}

#[test]
fn retains_keys() {
    check(
        json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}),
        json!({"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}),
        json!({"strategy": {"type": "Recreate"}}),
    );
    check(
        json!({"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}),
        json!({"spec": {"volumes": [{"$retainKeys": ["name", "hostPath"], "name": "v", "hostPath": {"path": "/"}}]}}),
        json!({"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}}),
    );
    refuse(
        json!({"strategy": {}}),
        json!({"strategy": {"$retainKeys": ["a"], "b": 1}}),
        "invalid patch format of retainKeys",
    );
    refuse(
        json!({"strategy": {}}),
        json!({"strategy": {"$retainKeys": "a"}}),
        "invalid patch format of retainKeys",
    );
}

#[test]
fn sets_the_order_of_members() {
    check(
        containers(json!([{"name": "a"}, {"name": "b"}, {"name": "c"}])),
        json!({"spec": {
            "$setElementOrder/containers": [{"name": "c"}, {"name": "d"}, {"name": "a"}],
            "containers": [{"name": "d"}, {"name": "a", "image": "1"}],
        }}),
        containers(
            json!([{"name": "b"}, {"name": "c"}, {"name": "d"}, {"name": "a", "image": "1"}]),
        ),
    );
    check(
        containers(json!([{"name": "a"}, {"name": "b"}])),
        json!({"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}}),
        containers(json!([{"name": "b"}, {"name": "a"}])),
    );
    check(
        containers(json!([{"name": "a"}, {"name": "b"}])),
        json!({"spec": {"$setElementOrder/containers": [{"name": "b"}], "containers": [{"name": "a", "$patch": "delete"}]}}),
        containers(json!([{"name": "b"}])),
    );
    refuse(
        containers(json!([])),
        json!({"spec": {"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b"}]}}),
        "The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
    );
}

#[test]
fn refuses_in_kubernetes_words() {
    let one = || containers(json!([{"name": "a"}]));
    refuse(
        one(),
        containers(json!([{"image": "1", "args": [1, null]}])),
        "map: map[args:[1 <nil>] image:1] does not contain declared merge key: name",
    );
    refuse(
        one(),
        containers(json!([{"$patch": "delete"}])),
        "map: map[$patch:delete] does not contain declared merge key: name",
    );
    refuse(
        one(),
        containers(json!([{"$patch": "odd", "name": "a"}])),
        "unknown patch type: odd in map: map[$patch:odd name:a]",
    );
    refuse(
        one(),
        containers(json!([{"$patch": "merge", "name": "a"}])),
        "merging lists cannot yet be specified in the patch",
    );
    refuse(
        json!({"spec": {"args": []}}),
        json!({"spec": {"$patch": "merge"}}),
        "unknown patch type: merge in map: map[$patch:merge]",
    );
    refuse(
        json!({"spec": {"keyless": [{}]}}),
        json!({"spec": {"keyless": [{}]}}),
        "cannot merge lists without merge key for Container",
    );
    refuse(
        one(),
        containers(json!(["a"])),
        "list element types are not identical: [[map[name:a]] [a]]",
    );
    refuse(
        one(),
        json!({"spec": {"$deleteFromPrimitiveListx": [1]}}),
        "invalid patch format of primitive list",
    );
    refuse(
        one(),
        json!({"spec": {"$setElementOrder": [1]}}),
        "invalid patch format of setElementOrder list",
    );
    assert_eq!(
        patched(one(), json!([])),
        Err(PatchError::BadRequest("invalid JSON document".into()))
    );
}

/// What a list with merge keys should hold, without regard to order.
fn model(old: &[(u8, u8)], patch: &[(u8, Option<u8>)]) -> BTreeMap<u8, u8> {
    let mut members: BTreeMap<u8, u8> = old.iter().copied().collect();
    for (name, image) in patch.iter().filter(|(_, image)| image.is_none()) {
        let _ = image;
        members.remove(name);
    }
    members.extend(
        patch
            .iter()
            .filter_map(|(name, image)| Some((*name, (*image)?))),
    );
    members
}

fn unique<T>(members: Vec<(u8, T)>) -> Vec<(u8, T)> {
    let mut seen = std::collections::HashSet::new();
    members
        .into_iter()
        .filter(|(name, _)| seen.insert(*name))
        .collect()
}

proptest! {
    #[test]
    fn holds_what_the_model_holds(
        old in prop::collection::vec((0..8_u8, 0..3_u8), 0..8).prop_map(unique),
        patch in prop::collection::vec((0..8_u8, prop::option::of(0..3_u8)), 0..8).prop_map(unique),
    ) {
        let member = |name: u8, image: u8| json!({"name": name, "image": image});
        let document = containers(old.iter().map(|(name, image)| member(*name, *image)).collect());
        let members = patch.iter().map(|(name, image)| image.map_or_else(|| json!({"name": name, "$patch": "delete"}), |image| member(*name, image)));
        let result = patched(document, containers(members.collect())).unwrap();
        let list: Vec<(u8, u8)> = result["spec"]["containers"].as_array().unwrap().iter()
            .map(|member| (member["name"].as_u64().unwrap() as u8, member["image"].as_u64().unwrap() as u8)).collect();
        prop_assert_eq!(list.iter().copied().collect::<BTreeMap<_, _>>(), model(&old, &patch));
        // The order of the patch, and of the rest, is kept.
        let names: Vec<u8> = list.iter().map(|(name, _)| *name).collect();
        let wanted: Vec<u8> = patch.iter().filter(|(_, image)| image.is_some()).map(|(name, _)| *name).collect();
        let named: Vec<u8> = names.iter().copied().filter(|name| wanted.contains(name)).collect();
        prop_assert_eq!(&named, &wanted);
        let rest: Vec<u8> = names.iter().copied().filter(|name| !wanted.contains(name)).collect();
        let server: Vec<u8> = old.iter().map(|(name, _)| *name).filter(|name| rest.contains(name)).collect();
        prop_assert_eq!(rest, server);
    }

    #[test]
    fn without_lists_it_is_a_merge_patch(
        old in prop::collection::btree_map("[a-c]", prop::option::of("[xy]"), 0..4),
        patch in prop::collection::btree_map("[a-d]", prop::option::of("[xy]"), 0..4),
    ) {
        let old: BTreeMap<_, _> = old.into_iter().filter(|(_, value)| value.is_some()).collect();
        let document = json!({"metadata": {"annotations": old}});
        let patch = json!({"metadata": {"annotations": patch}});
        let mut merged = document.clone();
        super::super::merge::apply(&mut merged, patch.clone());
        prop_assert_eq!(patched(document, patch).unwrap(), merged);
    }
}
