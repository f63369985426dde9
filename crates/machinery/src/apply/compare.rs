//! What a write changed.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::element::Element;
use super::place::{By, Kind, Place, item};
use super::set::Set;
use super::tree::{EMPTY, Tree};
use crate::schema::{Field, Shape, Types};

/// The fields that differ between two versions of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff<'a> {
    /// What the second has and the first has not, or has otherwise.
    pub changed: Set<'a>,
    /// What only the first has.
    pub removed: Set<'a>,
}

impl Diff<'_> {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.removed.is_empty()
    }
}

/// Compares two versions of an object, both of the type at `place`.
pub fn compare<'a>(
    types: &Types,
    place: Place<'_>,
    old: &'a Tree<'a>,
    new: &'a Tree<'a>,
) -> Diff<'a> {
    let mut diff = Diff::default();
    Walk { types }.value(place, Some(old), Some(new), &mut diff);
    diff
}

type Part<'a> = Option<&'a Tree<'a>>;

struct Walk<'s> {
    types: &'s Types,
}

impl Walk<'_> {
    /// Compares a part of the two, and notes the part itself where it is one that counts as a whole.
    fn part<'a>(
        &self,
        element: Element<'a>,
        place: Place<'_>,
        old: Part<'a>,
        new: Part<'a>,
        diff: &mut Diff<'a>,
    ) {
        if old == new {
            return;
        }
        let mut inner = Diff::default();
        let whole = self.value(place, old, new, &mut inner);
        let both = old.is_some() && new.is_some();
        if new.is_none() || !inner.removed.is_empty() {
            let element = element.clone();
            diff.removed.push(element, new.is_none(), inner.removed);
        }
        let changed = new.is_some() && (whole || !both);
        diff.changed.push(element, changed, inner.changed);
    }

    /// Compares the parts of two values. Whether they count as a whole instead.
    fn value<'a>(
        &self,
        place: Place<'_>,
        old: Part<'a>,
        new: Part<'a>,
        diff: &mut Diff<'a>,
    ) -> bool {
        let kind = place.kind(self.types);
        match kind {
            Kind::Scalar(_) | Kind::Any(_, false) => true,
            Kind::List(By::Whole, _)
            | Kind::Map { whole: true, .. }
            | Kind::Struct { whole: true, .. } => true,
            Kind::List(by, items) => {
                let (old, new) = (listed(old), listed(new));
                if old.is_empty() && new.is_empty() {
                    return true;
                }
                self.items(by, items, old, new, diff);
                false
            }
            Kind::Map { .. } | Kind::Struct { .. } => {
                if mapped(old).is_empty() && mapped(new).is_empty() {
                    return true;
                }
                self.members(kind, old, new, diff);
                false
            }
            Kind::Any(_, true) => {
                self.members(kind, old, new, diff);
                let map = |part: Part<'a>| {
                    part.is_none_or(|part| matches!(part, Tree::Map(_) | Tree::Null))
                };
                !(map(old) && map(new)) || (mapped(old).is_empty() && mapped(new).is_empty())
            }
        }
    }

    fn members<'a>(&self, kind: Kind<'_>, old: Part<'a>, new: Part<'a>, diff: &mut Diff<'a>) {
        let (mut left, mut right) = (mapped(old).iter().peekable(), mapped(new).iter().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (Some((a, _)), Some((b, _))) => a.cmp(b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return,
            };
            let a = if order.is_le() { left.next() } else { None };
            let b = if order.is_ge() { right.next() } else { None };
            let Some((name, _)) = a.or(b) else { return };
            let Some(place) = kind.member(name) else {
                continue;
            };
            let there = |member: Option<&'a (Cow<'a, str>, Tree<'a>)>, of: Part<'a>| {
                member
                    .map(|(_, value)| value)
                    .or_else(|| implied(kind, name, of))
            };
            self.part(
                Element::field(&**name),
                place,
                there(a, old),
                there(b, new),
                diff,
            );
        }
    }

    fn items<'a>(
        &self,
        by: By<'_>,
        items: Place<'_>,
        old: &'a [Tree<'a>],
        new: &'a [Tree<'a>],
        diff: &mut Diff<'a>,
    ) {
        let (old, new) = (self.named(by, items, old), self.named(by, items, new));
        let (mut old, mut new) = (&*old, &*new);
        loop {
            let element = match (old.first(), new.first()) {
                (Some((a, _)), Some((b, _))) => a.min(b),
                (Some((a, _)), None) | (None, Some((a, _))) => a,
                (None, None) => return,
            }
            .clone();
            let (a, b) = (run(&mut old, &element), run(&mut new, &element));
            self.group(element, items, a, b, diff);
        }
    }

    /// Compares the items of one name. Those that share theirs with others have no parts.
    fn group<'a>(
        &self,
        element: Element<'a>,
        items: Place<'_>,
        old: &[Named<'a>],
        new: &[Named<'a>],
        diff: &mut Diff<'a>,
    ) {
        let one = |run: &[Named<'a>]| run.first().map(|(_, value)| *value);
        match (old.len(), new.len()) {
            (0 | 1, 0 | 1) => self.part(element, items, one(old), one(new), diff),
            (0 | 1, _) => {
                self.part(element.clone(), items, one(old), None, diff);
                diff.changed.push(element, true, Set::default());
            }
            (_, 0 | 1) => {
                self.part(element.clone(), items, None, one(new), diff);
                diff.removed.push(element, true, Set::default());
            }
            (..) => {
                let values =
                    |run: &[Named<'a>]| run.iter().map(|(_, value)| *value).collect::<Vec<_>>();
                let same = values(old) == values(new);
                diff.changed.push(element, !same, Set::default());
            }
        }
    }

    /// The items in the order of their names. Those that have none are passed over: they were validated, or are as they always were.
    fn named<'a>(&self, by: By<'_>, items: Place<'_>, values: &'a [Tree<'a>]) -> Vec<Named<'a>> {
        let name = |value: &'a Tree<'a>| Some((item(self.types, by, items, value).ok()?, value));
        let mut named: Vec<Named<'a>> = values.iter().filter_map(name).collect();
        named.sort_by(|(a, _), (b, _)| a.cmp(b));
        named
    }
}

type Named<'a> = (Element<'a>, &'a Tree<'a>);

/// Takes the items of that name from the front.
fn run<'r, 'a>(from: &mut &'r [Named<'a>], element: &Element<'_>) -> &'r [Named<'a>] {
    let length = from.iter().take_while(|(name, _)| name == element).count();
    let (run, rest) = from.split_at(length);
    *from = rest;
    run
}

fn mapped<'a>(part: Part<'a>) -> &'a [(Cow<'a, str>, Tree<'a>)] {
    part.map(Tree::members).unwrap_or_default()
}

