//! JSON as Kubernetes writes it, made of what the types write.
//!
//! The types keep apart what Go does not: a text, number, list or map that is empty, and none. Kubernetes leaves out what is
//! empty (`omitempty`), and writes `null` where a field is always written and has nothing in it. Which field does what is
//! a fact about its type, in the table of types and in [`crate::nulls`], so no kind needs code for it.

#[cfg(test)]
mod tests;

use navarch_machinery::object::Object;
use navarch_machinery::schema::{Field, Shape, TypeId};
use navarch_machinery::time;

use crate::nulls::nulled;
use crate::schema::schema;

/// Of what types and in which fields validation or defaults tell an empty list or map from none. These are left out only where they
/// are written.
const TOLD_APART: &[(&str, &str)] = &[
    ("io.k8s.api.autoscaling.v2.HPAScalingRules", "policies"),
    ("io.k8s.api.core.v1.PersistentVolumeSpec", "capacity"),
    ("io.k8s.api.core.v1.PodTemplateSpec", "metadata"),
];

/// Appends an object's JSON as Kubernetes writes it. Its metadata is left as it is: the resource version's place is empty.
pub(crate) fn write(object: &dyn Object, ty: TypeId, out: &mut Vec<u8>) {
    let from = out.len();
    object.encode(out);
    if let Some(written) = rewrite(&out[from..], ty, true) {
        out.truncate(from);
        out.extend_from_slice(&written);
    }
}

/// The object's JSON without what is empty. `None`: nothing is, of what Kubernetes would leave out. `source`: what the object was
/// read from, in which most objects have nothing empty, which is seen sooner.
pub(crate) fn without_empties(object: &dyn Object, ty: TypeId, source: &[u8]) -> Option<Vec<u8>> {
    if !may_hold_empties(source) {
        return None;
    }
    let mut json = Vec::with_capacity(source.len());
    object.encode(&mut json);
    rewrite(&json, ty, false)
}

/// Whether a member's value looks empty anywhere, also in a text.
fn may_hold_empties(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(colon) = rest.iter().position(|byte| *byte == b':') {
        rest = rest[colon + 1..].trim_ascii_start();
        let (first, then) = rest.split_first().unwrap_or((&b'x', b""));
        let empty = match first {
            b'"' => then.first() == Some(&b'"'),
            b'[' => then.trim_ascii_start().first() == Some(&b']'),
            b'{' => then.trim_ascii_start().first() == Some(&b'}'),
            b'0' | b'f' => true,
            _ => false,
        };
        if empty {
            return true;
        }
    }
    false
}

