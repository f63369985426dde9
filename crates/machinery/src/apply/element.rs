//! One step from a value to a part of it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde_json::{Map, Value};

/// How an element names a part. In the order in which Kubernetes sorts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ElementKind {
    /// A member of a map or struct, by name: `f:`.
    Field,
    /// An item of a list, by its keys: `k:`, and the keys as a JSON object in the order of their names.
    Key,
    /// An item of a set, by its value as JSON: `v:`.
    Value,
    /// An item of a list, by its place: `i:`.
    Index,
}

/// One step from a value to a part of it. Two are equal where their texts are: JSON in them is compact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element<'a> {
    /// How it names the part.
    pub kind: ElementKind,
    /// The name, or the JSON.
    pub text: Cow<'a, str>,
}

impl<'a> Element<'a> {
    /// A member by name.
    pub fn field(name: impl Into<Cow<'a, str>>) -> Self {
        Self {
            kind: ElementKind::Field,
            text: name.into(),
        }
    }

    /// Reads the form it has in `FieldsV1`. `None`: of a kind that is not known.
    pub fn parse(text: Cow<'a, str>) -> Option<Self> {
        let kind = match text.as_bytes() {
            [b'f', b':', ..] => ElementKind::Field,
            [b'k', b':', ..] => ElementKind::Key,
            [b'v', b':', ..] => ElementKind::Value,
            [b'i', b':', ..] => ElementKind::Index,
            _ => return None,
        };
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[2..]),
            Cow::Owned(mut text) => {
                text.drain(..2);
                Cow::Owned(text)
            }
        };
        Some(Self { kind, text })
    }

    /// What stands before the text in `FieldsV1`.
    pub(super) fn prefix(&self) -> &'static str {
        match self.kind {
            ElementKind::Field => "f:",
            ElementKind::Key => "k:",
            ElementKind::Value => "v:",
            ElementKind::Index => "i:",
        }
    }

    /// With its JSON as this program writes it: for elements that a client wrote. `None`: it is not what its kind says.
    pub(super) fn canonical(self) -> Option<Self> {
        let text = match self.kind {
            ElementKind::Field => self.text,
            ElementKind::Index => {
                self.text.parse::<i64>().ok()?;
                self.text
            }
            ElementKind::Key => {
                let keys: Map<String, Value> = serde_json::from_str(&self.text).ok()?;
                Cow::Owned(Value::Object(sorted(keys)).to_string())
            }
            ElementKind::Value => {
                let value: Value = serde_json::from_str(&self.text).ok()?;
                Cow::Owned(value.to_string())
            }
        };
        Some(Self {
            kind: self.kind,
            text,
        })
    }

    /// A copy that borrows nothing.
    pub(super) fn into_owned(self) -> Element<'static> {
        Element {
            kind: self.kind,
            text: Cow::Owned(self.text.into_owned()),
        }
    }

    /// Kubernetes' order, which knows that 80 comes before 8080. The derived order is for look-ups only.
    pub(super) fn shown_order(&self, other: &Self) -> Ordering {
        if self.kind != other.kind || self.kind == ElementKind::Field {
            return self.cmp(other);
        }
        let read =
            |element: &Self| serde_json::from_str::<Value>(&element.text).unwrap_or_default();
        let (Value::Object(a), Value::Object(b)) = (read(self), read(other)) else {
            return scalars(&read(self), &read(other));
        };
        let (a, b) = (sorted(a), sorted(b));
        for ((a_name, a_value), (b_name, b_value)) in a.iter().zip(&b) {
            let order = a_name.cmp(b_name).then_with(|| scalars(a_value, b_value));
            if order.is_ne() {
                return order;
            }
        }
        a.len().cmp(&b.len())
    }
}

fn sorted(keys: Map<String, Value>) -> Map<String, Value> {
    let mut keys: Vec<(String, Value)> = keys.into_iter().collect();
    keys.sort_by(|(a, _), (b, _)| a.cmp(b));
    keys.into_iter().collect()
}

fn scalars(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a
            .as_f64()
            .partial_cmp(&b.as_f64())
            .unwrap_or(Ordering::Equal),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        _ => 3,
    }
}

/// As in the messages of conflicts: `.spec`, `[name="c"]`, `[="x"]`, `[0]`.
impl fmt::Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ElementKind::Field => write!(f, ".{}", self.text),
            ElementKind::Index => write!(f, "[{}]", self.text),
            ElementKind::Value => write!(f, "[={}]", self.text),
            ElementKind::Key => {
                let keys: Map<String, Value> = serde_json::from_str(&self.text).unwrap_or_default();
                for (at, (name, value)) in sorted(keys).iter().enumerate() {
                    let before = if at == 0 { "[" } else { "," };
                    write!(f, "{before}{name}={value}")?;
                }
                f.write_str("]")
            }
        }
    }
}
