//! Which fields a write can reach: who writes what is reset anyway owns nothing of it.

use super::compare::Diff;
use super::element::ElementKind;
use super::set::{Node, Set};

/// Which fields a write can reach. Paths are names with dots between them; `*` stands for any item of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All but these, with all that is in them.
    AllBut(&'static [&'static str]),
    /// These and what is in them, nothing else.
    Only(&'static [&'static str]),
}

impl Scope {
    /// What of a set it reaches.
    #[must_use]
    pub fn of<'a>(self, set: Set<'a>) -> Set<'a> {
        match self {
            Self::AllBut([]) => set,
            Self::AllBut(paths) => cut(set, paths, false),
            Self::Only(paths) => cut(set, paths, true),
        }
    }

    /// What of a difference it reaches.
    #[must_use]
    pub(super) fn of_diff(self, diff: Diff<'_>) -> Diff<'_> {
        Diff {
            changed: self.of(diff.changed),
            removed: self.of(diff.removed),
        }
    }
}

/// `keep`: whether what the paths name is all that stays, or what goes.
fn cut<'a>(set: Set<'a>, paths: &[&'static str], keep: bool) -> Set<'a> {
    let mut left = Set::default();
    for node in set.into_nodes() {
        let rest = below(&node, paths);
        let named = rest.contains(&"");
        if named {
            if keep {
                left.push(node.element, node.member, node.children);
            }
        } else if !rest.is_empty() {
            let children = cut(node.children, &rest, keep);
            left.push(node.element, node.member, children);
        } else if !keep {
            left.push(node.element, node.member, node.children);
        }
    }
    left
}

/// What is left of the paths that go through a node; an empty one ends there.
fn below(node: &Node<'_>, paths: &[&'static str]) -> Vec<&'static str> {
    let through = |path: &&'static str| {
        let (name, rest) = path.split_once('.').unwrap_or((path, ""));
        let is_field = node.element.kind == ElementKind::Field;
        let matches = if is_field {
            *name == *node.element.text
        } else {
            name == "*"
        };
        matches.then_some(rest)
    };
    paths.iter().filter_map(through).collect()
}
