//! One operation, and what it does to a document.

use serde_json::{Map, Value};

use super::PatchError;
use super::place::{NULL, Place};
use super::work::Work;
use crate::limits::{MAX_DEPTH, MAX_PATCH_COPY};

type Result<T> = std::result::Result<T, PatchError>;

/// An operation as it came.
pub(super) struct Operation<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Operation<'a> {
    fn text(&self, name: &str) -> Result<&'a str> {
        let text = self.0.get(name).and_then(Value::as_str);
        text.ok_or(PatchError::Unprocessable)
    }

    /// What is left out is null.
    fn value(&self) -> &'a Value {
        self.0.get("value").unwrap_or(&NULL)
    }

    /// Carries it out. It may not fit the document, or make it too large or too deep to handle.
    pub(super) fn apply(&self, document: &mut Value, work: &mut Work) -> Result<()> {
        let path = self.text("path")?;
        match self.text("op")? {
            "add" => add(document, path, self.value().clone(), work),
            "remove" => Place::find(document, path)?.remove(work).map(drop),
            "replace" => replace(document, path, self.value(), work),
            "move" => shift(document, self.text("from")?, path, work),
            "copy" => {
                let value = copy(document, self.text("from")?, work)?;
                add(document, path, value, work)
            }
            "test" => test(document, path, self.value()),
            _ => Err(PatchError::Unprocessable),
        }
    }
}

fn add(document: &mut Value, path: &str, value: Value, work: &mut Work) -> Result<()> {
    fits(path, &value, work)?;
    Place::find(document, path)?.add(value, work)
}

fn replace(document: &mut Value, path: &str, value: &Value, work: &mut Work) -> Result<()> {
    fits(path, value, work)?;
    if !path.is_empty() {
        return Place::find(document, path)?.set(value.clone());
    }
    // The whole document can only be something that has parts.
    let has_parts = value.is_object() || value.is_array();
    has_parts.then_some(()).ok_or(PatchError::Unprocessable)?;
    *document = value.clone();
    Ok(())
}

/// Moves a value. One that comes to lie no deeper than it did fits as it did before, however much is in it.
fn shift(document: &mut Value, from: &str, to: &str, work: &mut Work) -> Result<()> {
    let value = Place::find(document, from)?.remove(work)?;
    if above(to) > above(from) {
        fits(to, &value, work)?;
    }
    Place::find(document, to)?.add(value, work)
}

/// A copy of what is there, as long as not too much is copied.
fn copy(document: &mut Value, from: &str, work: &mut Work) -> Result<Value> {
    let value = Place::find(document, from)?.get()?;
    work.copied += value.to_string().len();
    if work.copied > MAX_PATCH_COPY {
        return Err(PatchError::Unprocessable);
    }
    Ok(value.clone())
}

fn test(document: &mut Value, path: &str, value: &Value) -> Result<()> {
    let there = match path {
        "" => document,
        path => Place::find(document, path)?.get()?,
    };
    let is_same = there == value;
    is_same.then_some(()).ok_or(PatchError::Unprocessable)
}

/// A few operations must not make a document that is too deep to handle.
fn fits(path: &str, value: &Value, work: &mut Work) -> Result<()> {
    let fits = above(path) + depth(value, work)? <= MAX_DEPTH;
    fits.then_some(()).ok_or(PatchError::Unprocessable)
}

/// How many values are around what a path names.
fn above(path: &str) -> usize {
    path.bytes().filter(|byte| *byte == b'/').count()
}

/// How deeply a value is nested; what was read is nested no deeper than [`MAX_DEPTH`].
fn depth(value: &Value, work: &mut Work) -> Result<usize> {
    work.visit()?;
    match value {
        Value::Array(items) => Ok(1 + deepest(items.iter(), work)?),
        Value::Object(fields) => Ok(1 + deepest(fields.values(), work)?),
        _ => Ok(0),
    }
}

fn deepest<'v>(values: impl Iterator<Item = &'v Value>, work: &mut Work) -> Result<usize> {
    let mut values = values;
    values.try_fold(0, |deepest: usize, value| {
        Ok(deepest.max(depth(value, work)?))
    })
}
