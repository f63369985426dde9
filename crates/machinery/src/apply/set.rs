//! Sets of fields.

use std::cmp::Ordering;

use super::element::{Element, ElementKind};

/// One part of a value, and what of it is in the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node<'a> {
    /// Which part.
    pub element: Element<'a>,
    /// Whether the part itself is in the set.
    pub member: bool,
    /// Which of its parts are.
    pub children: Set<'a>,
}

/// A set of fields, as a tree. Its nodes are in order, each once, and none of them says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Set<'a> {
    nodes: Vec<Node<'a>>,
}

/// A pair of nodes of two sets that are walked together.
enum Pair<A, B> {
    Left(A),
    Right(B),
    Both(A, B),
}

impl<'a> Set<'a> {
    /// Its nodes.
    pub fn nodes(&self) -> &[Node<'a>] {
        &self.nodes
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node of an element.
    pub fn get(&self, kind: ElementKind, text: &str) -> Option<&Node<'a>> {
        let order = |node: &Node<'_>| {
            let element = &node.element;
            element
                .kind
                .cmp(&kind)
                .then_with(|| (*element.text).cmp(text))
        };
        let at = self.nodes.binary_search_by(order).ok()?;
        self.nodes.get(at)
    }

    /// Whether a field that is reached by names alone is in it.
    pub fn has(&self, path: &[&str]) -> bool {
        let Some((name, rest)) = path.split_first() else {
            return false;
        };
        self.get(ElementKind::Field, name)
            .is_some_and(|node| match rest {
                [] => node.member,
                rest => node.children.has(rest),
            })
    }

    /// The set of one field that is reached by names alone.
    pub fn of_path(path: &[&'a str]) -> Self {
        let mut set = Self::default();
        if let Some((name, rest)) = path.split_first() {
            set.push(Element::field(*name), rest.is_empty(), Self::of_path(rest));
        }
        set
    }

    /// Adds a node behind all others, unless it says nothing. The caller keeps the order, or calls [`Set::sort`].
    pub(super) fn push(&mut self, element: Element<'a>, member: bool, children: Set<'a>) {
        if member || !children.is_empty() {
            self.nodes.push(Node {
                element,
                member,
                children,
            });
        }
    }

    /// Restores the order after [`Set::push`], and joins nodes of the same element.
    pub(super) fn sort(&mut self) {
        if self.nodes.is_sorted_by(|a, b| a.element < b.element) {
            return;
        }
        self.nodes.sort_by(|a, b| a.element.cmp(&b.element));
        let mut joined: Vec<Node<'a>> = Vec::with_capacity(self.nodes.len());
        for node in std::mem::take(&mut self.nodes) {
            match joined.last_mut() {
                Some(last) if last.element == node.element => {
                    last.member |= node.member;
                    last.children = std::mem::take(&mut last.children).union(node.children);
                }
                _ => joined.push(node),
            }
        }
        self.nodes = joined;
    }

    /// What is in either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        let mut joined = Self::default();
        for pair in pairs(self.nodes, other.nodes) {
            joined.nodes.push(match pair {
                Pair::Left(node) | Pair::Right(node) => node,
                Pair::Both(mut a, b) => {
                    a.member |= b.member;
                    a.children = a.children.union(b.children);
                    a
                }
            });
        }
        joined
    }

    /// What is in this one and not in the other. A part may stay where the whole goes.
    #[must_use]
    pub fn difference(self, other: &Set<'_>) -> Self {
        if other.is_empty() {
            return self;
        }
        let mut left = Self::default();
        for pair in pairs(self.nodes, other.nodes.iter()) {
            match pair {
                Pair::Left(node) => left.nodes.push(node),
                Pair::Right(_) => {}
                Pair::Both(a, b) => {
                    let children = a.children.difference(&b.children);
                    left.push(a.element, a.member && !b.member, children);
                }
            }
        }
        left
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Set<'_>) -> Self {
        let mut both = Self::default();
        for pair in pairs(self.nodes.iter(), other.nodes.iter()) {
            if let Pair::Both(a, b) = pair {
                let children = a.children.intersection(&b.children);
                both.push(a.element.clone(), a.member && b.member, children);
            }
        }
        both
    }

    /// Changes every node, from the leaves up. What then says nothing is left out.
    #[must_use]
    pub(super) fn map(self, change: &mut dyn FnMut(Node<'a>) -> Option<Node<'a>>) -> Self {
        let mut changed = Self::default();
        for mut node in self.nodes {
            node.children = node.children.map(change);
            if let Some(node) = change(node) {
                changed.push(node.element, node.member, node.children);
            }
        }
        changed.sort();
        changed
    }

    /// The nodes, for a walk that makes another set of them.
    pub(super) fn into_nodes(self) -> Vec<Node<'a>> {
        self.nodes
    }

    /// A copy that borrows nothing.
    pub fn into_owned(self) -> Set<'static> {
        let owned = |node: Node<'a>| Node {
            element: node.element.into_owned(),
            member: node.member,
            children: node.children.into_owned(),
        };
        Set {
            nodes: self.nodes.into_iter().map(owned).collect(),
        }
    }

    /// Every field in it as `.spec.containers[name="c"].image`: of each value first its own parts, then theirs.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.list("", &mut paths);
        paths
    }

    fn list(&self, prefix: &str, paths: &mut Vec<String>) {
        let mut nodes: Vec<&Node<'_>> = self.nodes.iter().collect();
        nodes.sort_by(|a, b| a.element.shown_order(&b.element));
        let members = nodes.iter().filter(|node| node.member);
        paths.extend(members.map(|node| format!("{prefix}{}", node.element)));
        for node in nodes {
            node.children
                .list(&format!("{prefix}{}", node.element), paths);
        }
    }
}

/// What a node is of, for the two forms in which nodes are walked.
trait Ordered {
    fn element(&self) -> &Element<'_>;
}

impl Ordered for Node<'_> {
    fn element(&self) -> &Element<'_> {
        &self.element
    }
}

impl Ordered for &Node<'_> {
    fn element(&self) -> &Element<'_> {
        &self.element
    }
}

/// The nodes of two sets, in order.
fn pairs<A: Ordered, B: Ordered>(
    left: impl IntoIterator<Item = A>,
    right: impl IntoIterator<Item = B>,
) -> impl Iterator<Item = Pair<A, B>> {
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    std::iter::from_fn(move || {
        let order = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) => a.element().cmp(b.element()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        match order {
            Ordering::Less => left.next().map(Pair::Left),
            Ordering::Greater => right.next().map(Pair::Right),
            Ordering::Equal => left.next().zip(right.next()).map(|(a, b)| Pair::Both(a, b)),
        }
    })
}
