//! JSON as Kubernetes writes it, made of what the types write.
//!
//! The types keep apart what Go does not: a text, number, list or map that is empty, and none. Kubernetes leaves out what is
//! empty (`omitempty`), and writes `null` where a field is always written and has nothing in it. Which field does what is
//! a fact about its type, in the table of types and in [`crate::nulls`], so no kind needs code for it.

mod cursor;
mod search;
#[cfg(test)]
mod tests;

use navarch_machinery::object::Object;
use navarch_machinery::schema::{Field, Shape, TypeId};
use navarch_machinery::time;

use self::cursor::Cursor;
use crate::nulls::nulled;
use crate::schema::schema;

/// The member of the outermost object that others see to.
const METADATA: &str = "metadata";

/// [`time::ZERO`] as times in microseconds are written.
const ZERO_MICROSECONDS: &str = "0001-01-01T00:00:00.000000Z";

/// Of what types and in which field, one in each, validation or defaults tell an empty list or map from none. These are left out
/// only where they are written.
const TOLD_APART: &[(&str, &str)] = &[
    ("io.k8s.api.autoscaling.v2.HPAScalingRules", "policies"),
    ("io.k8s.api.core.v1.PersistentVolumeSpec", "capacity"),
    ("io.k8s.api.core.v1.PodTemplateSpec", "metadata"),
];

/// Lists that a strategy tells from none where they are empty, because Kubernetes compares with old and new what Go does: a write that
/// gives an empty one raises the generation each time. Their strategies make them none after that.
const COMPARED: &[(&str, &[&str])] = &[
    (
        "io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration",
        &["webhooks"],
    ),
    (
        "io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration",
        &["webhooks"],
    ),
    ("io.k8s.api.networking.v1.IPBlock", &["except"]),
    (
        "io.k8s.api.networking.v1.NetworkPolicyEgressRule",
        &["ports", "to"],
    ),
    (
        "io.k8s.api.networking.v1.NetworkPolicyIngressRule",
        &["from", "ports"],
    ),
    (
        "io.k8s.api.networking.v1.NetworkPolicySpec",
        &["egress", "ingress"],
    ),
];

/// Required lists of which an empty one is taken for given: our types know no other, and who leaves one out of these objects, which are
/// nothing without it, is rarer than who means none (a node tells at its start that it has no drivers).
const GIVEN: &[(&str, &str)] = &[
    ("io.k8s.api.core.v1.LimitRangeSpec", "limits"),
    ("io.k8s.api.storage.v1.CSINodeSpec", "drivers"),
];

/// For what JSON is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be kept and shown: `null` where Kubernetes has that.
    Kept,
    /// To tell who owns what: the same, but an empty list that the client gave in the object itself is what it gave.
    Owned,
    /// To be read again.
    Read,
}

/// Appends an object's JSON as Kubernetes writes it. Its metadata is left as it is: the resource version's place is empty.
pub(crate) fn write(object: &dyn Object, ty: TypeId, purpose: Purpose, out: &mut Vec<u8>) {
    let from = out.len();
    object.encode(out);
    if let Some(written) = rewrite(&out[from..], ty, purpose) {
        out.truncate(from);
        out.extend_from_slice(&written);
    }
}

/// The object's JSON without what is empty. `None`: nothing is, of what Kubernetes would leave out. `source`: what the object was
/// read from, in which that is seen sooner.
pub(crate) fn without_empties(object: &dyn Object, ty: TypeId, source: &[u8]) -> Option<Vec<u8>> {
    if !search::holds_empties(source, ty) {
        return None;
    }
    let mut json = Vec::with_capacity(source.len());
    object.encode(&mut json);
    rewrite(&json, ty, Purpose::Read)
}

/// `json`, which our own encoder wrote, with what is empty left out or `null`. `None`: it is so already.
fn rewrite(json: &[u8], ty: TypeId, purpose: Purpose) -> Option<Vec<u8>> {
    let mut walk = Walk {
        at: Cursor::new(json),
        out: Vec::new(),
        copied: 0,
        purpose,
    };
    walk.object(ty, true);
    if walk.copied == 0 {
        return None;
    }
    walk.copy_to(json.len());
    Some(walk.out)
}

/// What becomes of a member.
enum Fate {
    Stays,
    IsNull,
    Goes,
}

/// A walk over JSON without blanks. What lies between two changes is copied in one go.
struct Walk<'a> {
    at: Cursor<'a>,
    out: Vec<u8>,
    copied: usize,
    purpose: Purpose,
}

impl<'a> Walk<'a> {
    /// Copies what is not yet, up to `end`.
    fn copy_to(&mut self, end: usize) {
        self.out.extend_from_slice(&self.at.json[self.copied..end]);
        self.copied = end;
    }

    /// Puts `with` in the place of what is from `start` to here.
    fn replace(&mut self, start: usize, with: &[u8]) {
        self.copy_to(start);
        self.out.extend_from_slice(with);
        self.copied = self.at.at;
    }

    fn value(&mut self, shape: &Shape) {
        match (shape, self.at.peek()) {
            (Shape::Struct(ty), b'{') => self.object(*ty, false),
            (Shape::List(of), b'[') => self.list(of),
            (Shape::Map(of), b'{') => self.map(of),
            (Shape::Time, b'"') => self.text_as(time::ZERO, b"null"),
            (Shape::MicroTime, b'"') => self.text_as(ZERO_MICROSECONDS, b"null"),
            (Shape::Quantity, b'"') => self.text_as("", b"\"0\""),
            _ => self.at.skip(),
        }
    }

