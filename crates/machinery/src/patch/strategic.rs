//! Strategic merge patch: a merge patch that knows by which key lists are merged.
//!
//! Beside fields a patch may have directives: `$patch` (`replace`, `delete`) in a map or list member,
//! `$deleteFromPrimitiveList/FIELD`, `$setElementOrder/FIELD` and `$retainKeys` beside the field they are for.

mod directives;
mod lists;
mod misfit;
mod order;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::PatchError;
use crate::schema::{Field, PatchStrategy, Shape, Type, TypeId, Types};
pub use misfit::{alone, go_map, misfit};

use directives::{apply_retain_keys, discard_nulls, remove_directives, replace_or_delete};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList";
const SET_ELEMENT_ORDER: &str = "$setElementOrder";

/// Applies a patch to a document of that type.
///
/// # Errors
/// Where a directive is unknown or misplaced, or a list member lacks its merge key. The document may then be changed in part.
pub fn apply(
    types: &Types,
    ty: TypeId,
    document: &mut Value,
    patch: Value,
) -> Result<(), PatchError> {
    let Value::Object(patch) = patch else {
        return Err(PatchError::BadRequest("invalid JSON document".into()));
    };
    let original = match document.take() {
        Value::Object(original) => original,
        _ => Map::new(),
    };
    *document = Value::Object(merge_map(
        original,
        patch,
        At {
            types,
            shape: At::of(&types[ty]),
        },
    )?);
    Ok(())
}

/// The place in the schema that a value is at.
#[derive(Clone, Copy)]
struct At<'a> {
    types: &'a Types,
    shape: At1<'a>,
}

#[derive(Clone, Copy)]
enum At1<'a> {
    Struct(&'a Type),
    Other(Option<&'a Shape>),
}

/// How a field is merged.
struct Rule<'a> {
    strategy: PatchStrategy,
    merge_key: &'a str,
    /// What the field, or the member of the field's list, is.
    inner: At<'a>,
}

impl<'a> At<'a> {
    fn of(ty: &'a Type) -> At1<'a> {
        At1::Struct(ty)
    }

    fn at(self, shape: Option<&'a Shape>) -> Self {
        let shape = match shape {
            Some(Shape::Struct(id)) => At1::Struct(&self.types[*id]),
            other => At1::Other(other),
        };
        Self {
            types: self.types,
            shape,
        }
    }

    /// The rule for a field. What the schema does not know is merged as by a JSON merge patch.
    fn field(self, name: &str) -> Rule<'a> {
        let field: Option<&'a Field> = match self.shape {
            At1::Struct(ty) => ty.field(name),
            At1::Other(_) => None,
        };
        let shape = match self.shape {
            At1::Other(Some(Shape::Map(value))) => Some(value.as_ref()),
            _ => field.map(|field| &field.shape),
        };
        let inner = match shape {
            Some(Shape::List(member)) => self.at(Some(member)),
            other => self.at(other),
        };
        let strategy = field.map(|field| field.patch).unwrap_or_default();
        let merge_key = field
            .and_then(|field| field.merge_key.as_deref())
            .unwrap_or("");
        Rule {
            strategy,
            merge_key,
            inner,
        }
    }

    /// The type's short name, for messages.
    fn name(self) -> &'a str {
        match self.shape {
            At1::Struct(ty) => ty.name.rsplit('.').next().unwrap_or(""),
            At1::Other(_) => "",
        }
    }
}

fn merge_map(
    mut original: Map<String, Value>,
    mut patch: Map<String, Value>,
    at: At<'_>,
) -> Result<Map<String, Value>, PatchError> {
    if let Some(directive) = patch.remove(DIRECTIVE) {
        return replace_or_delete(&directive, patch);
    }
    apply_retain_keys(&mut original, &mut patch)?;
    order::apply_all(&mut original, &mut patch, at)?;
    for (key, value) in patch {
        let (key, deletes) = match key.strip_prefix(DELETE_FROM_PRIMITIVE_LIST) {
            None => (key.as_str(), false),
            Some(rest) => match rest.strip_prefix('/') {
                Some(field) => (field, true),
                None => {
                    return Err(PatchError::BadRequest(
                        "invalid patch format of primitive list".into(),
                    ));
                }
            },
        };
        merge_field(&mut original, key, value, deletes, at)?;
    }
    Ok(original)
}

fn merge_field(
    original: &mut Map<String, Value>,
    key: &str,
    patch: Value,
    deletes: bool,
    at: At<'_>,
) -> Result<(), PatchError> {
    if patch.is_null() {
        original.remove(key);
        return Ok(());
    }
    let merged = match (original.get_mut(key).map(Value::take), patch) {
        (Some(Value::Object(old)), Value::Object(new)) => {
            let rule = at.field(key);
            let replaces = rule.strategy.replace;
            Value::Object(if replaces {
                new
            } else {
                merge_map(old, new, rule.inner)?
            })
        }
        (Some(Value::Array(old)), Value::Array(new)) => {
            let rule = at.field(key);
            Value::Array(if deletes {
                lists::delete(old, &new)?
            } else if rule.strategy.merge {
                lists::merge(old, new, rule.merge_key, rule.inner)?
            } else {
                new
            })
        }
        (Some(old), _) if deletes => old,
        (None, _) if deletes => return Ok(()),
        (_, mut new) => {
            discard_nulls(&mut new);
            match remove_directives(new) {
                Some(new) => new,
                None => {
                    original.remove(key);
                    return Ok(());
                }
            }
        }
    };
    original.insert(key.to_owned(), merged);
    Ok(())
}
