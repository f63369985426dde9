//! How the value at a place is owned: as a whole, or part by part.

use std::borrow::Cow;

use serde_json::Value;

use super::element::{Element, ElementKind};
use super::tree::Tree;
use crate::schema::{Field, ListType, Shape, Text, Type, TypeId, Types};

/// A place in a schema: a shape, and the field that has it, whose attributes tell more.
#[derive(Debug, Clone, Copy)]
pub struct Place<'s> {
    shape: Form<'s>,
    field: Option<&'s Field>,
    /// Whether any JSON is owned member by member here.
    granular: bool,
}

/// A shape, or that of a type.
#[derive(Debug, Clone, Copy)]
enum Form<'s> {
    Shape(&'s Shape),
    Struct(TypeId),
}

/// What may be at a place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind<'s> {
    Scalar(Scalar),
    /// Any JSON, as a whole or member by member.
    Any(Place<'s>, bool),
    List(By<'s>, Place<'s>),
    Map {
        whole: bool,
        values: Place<'s>,
    },
    Struct {
        whole: bool,
        ty: &'s Type,
    },
}

/// A value without parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Text,
    Number,
    Bool,
    /// Text or number, as a quantity is.
    Any,
}

/// How the items of a list are told apart.
#[derive(Debug, Clone, Copy)]
pub(super) enum By<'s> {
    /// Not at all: it is owned as a whole.
    Whole,
    Value,
    Keys(&'s [Text]),
}

impl<'s> Place<'s> {
    /// Where a value of that type is.
    pub fn of(ty: TypeId) -> Self {
        Self {
            shape: Form::Struct(ty),
            field: None,
            granular: false,
        }
    }

    /// What a field holds.
    pub(super) fn of_field(field: &'s Field) -> Self {
        Self {
            shape: Form::Shape(&field.shape),
            field: Some(field),
            granular: field.map_atomic == Some(false),
        }
    }

    fn inside(shape: &'s Shape) -> Self {
        Self {
            shape: Form::Shape(shape),
            field: None,
            granular: false,
        }
    }

    pub(super) fn kind(self, types: &'s Types) -> Kind<'s> {
        let shape = match self.shape {
            Form::Struct(id) => return self.of_struct(types, id),
            Form::Shape(shape) => shape,
        };
        let map_atomic = self.field.and_then(|field| field.map_atomic);
        match shape {
            Shape::String | Shape::Bytes => Kind::Scalar(Scalar::Text),
            Shape::Int32 | Shape::Int64 | Shape::Double => Kind::Scalar(Scalar::Number),
            Shape::Bool => Kind::Scalar(Scalar::Bool),
            Shape::IntOrString | Shape::Quantity | Shape::Time | Shape::MicroTime => {
                Kind::Scalar(Scalar::Any)
            }
            Shape::Any => Kind::Any(self, self.granular),
            Shape::Struct(id) => self.of_struct(types, *id),
            Shape::Map(values) => Kind::Map {
                whole: map_atomic == Some(true),
                values: Self::inside(values),
            },
            Shape::List(items) => Kind::List(self.by(), Self::inside(items)),
        }
    }

    fn of_struct(self, types: &'s Types, id: TypeId) -> Kind<'s> {
        let ty = &types[id];
        let told = self.field.and_then(|field| field.map_atomic);
        Kind::Struct {
            whole: told.unwrap_or(ty.atomic),
            ty,
        }
    }

    fn by(self) -> By<'s> {
        let Some(field) = self.field else {
            return By::Whole;
        };
        match field.list_type {
            Some(ListType::Set) => By::Value,
            Some(ListType::Map) => By::Keys(&field.list_keys),
            Some(ListType::Atomic) => By::Whole,
            // As Kubernetes reads lists of which only strategic merge patch was told.
            None if field.patch.merge => match &field.merge_key {
                Some(key) => By::Keys(std::slice::from_ref(key)),
                None => By::Value,
            },
            None => By::Whole,
        }
    }
}

impl<'s> Kind<'s> {
    /// The place of a member. `None`: the struct has no such field.
    pub(super) fn member(self, name: &str) -> Option<Place<'s>> {
        match self {
            Self::Struct { ty, .. } => ty.field(name).map(Place::of_field),
            Self::Map { values, .. } => Some(values),
            Self::Any(place, _) => Some(place),
            _ => None,
        }
    }
}

/// Which item of a list a value is.
///
/// # Errors
/// In Kubernetes' words.
pub(super) fn item<'a>(
    types: &Types,
    by: By<'_>,
    items: Place<'_>,
    value: &Tree<'a>,
) -> Result<Element<'a>, String> {
    match by {
        By::Whole => Err("invalid indexing of non-associative list".into()),
        By::Value => of_value(value),
        By::Keys(keys) => of_keys(types, keys, items, value),
    }
}

fn of_value<'a>(value: &Tree<'a>) -> Result<Element<'a>, String> {
    let text = match value {
        Tree::Map(_) => Err("associative list without keys has an element that's a map type"),
        Tree::List(_) => Err("not supported: associative list with lists as elements"),
        Tree::Null => Err("associative list without keys has an element that's an explicit null"),
        scalar => Ok(scalar.to_value().to_string()),
    };
    Ok(Element {
        kind: ElementKind::Value,
        text: Cow::Owned(text?),
    })
}

fn of_keys<'a>(
    types: &Types,
    keys: &[Text],
    items: Place<'_>,
    value: &Tree<'a>,
) -> Result<Element<'a>, String> {
    match value {
        Tree::Map(_) => {}
        Tree::Null => {
            return Err("associative list with keys may not have a null element".into());
        }
        _ => return Err("associative list with keys may not have non-map elements".into()),
    }
    let kind = items.kind(types);
    let mut given: Vec<(&str, String)> = Vec::with_capacity(keys.len());
    for key in keys {
        if let Some(value) = value.get(key) {
            given.push((key, json(value)));
        } else if let Kind::Struct { ty, .. } = kind
            && let Some(default) = ty.field(key).and_then(|field| field.default.as_deref())
        {
            given.push((key, default.to_owned()));
        }
    }
    if given.is_empty() {
        let keys = keys.iter().map(|key| format!("{key:?}"));
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
            keys.collect::<Vec<_>>().join(" ")
        ));
    }
    given.sort_unstable();
    let mut text = String::with_capacity(32);
    for (at, (name, value)) in given.iter().enumerate() {
        text.push(if at == 0 { '{' } else { ',' });
        text.push('"');
        text.push_str(name);
        text.push_str("\":");
        text.push_str(value);
    }
    text.push('}');
    Ok(Element {
        kind: ElementKind::Key,
        text: Cow::Owned(text),
    })
}

fn json(value: &Tree<'_>) -> String {
    match value {
        // The common case, without a detour.
        Tree::String(text) if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') => {
            format!("\"{text}\"")
        }
        Tree::String(text) => Value::from(&**text).to_string(),
        other => other.to_value().to_string(),
    }
}