/// `json`, which our own encoder wrote, with what is empty left out and, with `nulls`, `null` where Kubernetes has that.
/// `None`: it is so already.
fn rewrite(json: &[u8], ty: TypeId, nulls: bool) -> Option<Vec<u8>> {
    let mut walk = Walk {
        json,
        at: 0,
        out: Vec::new(),
        copied: 0,
        nulls,
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
    json: &'a [u8],
    at: usize,
    out: Vec<u8>,
    copied: usize,
    nulls: bool,
}

impl<'a> Walk<'a> {
    fn peek(&self) -> u8 {
        self.json.get(self.at).copied().unwrap_or_default()
    }

    /// Copies what is not yet, up to `end`.
    fn copy_to(&mut self, end: usize) {
        self.out.extend_from_slice(&self.json[self.copied..end]);
        self.copied = end;
    }

    /// Puts `with` in the place of what is from `start` to here.
    fn replace(&mut self, start: usize, with: &[u8]) {
        self.copy_to(start);
        self.out.extend_from_slice(with);
        self.copied = self.at;
    }

    fn value(&mut self, shape: &Shape) {
        match (shape, self.peek()) {
            (Shape::Struct(ty), b'{') => self.object(*ty, false),
            (Shape::List(of), b'[') => self.list(of),
            (Shape::Map(of), b'{') => self.map(of),
            (Shape::Time, b'"') => self.text_as(time::ZERO, b"null"),
            (Shape::Quantity, b'"') => self.text_as("", b"\"0\""),
            _ => self.skip(),
        }
    }

    fn object(&mut self, ty: TypeId, outermost: bool) {
        let always = if self.nulls { nulled(ty) } else { &[] };
        let (mut seen, mut first) = (0_u32, true);
        self.at += 1;
        while self.peek() == b'"' {
            let start = self.at;
            let name = self.name();
            let value = self.at;
            let fate = self.member(ty, name, outermost);
            if let Some(at) = always.iter().position(|always| *always == name) {
                seen |= 1 << at;
            }
            let comma = usize::from(self.peek() == b',');
            match fate {
                Fate::Goes if first => {
                    self.at += comma;
                    self.replace(start, b"");
                    continue;
                }
                // The comma goes that is before it.
                Fate::Goes => self.replace(start - 1, b""),
                Fate::IsNull => self.replace(value, b"null"),
                Fate::Stays => {}
            }
            first = false;
            self.at += comma;
        }
        for (at, name) in always.iter().enumerate() {
            if seen & (1 << at) == 0 {
                let comma = if first { "" } else { "," };
                self.replace(self.at, format!("{comma}\"{name}\":null").as_bytes());
                first = false;
            }
        }
        self.at += 1;
    }

    /// Walks over a member's value, and says what becomes of the member.
    fn member(&mut self, ty: TypeId, name: &str, outermost: bool) -> Fate {
        let of = &schema()[ty];
        let told_apart = !self.nulls && TOLD_APART.contains(&(&of.name, name));
        let as_it_is = told_apart || (outermost && name == "metadata");
        let value = self.at;
        let field = match of.field(name) {
            Some(field) if !as_it_is => field,
            _ => {
                self.skip();
                return Fate::Stays;
            }
        };
        self.value(&field.shape);
        let is_empty = matches!(
            &self.json[value..self.at],
            b"\"\"" | b"[]" | b"{}" | b"0" | b"false"
        );
        match field.shape {
            _ if !is_empty => Fate::Stays,
            Shape::List(_) | Shape::Map(_) if nulled(ty).contains(&name) => match self.nulls {
                true => Fate::IsNull,
                // The types know one that is required as empty alone.
                false if field.required => Fate::Stays,
                false => Fate::Goes,
            },
            _ if omits(field) => Fate::Goes,
            _ => Fate::Stays,
        }
    }

    fn list(&mut self, of: &Shape) {
        self.at += 1;
        while !matches!(self.peek(), b']' | 0) {
            self.value(of);
            self.at += usize::from(self.peek() == b',');
        }
        self.at += 1;
    }

    fn map(&mut self, of: &Shape) {
        self.at += 1;
        while self.peek() == b'"' {
            self.name();
            self.value(of);
            self.at += usize::from(self.peek() == b',');
        }
        self.at += 1;
    }

    /// Go writes a time that nobody gave as `null`, and such a quantity as `0`.
    fn text_as(&mut self, nothing: &str, with: &[u8]) {
        let start = self.at;
        self.text();
        if self.nulls && self.json[start + 1..self.at - 1] == *nothing.as_bytes() {
            self.replace(start, with);
        }
    }

    /// A member's name, and the colon. One that no field can have may come back as an empty one.
    fn name(&mut self) -> &'a str {
        let start = self.at + 1;
        self.text();
        let name = std::str::from_utf8(&self.json[start..self.at - 1]);
        self.at += 1;
        name.unwrap_or_default()
    }

    fn text(&mut self) {
        self.at += 1;
        while !matches!(self.peek(), b'"' | 0) {
            self.at += if self.peek() == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
    }

    fn skip(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                b'"' => {
                    self.text();
                    if depth == 0 {
                        return;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                b',' if depth == 0 => return,
                0 => return,
                _ => {}
            }
            self.at += 1;
        }
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