    fn object(&mut self, ty: TypeId, outermost: bool) {
        let reads = self.purpose == Purpose::Read;
        let always = if reads { &[] } else { nulled(ty) };
        let as_it_is = match reads {
            _ if outermost => METADATA,
            true => listed(TOLD_APART, ty),
            false => "",
        };
        let (mut seen, mut first) = (0_u32, true);
        self.at.at += 1;
        while self.at.peek() == b'"' {
            let start = self.at.at;
            let name = self.name();
            let value = self.at.at;
            let fate = self.member(ty, name, name == as_it_is, outermost);
            if let Some(at) = always.iter().position(|always| *always == name) {
                seen |= 1 << at;
            }
            match fate {
                Fate::Goes if first => {
                    self.at.pass(b',');
                    self.replace(start, b"");
                    continue;
                }
                // The comma goes that is before it.
                Fate::Goes => self.replace(start - 1, b""),
                Fate::IsNull => self.replace(value, b"null"),
                Fate::Stays => {}
            }
            first = false;
            self.at.pass(b',');
        }
        for (at, name) in always.iter().enumerate() {
            if seen & (1 << at) == 0 {
                let comma = if first { "" } else { "," };
                self.replace(self.at.at, format!("{comma}\"{name}\":null").as_bytes());
                first = false;
            }
        }
        self.at.at += 1;
    }

    /// Walks over a member's value, and says what becomes of the member.
    fn member(&mut self, ty: TypeId, name: &str, as_it_is: bool, outermost: bool) -> Fate {
        let value = self.at.at;
        let field = match schema()[ty].field(name) {
            Some(field) if !as_it_is => field,
            _ => {
                self.at.skip();
                return Fate::Stays;
            }
        };
        self.value(&field.shape);
        let is_empty = matches!(
            &self.at.json[value..self.at.at],
            b"\"\"" | b"[]" | b"{}" | b"0" | b"false"
        );
        match field.shape {
            _ if !is_empty => Fate::Stays,
            _ if self.purpose == Purpose::Read && is_compared(ty, name) => Fate::Stays,
            _ if is_given(field, outermost) && self.purpose != Purpose::Kept => Fate::Stays,
            _ if self.purpose == Purpose::Owned && listed(GIVEN, ty) == name => Fate::Stays,
            Shape::List(_) | Shape::Map(_) if field.null && self.purpose != Purpose::Read => {
                Fate::IsNull
            }
            _ if is_dropped(field) => Fate::Goes,
            _ => Fate::Stays,
        }
    }

    fn list(&mut self, of: &Shape) {
        self.at.at += 1;
        while !matches!(self.at.peek(), b']' | 0) {
            self.value(of);
            self.at.pass(b',');
        }
        self.at.at += 1;
    }

    fn map(&mut self, of: &Shape) {
        self.at.at += 1;
        while self.at.peek() == b'"' {
            self.name();
            self.value(of);
            self.at.pass(b',');
        }
        self.at.at += 1;
    }

    /// Go writes a time that nobody gave as `null`, and such a quantity as `0`.
    fn text_as(&mut self, nothing: &str, with: &[u8]) {
        let start = self.at.at;
        let text = self.at.text();
        if self.purpose != Purpose::Read && text == nothing.as_bytes() {
            self.replace(start, with);
        }
    }

    /// A member's name, and the colon.
    fn name(&mut self) -> &'a str {
        let name = self.at.name();
        self.at.pass(b':');
        name
    }
}

/// The field that a table has of the type; empty where it has none.
fn listed(table: &[(&str, &'static str)], ty: TypeId) -> &'static str {
    let of = &schema()[ty].name;
    let found = table.iter().find(|(name, _)| of == name);
    found.map_or("", |(_, field)| *field)
}

/// Whether the field is one that strategies tell from none where it is empty.
fn is_compared(ty: TypeId, field: &str) -> bool {
    let of = &schema()[ty].name;
    let found = COMPARED.iter().find(|(name, _)| of == name);
    found.is_some_and(|(_, fields)| fields.contains(&field))
}

/// Whether the field is an object's own list, of which its author owns the empty one and nobody owns none. After that is told, both
/// are the same: [`crate::strategy::Strategy::settle`].
fn is_given(field: &Field, outermost: bool) -> bool {
    outermost && field.null && !field.required && matches!(field.shape, Shape::List(_))
}

/// Whether the field is left out where it is empty, of an object as of its JSON. The types know a list or map that Kubernetes writes as
/// `null` and requires as an empty one alone.
fn is_dropped(field: &Field) -> bool {
    match field.shape {
        Shape::List(_) | Shape::Map(_) if field.null => !field.required,
        _ => omits(field),
    }
}

/// Whether Kubernetes leaves the field out where it is empty. Asked of fields alone that it does not write always.
fn omits(field: &Field) -> bool {
    match field.shape {
        Shape::String | Shape::Int32 | Shape::Int64 | Shape::Bool => field.omit,
        Shape::List(_) | Shape::Map(_) | Shape::Bytes => !field.required || field.omit,
        _ => false,
    }
}
