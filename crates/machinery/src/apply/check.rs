//! Whether what somebody applies is of the type.

use std::collections::HashSet;
use std::fmt::Write;

use super::element::Element;
use super::place::{By, Kind, Place, Scalar, item};
use super::tree::Tree;
use crate::schema::Types;

/// What is wrong with an object that somebody applies, in Kubernetes' words. Empty: nothing.
pub fn check(types: &Types, place: Place<'_>, applied: &Tree<'_>) -> Vec<String> {
    let mut check = Check {
        types,
        path: String::new(),
        errors: Vec::new(),
    };
    check.value(place, applied);
    check.errors
}

struct Check<'s> {
    types: &'s Types,
    path: String,
    errors: Vec<String>,
}

impl Check<'_> {
    fn error(&mut self, what: &str) {
        let colon = if self.path.is_empty() { "" } else { ": " };
        self.errors.push(format!("{}{colon}{what}", self.path));
    }

    fn below(&mut self, element: &Element<'_>, place: Place<'_>, value: &Tree<'_>) {
        let length = self.path.len();
        // Writing to a string cannot fail.
        let _ = write!(self.path, "{element}");
        self.value(place, value);
        self.path.truncate(length);
    }

    fn value(&mut self, place: Place<'_>, value: &Tree<'_>) {
        let kind = place.kind(self.types);
        match (kind, value) {
            (_, Tree::Null) | (Kind::Any(..), _) => {}
            (Kind::Scalar(scalar), value) => self.scalar(scalar, value),
            (Kind::List(by, items), Tree::List(values)) => self.items(by, items, values),
            (Kind::List(..), other) => self.error(&format!("expected list, got {}", go(other))),
            (_, Tree::Map(members)) => {
                for (name, member) in members {
                    let element = Element::field(&**name);
                    let Some(place) = kind.member(name) else {
                        let unknown =
                            format!("{}{element}: field not declared in schema", self.path);
                        self.errors.push(unknown);
                        return;
                    };
                    self.below(&element, place, member);
                }
            }
            (_, other) => self.error(&format!("expected map, got {}", go(other))),
        }
    }

    fn scalar(&mut self, scalar: Scalar, value: &Tree<'_>) {
        let what = match (scalar, value) {
            (Scalar::Text, Tree::String(_))
            | (Scalar::Number, Tree::Number(_))
            | (Scalar::Bool, Tree::Bool(_))
            | (Scalar::Any, Tree::String(_) | Tree::Number(_) | Tree::Bool(_)) => return,
            (Scalar::Number, other) => {
                format!("expected numeric (int or float), got {}", go_type(other))
            }
            (Scalar::Text, other) => {
                format!(
                    "expected string, got &value.valueUnstructured{{Value:{}}}",
                    go_syntax(other)
                )
            }
            (Scalar::Bool, other) => format!("expected boolean, got {}", go(other)),
            (Scalar::Any, other) => format!("expected any scalar, got {}", go(other)),
        };
        self.error(&what);
    }

    fn items(&mut self, by: By<'_>, items: Place<'_>, values: &[Tree<'_>]) {
        let mut seen = HashSet::new();
        for (at, value) in values.iter().enumerate() {
            if matches!(by, By::Whole) {
                let place = Element {
                    kind: super::ElementKind::Index,
                    text: at.to_string().into(),
                };
                self.below(&place, items, value);
                continue;
            }
            match item(self.types, by, items, value) {
                Err(why) => return self.error(&format!("element {at}: {why}")),
                Ok(element) => {
                    if !seen.insert(element.text.to_string()) {
                        self.error(&format!("duplicate entries for key {element}"));
                    }
                    self.below(&element, items, value);
                }
            }
        }
    }
}

/// A value as Go prints the value that holds it.
fn go(value: &Tree<'_>) -> String {
    format!("&{{{}}}", go_plain(value))
}

fn go_plain(value: &Tree<'_>) -> String {
    match value {
        Tree::Null => "<nil>".into(),
        Tree::Bool(value) => value.to_string(),
        Tree::Number(value) => value.to_string(),
        Tree::String(text) => text.to_string(),
        Tree::List(items) => {
            let items: Vec<String> = items.iter().map(go_plain).collect();
            format!("[{}]", items.join(" "))
        }
        Tree::Map(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{name}:{}", go_plain(value)));
            format!("map[{}]", members.collect::<Vec<_>>().join(" "))
        }
    }
}

fn go_type(value: &Tree<'_>) -> &'static str {
    match value {
        Tree::Null => "<nil>",
        Tree::Bool(_) => "bool",
        Tree::Number(value) if value.is_f64() => "float64",
        Tree::Number(_) => "int64",
        Tree::String(_) => "string",
        Tree::List(_) => "[]interface {}",
        Tree::Map(_) => "map[string]interface {}",
    }
}

/// A value in Go's syntax.
fn go_syntax(value: &Tree<'_>) -> String {
    match value {
        Tree::Null => "interface {}(nil)".into(),
        Tree::String(text) => format!("{text:?}"),
        Tree::List(items) => {
            let items: Vec<String> = items.iter().map(go_syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Tree::Map(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{name:?}:{}", go_syntax(value)));
            let members: Vec<String> = members.collect();
            format!("map[string]interface {{}}{{{}}}", members.join(", "))
        }
        other => go_plain(other),
    }
}