fn listed<'a>(part: Part<'a>) -> &'a [Tree<'a>] {
    part.map(Tree::items).unwrap_or_default()
}

/// What a field of a struct holds that JSON leaves out, where the struct itself is there.
fn implied(kind: Kind<'_>, name: &str, of: Part<'_>) -> Part<'static> {
    let (Kind::Struct { ty, .. }, Some(Tree::Map(_))) = (kind, of) else {
        return None;
    };
    absent(ty.field(name)?)
}

static NULL: Tree<'static> = Tree::Null;
static TEXT: Tree<'static> = Tree::String(Cow::Borrowed(""));
static FALSE: Tree<'static> = Tree::Bool(false);

/// The value of Go's type: an empty struct, a zero, or nil where nil is written. `None`: the field is left out where it has none.
fn absent(field: &Field) -> Part<'static> {
    match (field.default.as_deref(), &field.shape) {
        (Some("{}"), _) => Some(&EMPTY),
        (Some(_), _) if field.omit => None,
        (Some("\"\""), _) => Some(&TEXT),
        (Some("0"), _) => Some(zero()),
        (Some("false"), _) => Some(&FALSE),
        _ if field.null => Some(&NULL),
        (None, Shape::List(_) | Shape::Map(_) | Shape::Struct(_) | Shape::Bytes)
            if field.required && !field.omit =>
        {
            Some(&NULL)
        }
        _ => None,
    }
}

fn zero() -> &'static Tree<'static> {
    static ZERO: std::sync::LazyLock<Tree<'static>> =
        std::sync::LazyLock::new(|| Tree::Number(0.into()));
    &ZERO
}
