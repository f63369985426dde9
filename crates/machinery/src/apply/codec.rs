//! Sets as `FieldsV1`: `{"f:spec":{"f:replicas":{}}}`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Error, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::element::Element;
use super::set::{Node, Set};

/// That a part is in the set although parts of it are as well.
const ITSELF: &str = ".";

impl Set<'_> {
    /// Its JSON. By hand: names need no detour through a text of their own, and every write makes one.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(256);
        write(self, false, &mut json);
        json
    }
}

/// `itself`: whether the part that has these parts is in the set as well.
fn write(set: &Set<'_>, itself: bool, json: &mut String) {
    let nodes = set.nodes();
    json.push('{');
    if itself && !nodes.is_empty() {
        json.push_str("\".\":{}");
    }
    for node in nodes {
        if !json.ends_with('{') {
            json.push(',');
        }
        write_name(&node.element, json);
        json.push(':');
        write(&node.children, node.member, json);
    }
    json.push('}');
}

fn write_name(element: &Element<'_>, json: &mut String) {
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    let (prefix, text) = (element.prefix(), &*element.text);
    if text.bytes().all(plain) {
        json.push('"');
        json.push_str(prefix);
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&Value::String(format!("{prefix}{text}")).to_string());
    }
}

impl Serialize for Set<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let json = RawValue::from_string(self.to_json()).map_err(S::Error::custom)?;
        json.serialize(to)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Set<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Reader).map(|read| read.set)
    }
}

/// A set as it was read, and whether it said that it is there itself.
struct Read<'a> {
    itself: bool,
    set: Set<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Read<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Read<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Read<'de>, A::Error> {
        let mut read = Read {
            itself: false,
            set: Set::default(),
        };
        while let Some(key) = from.next_key()? {
            match key {
                Key::Itself => {
                    from.next_value::<IgnoredAny>()?;
                    read.itself = true;
                }
                // A later release may know it.
                Key::Unknown => {
                    from.next_value::<IgnoredAny>()?;
                }
                Key::Part(element) => {
                    let below: Read<'de> = from.next_value()?;
                    let member = below.itself || below.set.is_empty();
                    read.set.push(element, member, below.set);
                }
            }
        }
        read.set.sort();
        Ok(read)
    }
}

enum Key<'a> {
    Itself,
    Part(Element<'a>),
    Unknown,
}

impl<'a> Key<'a> {
    fn of(text: Cow<'a, str>) -> Self {
        if text == ITSELF {
            return Self::Itself;
        }
        Element::parse(text).map_or(Self::Unknown, Self::Part)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an element of a path")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key::of(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key::of(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Text)
    }
}

/// Whether the elements that a client wrote are what their kinds say; with their JSON as this program writes it.
pub(super) fn canonical<'a>(set: Set<'a>) -> Option<Set<'a>> {
    let mut sound = true;
    let set = set.map(&mut |node: Node<'a>| {
        let Node {
            element,
            member,
            children,
        } = node;
        let element = element.canonical();
        sound &= element.is_some();
        element.map(|element| Node {
            element,
            member,
            children,
        })
    });
    sound.then_some(set)
}
