//! What who applies an object thereby owns.

use super::element::Element;
use super::place::{By, Kind, Place, item};
use super::set::Set;
use super::tree::Tree;
use crate::schema::Types;

/// The fields that an applied object states: every leaf, every item of a list and every key of a map.
pub fn ownership<'a>(types: &Types, place: Place<'_>, applied: &Tree<'a>) -> Set<'a> {
    value(types, place, applied).1
}

/// Whether a value is owned as a whole, and which of its parts are owned.
fn value<'a>(types: &Types, place: Place<'_>, applied: &Tree<'a>) -> (bool, Set<'a>) {
    let kind = place.kind(types);
    match (kind, applied) {
        (Kind::Scalar(_) | Kind::Any(_, false) | Kind::List(By::Whole, _), _)
        | (Kind::Map { whole: true, .. } | Kind::Struct { whole: true, .. }, _)
        | (_, Tree::Null) => (true, Set::default()),
        (Kind::List(by, items), list) => (false, of_items(types, by, items, list.items())),
        (_, Tree::Map(members)) if members.is_empty() => (true, Set::default()),
        (_, Tree::Map(members)) => {
            let mut owned = Set::default();
            for (name, member) in members {
                let Some(place) = kind.member(name) else {
                    continue;
                };
                let (whole, parts) = value(types, place, member);
                let declared = matches!(kind, Kind::Struct { .. });
                owned.push(Element::field(name.clone()), whole || !declared, parts);
            }
            (false, owned)
        }
        _ => (true, Set::default()),
    }
}

fn of_items<'a>(types: &Types, by: By<'_>, items: Place<'_>, values: &[Tree<'a>]) -> Set<'a> {
    let mut owned = Set::default();
    for applied in values {
        if let Ok(element) = item(types, by, items, applied) {
            owned.push(element, true, value(types, items, applied).1);
        }
    }
    owned.sort();
    owned
}
