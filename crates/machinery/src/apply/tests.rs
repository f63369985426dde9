//! Tests of the rules, on a small schema; and properties, against a model that knows only paths and values.

mod managers;
mod objects;
mod properties;
mod sets;
mod writes;

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
