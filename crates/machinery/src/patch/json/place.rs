//! Where a path leads to: a member of a list or of an object, be it there or not.

use serde_json::{Map, Value};

use super::PatchError;
use super::work::Work;

/// What an object has where it has nothing.
pub(super) static NULL: Value = Value::Null;

type Result<T> = std::result::Result<T, PatchError>;

/// A member, by what it is in.
pub(super) enum Place<'d> {
    Object(&'d mut Map<String, Value>, String),
    List(&'d mut Vec<Value>, String),
}

impl<'d> Place<'d> {
    /// The place that a path names. What is before the first slash does not count.
    ///
    /// # Errors
    /// Where nothing on the way there has members.
    pub(super) fn find(document: &'d mut Value, path: &str) -> Result<Self> {
        Self::at(document, path).ok_or(PatchError::Unprocessable)
    }

    fn at(document: &'d mut Value, path: &str) -> Option<Self> {
        let (_, path) = path.split_once('/')?;
        let mut keys: Vec<String> = path.split('/').map(unescape).collect();
        let last = keys.pop()?;
        let mut at = document;
        for key in keys {
            at = match at {
                Value::Object(fields) => fields.get_mut(&key)?,
                Value::Array(items) => {
                    let at = index(&key, items.len())?;
                    items.get_mut(at)?
                }
                _ => return None,
            };
        }
        match at {
            Value::Object(fields) => Some(Self::Object(fields, last)),
            Value::Array(items) => Some(Self::List(items, last)),
            _ => None,
        }
    }

    /// What is there; null for a member that an object does not have.
    pub(super) fn get(self) -> Result<&'d Value> {
        match self {
            Self::Object(fields, key) => Ok(fields.get(&key).unwrap_or(&NULL)),
            Self::List(items, key) => {
                let at = index(&key, items.len());
                let item = at.and_then(|at| items.get(at));
                item.ok_or(PatchError::Unprocessable)
            }
        }
    }

    /// Puts a value there, before what is there in a list.
    pub(super) fn add(self, value: Value, work: &mut Work) -> Result<()> {
        match self {
            Self::Object(fields, key) => {
                fields.insert(key, value);
            }
            Self::List(items, key) if key == "-" => items.push(value),
            Self::List(items, key) => {
                // One past the end is where the next one goes.
                let at = index(&key, items.len() + 1).ok_or(PatchError::Unprocessable)?;
                work.move_elements(items.len() - at)?;
                items.insert(at, value);
            }
        }
        Ok(())
    }

    /// Puts a value there, instead of what is there.
    pub(super) fn set(self, value: Value) -> Result<()> {
        match self {
            Self::Object(fields, key) => {
                fields.insert(key, value);
            }
            Self::List(items, key) => {
                let at = index(&key, items.len());
                let item = at.and_then(|at| items.get_mut(at));
                *item.ok_or(PatchError::Unprocessable)? = value;
            }
        }
        Ok(())
    }

    /// Takes what is there.
    pub(super) fn remove(self, work: &mut Work) -> Result<Value> {
        match self {
            Self::Object(fields, key) => fields.remove(&key).ok_or(PatchError::Unprocessable),
            Self::List(items, key) => {
                let at = index(&key, items.len()).ok_or(PatchError::Unprocessable)?;
                work.move_elements(items.len() - at)?;
                Ok(items.remove(at))
            }
        }
    }
}

/// `~1` is a slash and `~0` a tilde; any other tilde is itself.
fn unescape(key: &str) -> String {
    let slashes = key.split("~1").map(|part| part.replace("~0", "~"));
    slashes.collect::<Vec<_>>().join("/")
}

/// The index that a key names, below `end`; those below zero count from there.
fn index(key: &str, end: usize) -> Option<usize> {
    let named: i64 = key.parse().ok()?;
    let at = match usize::try_from(named) {
        Ok(at) => at,
        Err(_) => end.checked_sub(usize::try_from(named.unsigned_abs()).ok()?)?,
    };
    (at < end).then_some(at)
}
