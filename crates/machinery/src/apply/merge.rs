//! What an object becomes when somebody applies to it.

use std::borrow::Cow;
use std::collections::HashMap;

use super::element::Element;
use super::place::{By, Kind, Place, item};
use super::tree::Tree;
use crate::schema::Types;

/// The live object with what was applied. Where both say something, the applied one is right; maps and lists that are owned part
/// by part are merged. What was applied must have passed [`super::check()`].
pub fn merge<'a>(types: &Types, place: Place<'_>, live: Tree<'a>, applied: &Tree<'a>) -> Tree<'a> {
    let kind = place.kind(types);
    let in_parts = match kind {
        Kind::Map { whole, .. } | Kind::Struct { whole, .. } => !whole,
        Kind::Any(_, granular) => granular,
        Kind::List(by, _) => !matches!(by, By::Whole),
        Kind::Scalar(_) => false,
    };
    match (live, applied) {
        (Tree::Map(live), Tree::Map(applied)) if in_parts && !live.is_empty() => {
            let mut merged = Tree::Map(live);
            for member in applied {
                merge_member(types, kind, &mut merged, member);
            }
            merged
        }
        (Tree::List(live), Tree::List(applied)) if in_parts && !live.is_empty() => match kind {
            Kind::List(by, items) => Tree::List(merge_lists(types, by, items, live, applied)),
            _ => Tree::List(applied.clone()),
        },
        // What has no parts says nothing of the parts that others own.
        (Tree::Map(live), Tree::Null) if in_parts && !live.is_empty() => Tree::Map(live),
        (Tree::List(live), Tree::Null) if in_parts && !live.is_empty() => Tree::List(live),
        (_, applied) => applied.clone(),
    }
}

fn merge_member<'a>(
    types: &Types,
    kind: Kind<'_>,
    merged: &mut Tree<'a>,
    (name, value): &(Cow<'a, str>, Tree<'a>),
) {
    match (merged.get_mut(name), kind.member(name)) {
        (Some(before), Some(place)) => {
            let live = std::mem::replace(before, Tree::Null);
            *before = merge(types, place, live, value);
        }
        _ => merged.set(name.clone(), value.clone()),
    }
}

/// Applied items come in the order in which they were applied; an item that only the live list has keeps its place before the
/// shared item that it stood before.
fn merge_lists<'a>(
    types: &Types,
    by: By<'_>,
    items: Place<'_>,
    live: Vec<Tree<'a>>,
    applied: &[Tree<'a>],
) -> Vec<Tree<'a>> {
    let name = |value: &Tree<'a>| item(types, by, items, value).ok();
    let names: Vec<Option<Element<'a>>> = live.iter().map(name).collect();
    let wanted: Vec<Option<Element<'a>>> = applied.iter().map(name).collect();
    let (there, asked) = (places(&names), places(&wanted));
    let is = |name: &Option<Element<'a>>, places: &Places<'_, 'a>| {
        name.as_ref().and_then(|name| places.get(name).copied())
    };
    let shared = |at: usize| is(&names[at], &asked).is_some();
    // For each applied item the shared item that it is, or comes before: live items up to that one come first.
    let mut anchors = vec![None; applied.len()];
    let mut anchor = None;
    for at in (0..applied.len()).rev() {
        anchor = is(&wanted[at], &there).map(|place| place.first).or(anchor);
        anchors[at] = anchor;
    }
    // Each is taken out once.
    let mut live: Vec<Option<Tree<'a>>> = live.into_iter().map(Some).collect();
    let mut merged = Vec::with_capacity(live.len() + applied.len());
    let mut next = 0;
    for (at, value) in applied.iter().enumerate() {
        while next < live.len() && Some(next) != anchors[at] {
            if !shared(next) {
                merged.extend(live[next].take());
            }
            next += 1;
        }
        let same = is(&wanted[at], &there);
        // Of items that share their name none is merged.
        let before = same
            .filter(|same| same.count == 1)
            .and_then(|same| live[same.first].take());
        merged.push(match before {
            Some(before) => merge(types, items, before, value),
            None => value.clone(),
        });
        if same.is_some_and(|same| same.first == next) {
            next += 1;
        }
    }
    let rest = (next..live.len()).filter(|at| !shared(*at));
    merged.extend(rest.filter_map(|at| live[at].take()));
    merged
}

/// Where an item of that name is first, and how many of the name there are.
#[derive(Clone, Copy)]
struct Named {
    first: usize,
    count: usize,
}

type Places<'n, 'a> = HashMap<&'n Element<'a>, Named>;

fn places<'n, 'a>(names: &'n [Option<Element<'a>>]) -> Places<'n, 'a> {
    let mut places = Places::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        if let Some(name) = name {
            places
                .entry(name)
                .or_insert(Named {
                    first: at,
                    count: 0,
                })
                .count += 1;
        }
    }
    places
}
