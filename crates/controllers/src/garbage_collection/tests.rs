use std::collections::HashMap;
use std::sync::Arc;

use navarch_api::call::Body;
use serde_json::{Value, json};

use super::{Decision, Sought, Standing, affected, plan};
use crate::Action;
use crate::graph::{Node, State};

/// An object in short: `ns/name`, or `name` in cluster scope (a Node). Its uid is its name.
struct It {
    key: &'static str,
    owners: Vec<Value>,
    finalizers: Vec<&'static str>,
    deleting: bool,
}

fn it(key: &'static str) -> It {
    It {
        key,
        owners: Vec::new(),
        finalizers: Vec::new(),
        deleting: false,
    }
}

impl It {
    fn of(self, owner: &str) -> Self {
        self.owned("ConfigMap", owner, owner, false)
    }

    fn blocking(self, owner: &str) -> Self {
        self.owned("ConfigMap", owner, owner, true)
    }

    fn owned(mut self, kind: &str, name: &str, uid: &str, blocks: bool) -> Self {
        self.owners.push(json!({"apiVersion": "v1", "kind": kind, "name": name, "uid": uid, "blockOwnerDeletion": blocks}));
        self
    }

    fn held(mut self, finalizer: &'static str) -> Self {
        self.finalizers.push(finalizer);
        self
    }

    fn deleting(mut self) -> Self {
        self.deleting = true;
        self
    }

    fn node(self) -> Arc<Node> {
        let (kind, namespace, name) = match self.key.split_once('/') {
            Some((namespace, name)) => ("ConfigMap", Some(namespace), name),
            None => ("Node", None, self.key),
        };
        let deleted = self.deleting.then_some("2024-01-01T00:00:00Z");
        let metadata = json!({
            "namespace": namespace, "name": name, "uid": name, "resourceVersion": "7", "ownerReferences": self.owners,
            "finalizers": self.finalizers, "deletionTimestamp": deleted,
        });
        let kind = navarch_api::table::builtin().kind("", "v1", kind).unwrap();
        let object = json!({"apiVersion": "v1", "kind": kind.kind, "metadata": metadata});
        let object = kind
            .strategy
            .decode_stored(object.to_string().as_bytes())
            .unwrap();
        Arc::new(Node::of(kind, object.as_ref()).unwrap())
    }
}

fn graph(objects: impl IntoIterator<Item = It>) -> State {
    let mut state = State::default();
    for object in objects {
        state.put(object.node());
    }
    state
}

fn decide(state: &State, uid: &str, known: &[(&str, Standing)]) -> Decision {
    let known: HashMap<&str, Standing> = known.iter().copied().collect();
    plan(state, uid, &|sought: &Sought| {
        known.get(&*sought.uid).copied()
    })
}

fn words(action: &Action) -> String {
    let call = &action.call;
    let name = call.name.as_deref().unwrap();
    match &call.body {
        Body::None => {
            let options = &call.options;
            let version = options.precondition_version.as_deref().unwrap_or("any");
            format!(
                "delete {name} uid={} version={version} {:?}",
                options.uid.as_deref().unwrap(),
                options.propagation.unwrap()
            )
        }
        Body::Patch(_, patch) => {
            let mut metadata = patch["metadata"].clone();
            assert_eq!(metadata["uid"], name);
            metadata.as_object_mut().unwrap().remove("uid");
            format!("patch {name} {metadata}")
        }
        other => panic!("{other:?}"),
    }
}

fn calls(decision: &Decision) -> Vec<String> {
    assert!(decision.look_up.is_empty(), "{:?}", decision.look_up);
    let mut calls: Vec<String> = decision.plan.actions().map(words).collect();
    // Calls of one step have no order.
    if let Some(first) = decision.plan.steps.first().map(|step| step.actions.len()) {
        calls[..first].sort();
    }
    calls
}

const ABSENT: Standing = Standing::Absent;

#[test]
fn an_object_without_owners_is_left_alone() {
    let state = graph([it("ns/a")]);
    assert!(calls(&decide(&state, "a", &[])).is_empty());
    assert!(calls(&decide(&state, "not there", &[])).is_empty());
}

