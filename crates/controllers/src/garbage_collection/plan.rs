//! What to do about an object because of its owners and its dependents.

use std::sync::Arc;

use navarch_api::call::{Body, Call, Gvr, Options, PatchKind};
use navarch_api::def::Verb;
use navarch_api::strategy::Propagation;
use serde_json::{Value, json};

use crate::graph::{Node, Owner, State};
use crate::{Action, Plan};

/// The finalizer of an object whose dependents are to be left alone when it goes.
pub(super) const ORPHAN: &str = "orphan";
/// The finalizer of an object whose dependents are to go before it.
pub(super) const FOREGROUND: &str = "foregroundDeletion";

/// What is known of an owner that a reference points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is there, and nothing is asked of its dependents.
    Solid,
    /// It waits for its dependents to go first.
    Waiting,
    /// It is not there: nothing of that kind, name and uid is.
    Absent,
}

/// An owner as a dependent names it: where to look for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sought {
    /// Its resource.
    pub resource: Gvr,
    /// The dependent's namespace; empty for an owner in cluster scope.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its uid.
    pub uid: Arc<str>,
}

/// What to do about one object.
#[derive(Debug, Default)]
pub struct Decision {
    /// Owners that the graph does not show. Nothing is decided before they have been looked up, for one kind's watch may lag behind
    /// another's.
    pub look_up: Vec<Sought>,
    /// What to call.
    pub plan: Plan,
    /// The uids of objects to consider next.
    pub next: Vec<Arc<str>>,
    /// Owners that are there, but not in the dependent's namespace. Kubernetes warns of them on the dependent.
    pub misplaced: Vec<Owner>,
}

/// What to do about the object with this uid. `known` tells what was looked up already. Pure.
pub fn plan(graph: &State, uid: &str, known: &dyn Fn(&Sought) -> Option<Standing>) -> Decision {
    let Some(node) = graph.get(uid) else {
        return Decision::default();
    };
    match node.is_deleting {
        true if node.has_finalizer(ORPHAN) => orphan_dependents(graph, node),
        true if node.has_finalizer(FOREGROUND) => await_dependents(graph, node),
        true => Decision::default(),
        false => judge_owners(graph, node, known),
    }
}

/// All dependents lose the owner, and then it may go.
fn orphan_dependents(graph: &State, node: &Node) -> Decision {
    let mut decision = Decision::default();
    let dependents = graph.true_dependents(node);
    let freed = dependents.map(|dependent| drop_owners(dependent, &[&node.uid]).idempotent());
    decision.plan.then_all(freed.collect());
    decision.plan.then(drop_finalizer(node, ORPHAN));
    decision
}

/// The dependents that block the owner go first; when none is left it may go itself.
fn await_dependents(graph: &State, node: &Node) -> Decision {
    let mut decision = Decision::default();
    let mut blocked = false;
    for dependent in graph.true_dependents(node) {
        let mut owners = dependent.owners.iter();
        if !owners.any(|owner| owner.blocks && owner.uid == node.uid) {
            continue;
        }
        blocked = true;
        if !dependent.is_deleting {
            decision.next.push(dependent.uid.clone());
        }
    }
    if !blocked {
        decision.plan.then(drop_finalizer(node, FOREGROUND));
    }
    decision
}

/// An object stays as long as one of its owners does; else it goes, in the way in which its owners do.
fn judge_owners(
    graph: &State,
    node: &Node,
    known: &dyn Fn(&Sought) -> Option<Standing>,
) -> Decision {
    let mut decision = Decision::default();
    let (mut solid, mut dangling, mut waiting) = (false, Vec::new(), Vec::new());
    for owner in &node.owners {
        if graph
            .get(&owner.uid)
            .is_some_and(|other| is_elsewhere(other, node))
        {
            decision.misplaced.push(owner.clone());
        }
        match standing(graph, owner, node) {
            Judged::As(Standing::Solid) => solid = true,
            Judged::As(Standing::Waiting) => waiting.push(&owner.uid),
            Judged::As(Standing::Absent) => dangling.push(&owner.uid),
            // Who names an owner that cannot be is left alone.
            Judged::Invalid => {
                return Decision {
                    misplaced: decision.misplaced,
                    ..Decision::default()
                };
            }
            Judged::Unknown(sought) => match known(&sought) {
                Some(Standing::Solid) => solid = true,
                Some(Standing::Waiting) => waiting.push(&owner.uid),
                Some(Standing::Absent) => dangling.push(&owner.uid),
                None => decision.look_up.push(sought),
            },
        }
    }
    if !decision.look_up.is_empty() || dangling.is_empty() && waiting.is_empty() {
        return decision;
    }
    if solid {
        let lost: Vec<&Arc<str>> = dangling.into_iter().chain(waiting).collect();
        decision.plan.then(drop_owners(node, &lost));
    } else if !waiting.is_empty() && graph.true_dependents(node).next().is_some() {
        delete_in_foreground(graph, node, &mut decision.plan);
    } else {
        decision
            .plan
            .then(delete(node, own_propagation(node), true));
    }
    decision
}

