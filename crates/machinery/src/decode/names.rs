//! Where a value is and of what type it should be, as Go tells it: the table of types knows more than the types of this program.

use super::Root;
use super::path::Step;
use crate::schema::{Shape, Types};

/// Where a value is and what it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The innermost struct, of which the value is in a field. Empty at the root.
    pub(super) struct_name: String,
    /// The fields that lead there, with the structs that Go embeds, without keys and indexes.
    pub(super) field: String,
    /// How Go prints the type, where the table knows more than the type here.
    pub(super) printed: Option<String>,
}

/// What the table says of a value.
struct Known<'a> {
    types: &'a Types,
    shape: &'a Shape,
    printed: Option<&'a str>,
}

impl<'a> Known<'a> {
    /// The field's, and the structs it is embedded in.
    fn field(&self, name: &str) -> Option<(Self, &'a str)> {
        let Shape::Struct(ty) = self.shape else {
            return None;
        };
        let (types, field) = (self.types, self.types[*ty].field(name)?);
        let go = types.go_field(*ty, name);
        let known = Self {
            types,
            shape: &field.shape,
            printed: go.printed,
        };
        Some((known, go.embedded))
    }

    /// A member's.
    fn member(&self) -> Option<Self> {
        let (Shape::List(shape) | Shape::Map(shape)) = self.shape else {
            return None;
        };
        Some(Self {
            types: self.types,
            shape,
            printed: self.printed.and_then(member),
        })
    }
}

/// `v1.Foo` of `[]v1.Foo` and of `map[string]v1.Foo`.
fn member(printed: &str) -> Option<&str> {
    let open = printed.strip_prefix("map").unwrap_or(printed);
    Some(open.strip_prefix('[')?.split_once(']')?.1)
}

pub(super) fn place(steps: &[Step], root: Option<Root<'_>>) -> Place {
    let shape = root.map(|root| Shape::Struct(root.ty));
    let mut known = root.zip(shape.as_ref()).map(|(root, shape)| Known {
        types: root.types,
        shape,
        printed: None,
    });
    let (mut struct_name, mut fields) = ("", Vec::new());
    for step in steps {
        known = match step {
            Step::Key | Step::Index => known.and_then(|known| known.member()),
            Step::Field(of, name) => {
                struct_name = of;
                let found = known.and_then(|known| known.field(name));
                fields.extend(found.iter().map(|(_, embedded)| *embedded));
                fields.push(name);
                found.map(|(known, _)| known)
            }
        };
    }
    fields.retain(|field| !field.is_empty());
    Place {
        struct_name: struct_name.to_owned(),
        field: fields.join("."),
        printed: known.and_then(|known| {
            let printed = known.printed.map(str::to_owned);
            printed.or_else(|| known.types.printed(known.shape))
        }),
    }
}