#[test]
fn an_object_whose_owner_is_there_is_left_alone() {
    let state = graph([it("ns/owner"), it("ns/a").of("owner")]);
    assert!(calls(&decide(&state, "a", &[])).is_empty());
}

#[test]
fn an_owner_that_the_graph_does_not_show_is_looked_up_before_anything_goes() {
    let state = graph([it("ns/a").of("owner")]);
    let decision = decide(&state, "a", &[]);
    assert!(decision.plan.is_empty());
    let sought = &decision.look_up[0];
    assert_eq!(
        (&*sought.namespace, &*sought.name, &*sought.uid),
        ("ns", "owner", "owner")
    );
    assert!(calls(&decide(&state, "a", &[("owner", Standing::Solid)])).is_empty());
    assert_eq!(
        calls(&decide(&state, "a", &[("owner", ABSENT)])),
        ["delete a uid=a version=7 Background"]
    );
}

#[test]
fn the_owner_is_known_by_its_uid_and_not_by_its_name() {
    // An owner of the same name has come in place of the one that is named.
    let state = graph([
        it("ns/owner"),
        it("ns/a").owned("ConfigMap", "owner", "the former", false),
    ]);
    assert_eq!(decide(&state, "a", &[]).look_up.len(), 1);
    assert_eq!(
        calls(&decide(&state, "a", &[("the former", ABSENT)])),
        ["delete a uid=a version=7 Background"]
    );
}

#[test]
fn the_own_finalizers_of_a_dependent_say_how_it_goes() {
    let state = graph([
        it("ns/a").of("gone").held("orphan"),
        it("ns/b").of("gone").held("foregroundDeletion"),
    ]);
    assert_eq!(
        calls(&decide(&state, "a", &[("gone", ABSENT)])),
        ["delete a uid=a version=7 Orphan"]
    );
    assert_eq!(
        calls(&decide(&state, "b", &[("gone", ABSENT)])),
        ["delete b uid=b version=7 Foreground"]
    );
}

#[test]
fn one_solid_owner_holds_and_the_lost_ones_are_forgotten() {
    let state = graph([
        it("ns/solid"),
        it("ns/waits").held("foregroundDeletion").deleting(),
        it("ns/a").of("gone").of("solid").of("waits"),
    ]);
    assert_eq!(
        calls(&decide(&state, "a", &[("gone", ABSENT)])),
        [
            r#"patch a {"ownerReferences":[{"$patch":"delete","uid":"gone"},{"$patch":"delete","uid":"waits"}]}"#
        ]
    );
}

#[test]
fn an_owner_that_is_being_deleted_in_another_way_still_holds() {
    let state = graph([
        it("ns/owner").held("other").deleting(),
        it("ns/a").of("owner"),
    ]);
    assert!(calls(&decide(&state, "a", &[])).is_empty());
}

#[test]
fn in_the_foreground_dependents_that_block_go_first() {
    let owner = || {
        it("ns/owner")
            .held("x")
            .held("foregroundDeletion")
            .deleting()
    };
    let state = graph([
        owner(),
        it("ns/a").blocking("owner"),
        it("ns/b").of("owner"),
    ]);
    let decision = decide(&state, "owner", &[]);
    assert!(calls(&decision).is_empty());
    assert_eq!(decision.next, ["a".into()]);
    assert_eq!(
        calls(&decide(&state, "a", &[])),
        ["delete a uid=a version=7 Background"]
    );

    let state = graph([owner(), it("ns/b").of("owner")]);
    let done = r#"patch owner {"finalizers":["x"],"resourceVersion":"7"}"#;
    assert_eq!(calls(&decide(&state, "owner", &[])), [done]);
}

#[test]
fn a_dependent_that_goes_already_is_waited_for() {
    let state = graph([
        it("ns/owner").held("foregroundDeletion").deleting(),
        it("ns/a").blocking("owner").held("x").deleting(),
    ]);
    let decision = decide(&state, "owner", &[]);
    assert!(calls(&decision).is_empty() && decision.next.is_empty());
}

#[test]
fn foreground_is_handed_down_to_dependents_with_dependents() {
    let state = graph([
        it("ns/owner").held("foregroundDeletion").deleting(),
        it("ns/a").blocking("owner"),
        it("ns/b").blocking("a"),
    ]);
    assert_eq!(
        calls(&decide(&state, "a", &[])),
        ["delete a uid=a version=7 Foreground"]
    );
}

