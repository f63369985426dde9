//! Taking fields out of an object.

use super::element::ElementKind;
use super::place::{By, Kind, Place, item};
use super::set::Set;
use super::tree::Tree;
use crate::schema::Types;

/// Takes the fields of a set out. A map or list stays where all that was in it is gone, unless it is in the set itself.
pub fn remove(types: &Types, place: Place<'_>, value: &mut Tree<'_>, fields: &Set<'_>) {
    if fields.is_empty() {
        return;
    }
    match (place.kind(types), value) {
        (
            kind @ (Kind::Map { whole: false, .. }
            | Kind::Struct { whole: false, .. }
            | Kind::Any(_, true)),
            Tree::Map(members),
        ) => members.retain_mut(|(name, value)| {
            let Some(node) = fields.get(ElementKind::Field, name) else {
                return true;
            };
            if let Some(place) = kind.member(name).filter(|_| !node.member) {
                remove(types, place, value, &node.children);
            }
            !node.member
        }),
        (Kind::List(by @ (By::Value | By::Keys(_)), items), Tree::List(values)) => {
            values.retain_mut(|value| {
                let element = item(types, by, items, value).ok();
                let node = element.and_then(|element| fields.get(element.kind, &element.text));
                let Some(node) = node else { return true };
                if !node.member {
                    remove(types, items, value, &node.children);
                }
                !node.member
            });
        }
        _ => {}
    }
}

/// With every field of a struct of which a part is in the set: who no longer wants any part does not want the field.
pub(super) fn with_fields<'a>(types: &Types, place: Place<'_>, fields: Set<'a>) -> Set<'a> {
    let kind = place.kind(types);
    let mut whole = Set::default();
    for mut node in fields.into_nodes() {
        let below = match (kind, node.element.kind) {
            (Kind::List(_, items), _) => Some(items),
            (kind, ElementKind::Field) => kind.member(&node.element.text),
            _ => None,
        };
        if let Kind::Struct { ty, .. } = kind {
            node.member |= ty.field(&node.element.text).is_some();
        }
        if let Some(below) = below {
            node.children = with_fields(types, below, node.children);
        }
        whole.push(node.element, node.member, node.children);
    }
    whole
}
