//! Whether JSON that somebody sent holds anything that would be left out: most does not, and then nobody needs to write it anew.

use navarch_machinery::schema::{Field, Shape, TypeId};

use super::cursor::Cursor;
use super::{METADATA, TOLD_APART, is_compared, is_dropped, is_given, listed};
use crate::schema::schema;

/// Whether anything in the JSON of an object is empty that is as good as none, or looks so. Looks no further than the first.
pub(super) fn holds_empties(json: &[u8], ty: TypeId) -> bool {
    let mut search = Search {
        at: Cursor::new(json),
    };
    search.at.blanks();
    search.object(ty, true)
}

/// A walk over JSON with blanks. All of its functions say whether something was found, and are past the value where not.
struct Search<'a> {
    at: Cursor<'a>,
}

impl<'a> Search<'a> {
    fn value(&mut self, shape: &Shape) -> bool {
        match (shape, self.at.peek()) {
            (Shape::Struct(ty), b'{') => self.object(*ty, false),
            (Shape::List(of), b'[') => self.list(of),
            (Shape::Map(of), b'{') => self.map(of),
            _ => {
                self.at.skip();
                false
            }
        }
    }

    fn object(&mut self, ty: TypeId, outermost: bool) -> bool {
        let of = &schema()[ty];
        let as_it_is = if outermost {
            METADATA
        } else {
            listed(TOLD_APART, ty)
        };
        while let Some(name) = self.next_name() {
            let found = match of.field(name) {
                Some(field) if name != as_it_is => self.member(ty, field, outermost),
                // Whatever it is when it is read.
                None if name.contains('\\') => true,
                _ => {
                    self.at.skip();
                    false
                }
            };
            if found {
                return true;
            }
        }
        false
    }

    fn member(&mut self, ty: TypeId, field: &Field, outermost: bool) -> bool {
        let goes =
            || is_dropped(field) && !is_given(field, outermost) && !is_compared(ty, &field.name);
        (looks_empty(self.at.rest()) && goes()) || self.value(&field.shape)
    }

    fn map(&mut self, of: &Shape) -> bool {
        while self.next_name().is_some() {
            if self.value(of) {
                return true;
            }
        }
        false
    }

    fn list(&mut self, of: &Shape) -> bool {
        while self.next(b'[', b']') {
            if self.value(of) {
                return true;
            }
        }
        false
    }

    /// Goes to the next member of an object, at its beginning or behind a member, and past the name to the value.
    fn next_name(&mut self) -> Option<&'a str> {
        if !self.next(b'{', b'}') || self.at.peek() != b'"' {
            return None;
        }
        let name = self.at.name();
        self.at.blanks();
        self.at.pass(b':');
        self.at.blanks();
        Some(name)
    }

    /// Goes to the next member of an object or a list; past its end where there is none.
    fn next(&mut self, begin: u8, end: u8) -> bool {
        self.at.blanks();
        let more = self.at.pass(b',') || self.at.pass(begin);
        self.at.blanks();
        !self.at.pass(end) && more
    }
}

/// Whether a value that begins so may be empty.
fn looks_empty(json: &[u8]) -> bool {
    let (first, rest) = json.split_first().unwrap_or((&0, b""));
    match first {
        b'"' => rest.first() == Some(&b'"'),
        b'[' => rest.trim_ascii_start().first() == Some(&b']'),
        b'{' => rest.trim_ascii_start().first() == Some(&b'}'),
        b'0' | b'f' => true,
        _ => false,
    }
}