#[test]
fn a_circle_is_broken() {
    let state = graph([
        it("ns/a")
            .blocking("b")
            .held("foregroundDeletion")
            .deleting(),
        it("ns/b").blocking("a"),
    ]);
    assert_eq!(
        calls(&decide(&state, "b", &[])),
        [
            r#"patch b {"ownerReferences":[{"blockOwnerDeletion":false,"uid":"a"}]}"#,
            "delete b uid=b version=any Foreground",
        ]
    );
}

#[test]
fn orphans_lose_their_owner_before_it_goes() {
    let state = graph([
        it("ns/owner").held("orphan").deleting(),
        it("ns/a").of("owner").of("another"),
        it("ns/b").of("owner"),
    ]);
    let freed = r#"{"ownerReferences":[{"$patch":"delete","uid":"owner"}]}"#;
    assert_eq!(
        calls(&decide(&state, "owner", &[])),
        [
            format!("patch a {freed}"),
            format!("patch b {freed}"),
            r#"patch owner {"finalizers":[],"resourceVersion":"7"}"#.to_owned(),
        ]
    );
}

#[test]
fn an_owner_in_another_namespace_is_none() {
    let state = graph([it("other/owner"), it("ns/a").of("owner")]);
    let decision = decide(&state, "a", &[]);
    assert_eq!(decision.misplaced.len(), 1);
    assert_eq!(&*decision.look_up[0].namespace, "ns");
    assert_eq!(
        calls(&decide(&state, "a", &[("owner", ABSENT)])),
        ["delete a uid=a version=7 Background"]
    );
    // Nor does it hold or free its owner.
    let state = graph([
        it("other/owner").held("foregroundDeletion").deleting(),
        it("ns/a").blocking("owner"),
    ]);
    assert_eq!(calls(&decide(&state, "owner", &[])).len(), 1);
}

#[test]
fn an_owner_in_cluster_scope_owns_in_every_namespace() {
    let state = graph([it("node"), it("ns/a").owned("Node", "node", "node", false)]);
    let decision = decide(&state, "a", &[]);
    assert!(decision.misplaced.is_empty() && calls(&decision).is_empty());
    let state = graph([it("ns/a").owned("Node", "node", "node", false)]);
    assert_eq!(&*decide(&state, "a", &[]).look_up[0].namespace, "");
}

#[test]
fn nobody_is_deleted_for_an_owner_that_cannot_be() {
    // In cluster scope no owner in a namespace can be; and of a kind that is not served nobody knows.
    let state = graph([
        it("a").of("owner"),
        it("ns/b").owned("Widget", "w", "w", false),
    ]);
    assert!(calls(&decide(&state, "a", &[])).is_empty());
    assert!(calls(&decide(&state, "b", &[])).is_empty());
}

fn queued(state: &State, old: Option<It>, new: Option<It>) -> Vec<String> {
    let (old, new) = (old.map(It::node), new.map(It::node));
    let mut uids = Vec::new();
    affected(state, old.as_ref(), new.as_ref(), &mut |uid| {
        uids.push(uid.to_string());
    });
    uids.sort();
    uids
}

#[test]
fn a_change_concerns_owners_and_dependents() {
    let state = graph([
        it("ns/waits").held("foregroundDeletion").deleting(),
        it("ns/a").blocking("waits"),
        it("ns/b").of("a"),
    ]);
    assert_eq!(
        queued(&state, Some(it("ns/a").blocking("waits")), None),
        ["b", "waits"]
    );
    assert_eq!(
        queued(
            &state,
            Some(it("ns/a").blocking("waits")),
            Some(it("ns/a").blocking("waits"))
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        queued(&state, Some(it("ns/a").blocking("waits")), Some(it("ns/a"))),
        ["waits"]
    );
    assert_eq!(queued(&state, None, Some(it("ns/b").of("a"))), ["b"]);
    let waits = it("ns/waits").held("foregroundDeletion").deleting();
    assert_eq!(
        queued(&state, Some(it("ns/waits")), Some(waits)),
        ["a", "waits"]
    );
    assert_eq!(queued(&state, None, Some(it("ns/c"))), Vec::<String>::new());
}
