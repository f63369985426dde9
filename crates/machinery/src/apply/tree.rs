//! JSON that borrows its text from the bytes it was read from.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Number, Value};

/// A JSON value. Members of a map are in the order of their names, each once: of one that is there twice the last counts.
#[derive(Debug, Clone)]
pub enum Tree<'a> {
    /// null
    Null,
    /// true or false
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    String(Cow<'a, str>),
    /// A list.
    List(Vec<Tree<'a>>),
    /// A map.
    Map(Vec<(Cow<'a, str>, Tree<'a>)>),
}

/// A map with nothing in it.
pub(super) static EMPTY: Tree<'static> = Tree::Map(Vec::new());

impl<'a> Tree<'a> {
    /// Reads JSON.
    ///
    /// # Errors
    /// What is not JSON, or nested deeper than serde_json allows (127 levels): nothing here recurses deeper than that.
    pub fn parse(json: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }

    /// Reads JSON in which no map has a member twice.
    ///
    /// # Errors
    /// As [`Tree::parse`], and where a member is there twice.
    pub fn parse_strictly(json: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json).map(|Strict(tree)| tree)
    }

    /// The members of a map; nothing else has any.
    pub fn members(&self) -> &[(Cow<'a, str>, Tree<'a>)] {
        match self {
            Self::Map(members) => members,
            _ => &[],
        }
    }

    /// The items of a list; nothing else has any.
    pub fn items(&self) -> &[Tree<'a>] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// A member of a map.
    pub fn get(&self, name: &str) -> Option<&Tree<'a>> {
        let members = self.members();
        let at = members
            .binary_search_by(|(key, _)| (**key).cmp(name))
            .ok()?;
        members.get(at).map(|(_, value)| value)
    }

    /// Puts a member into a map. Anything else becomes one first.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: Tree<'a>) {
        let name = name.into();
        if !matches!(self, Self::Map(_)) {
            *self = Self::Map(Vec::new());
        }
        let Self::Map(members) = self else { return };
        match members.binary_search_by(|(key, _)| key.cmp(&name)) {
            Ok(at) => members[at].1 = value,
            Err(at) => members.insert(at, (name, value)),
        }
    }

    /// Takes a member out of a map.
    pub fn take(&mut self, name: &str) -> Option<Tree<'a>> {
        let Self::Map(members) = self else {
            return None;
        };
        let at = members
            .binary_search_by(|(key, _)| (**key).cmp(name))
            .ok()?;
        Some(members.remove(at).1)
    }

    /// The member of that name, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Tree<'a>> {
        let Self::Map(members) = self else {
            return None;
        };
        let at = members
            .binary_search_by(|(key, _)| (**key).cmp(name))
            .ok()?;
        members.get_mut(at).map(|(_, value)| value)
    }

    /// Its text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// As a value of its own.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(value) => Value::Number(value.clone()),
            Self::String(text) => Value::String(text.to_string()),
            Self::List(items) => items.iter().map(Self::to_value).collect(),
            Self::Map(members) => {
                let members = members.iter();
                members
                    .map(|(name, value)| (name.to_string(), value.to_value()))
                    .collect()
            }
        }
    }
}

/// 1 and 1.0 are the same number, as everywhere in Kubernetes.
impl PartialEq for Tree<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b || a.as_f64() == b.as_f64(),
            (Self::String(a), Self::String(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            _ => false,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Tree<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader { strict: false })
    }
}

/// A tree that has no member twice.
struct Strict<'a>(Tree<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Strict<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader { strict: true }).map(Self)
    }
}

#[derive(Clone, Copy)]
struct Reader {
    /// Whether a member may not be there twice.
    strict: bool,
}

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Tree<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Tree<'de>, D::Error> {
        from.deserialize_any(self)
    }
}

impl Reader {
    /// Puts the members of a map in order; of equal names the last stays.
    fn order<'a, E: Error>(
        self,
        mut members: Vec<(Cow<'a, str>, Tree<'a>)>,
    ) -> Result<Tree<'a>, E> {
        if !members.is_sorted_by(|(a, _), (b, _)| a < b) {
            // Stable, so that of equal names the last stays last.
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            let before = members.len();
            members.reverse();
            members.dedup_by(|(a, _), (b, _)| a == b);
            members.reverse();
            if self.strict && members.len() < before {
                return Err(E::custom("a member is there twice"));
            }
        }
        Ok(Tree::Map(members))
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Tree<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree<'de>, E> {
        Ok(Number::from_f64(value).map_or(Tree::Null, Tree::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::String(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Tree<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Tree<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(Name(name)) = from.next_key()? {
            members.push((name, from.next_value_seed(self)?));
        }
        self.order(members)
    }
}

/// A key, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Text)
    }
}

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Number(value) => value.serialize(to),
            Self::String(text) => to.serialize_str(text),
            Self::List(items) => to.collect_seq(items),
            Self::Map(members) => to.collect_map(members.iter().map(|(name, value)| (name, value))),
        }
    }
}