enum Judged {
    As(Standing),
    Unknown(Sought),
    Invalid,
}

fn standing(graph: &State, owner: &Owner, dependent: &Node) -> Judged {
    if let Some(found) = graph
        .get(&owner.uid)
        .filter(|found| found.is_meant_by(owner, dependent))
    {
        let waits = found.is_deleting && found.has_finalizer(FOREGROUND);
        return Judged::As(if waits {
            Standing::Waiting
        } else {
            Standing::Solid
        });
    }
    // Of a kind that is not served nobody can say that it is gone.
    let Some(kind) = owner.kind.as_ref().map(|kind| &kind.0) else {
        return Judged::Invalid;
    };
    if kind.is_namespaced() && dependent.key.namespace.is_empty() {
        return Judged::Invalid;
    }
    let namespace = if kind.is_namespaced() {
        dependent.key.namespace.clone()
    } else {
        "".into()
    };
    Judged::Unknown(Sought {
        resource: address(kind),
        namespace,
        name: owner.name.clone(),
        uid: owner.uid.clone(),
    })
}

/// Whether an owner lives in another namespace than its dependent.
fn is_elsewhere(owner: &Node, dependent: &Node) -> bool {
    owner.kind.is_namespaced() && owner.key.namespace != dependent.key.namespace
}

/// The owner waits for this object, and this one has dependents itself: they go first, too.
fn delete_in_foreground(graph: &State, node: &Node, plan: &mut Plan) {
    let circle = graph
        .true_dependents(node)
        .any(|dependent| dependent.is_deleting && dependent.has_finalizer(FOREGROUND));
    if circle {
        // A dependent that waits for its own dependents may wait for this very object: nobody may block any more.
        plan.then(unblock_owners(node));
    }
    plan.then(delete(node, Propagation::Foreground, !circle));
}

/// The way of deletion that the object's own finalizers ask for.
fn own_propagation(node: &Node) -> Propagation {
    if node.has_finalizer(ORPHAN) {
        Propagation::Orphan
    } else if node.has_finalizer(FOREGROUND) {
        Propagation::Foreground
    } else {
        Propagation::Background
    }
}

/// Deletes exactly this object; with `unchanged` only as the graph shows it, for an owner may have come since.
fn delete(node: &Node, propagation: Propagation, unchanged: bool) -> Action {
    let options = Options {
        uid: Some(node.uid.to_string()),
        precondition_version: (unchanged && !node.version.is_empty())
            .then(|| node.version.to_string()),
        propagation: Some(propagation),
        ..Options::default()
    };
    call(node, Verb::Delete, Body::None, options).idempotent()
}

fn drop_owners(node: &Node, owners: &[&Arc<str>]) -> Action {
    let dropped: Vec<Value> = owners
        .iter()
        .map(|uid| json!({"$patch": "delete", "uid": &***uid}))
        .collect();
    patch(
        node,
        PatchKind::Strategic,
        json!({"metadata": {"uid": &*node.uid, "ownerReferences": dropped}}),
    )
}

fn unblock_owners(node: &Node) -> Action {
    let blocking = node.owners.iter().filter(|owner| owner.blocks);
    let unblocked: Vec<Value> = blocking
        .map(|owner| json!({"uid": &*owner.uid, "blockOwnerDeletion": false}))
        .collect();
    patch(
        node,
        PatchKind::Strategic,
        json!({"metadata": {"uid": &*node.uid, "ownerReferences": unblocked}}),
    )
}

/// The version in the patch makes it fail where the finalizers have changed meanwhile.
fn drop_finalizer(node: &Node, finalizer: &str) -> Action {
    let others: Vec<&str> = node
        .finalizers
        .iter()
        .map(|own| &**own)
        .filter(|own| *own != finalizer)
        .collect();
    let metadata =
        json!({"uid": &*node.uid, "resourceVersion": &*node.version, "finalizers": others});
    patch(node, PatchKind::Merge, json!({"metadata": metadata})).idempotent()
}

fn patch(node: &Node, kind: PatchKind, patch: Value) -> Action {
    call(
        node,
        Verb::Patch,
        Body::Patch(kind, patch),
        Options::default(),
    )
}

fn call(node: &Node, verb: Verb, body: Body, options: Options) -> Action {
    Action::raw(Call {
        verb,
        resource: address(&node.kind),
        namespace: node.key.namespace().map(str::to_owned),
        name: Some(node.key.name.to_string()),
        subresource: None,
        body,
        options,
    })
}

fn address(kind: &navarch_api::def::ResourceDef) -> Gvr {
    Gvr {
        group: kind.group.to_string(),
        version: kind.version.to_string(),
        resource: kind.plural.to_string(),
    }
}
