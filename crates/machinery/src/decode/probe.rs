//! The Go type a visitor stands for: asked by starting to feed it and watching what it asks for.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::expect::expecting;

/// The depth to which lists of lists are told.
const MAX_DEPTH: usize = 8;

/// `[]string`.
pub(super) fn list<'de>(visitor: impl Visitor<'de>) -> String {
    let mut name = String::new();
    let _ = visitor.visit_seq(Probe {
        name: &mut name,
        depth: 0,
    });
    format!("[]{name}")
}

/// `map[string]string`.
pub(super) fn map<'de>(visitor: impl Visitor<'de>) -> String {
    let mut name = String::new();
    let _ = visitor.visit_map(Probe {
        name: &mut name,
        depth: 0,
    });
    format!("map[string]{name}")
}

/// A list, map or value that writes down what is asked of it and then ends.
struct Probe<'n> {
    name: &'n mut String,
    depth: usize,
}

#[derive(Debug)]
struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("asked")
    }
}

impl std::error::Error for Stop {}

impl Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl Probe<'_> {
    fn deeper(&mut self) -> Probe<'_> {
        Probe {
            name: self.name,
            depth: self.depth + 1,
        }
    }

    fn say<T>(self, name: &str) -> Result<T, Stop> {
        self.name.push_str(name);
        Err(Stop)
    }
}

impl<'de> SeqAccess<'de> for Probe<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        if self.depth > MAX_DEPTH {
            Err(Stop)
        } else {
            seed.deserialize(self.deeper()).map(Some)
        }
    }
}

impl<'de> MapAccess<'de> for Probe<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        seed.deserialize(serde::de::value::StrDeserializer::new(""))
            .map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        if self.depth > MAX_DEPTH {
            Err(Stop)
        } else {
            seed.deserialize(self.deeper())
        }
    }
}

macro_rules! say {
    ($($method:ident $name:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
            self.say($name)
        })*
    };
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Stop;

    say! {
        deserialize_bool "bool";
        deserialize_i32 "int32";
        deserialize_i64 "int64";
        deserialize_f64 "float64";
        deserialize_string "string";
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.say(if expecting(&visitor) == "a base64-encoded string" {
            "[]uint8"
        } else {
            "string"
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.name.push_str("[]");
        visitor.visit_seq(self)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.name.push_str("map[string]");
        visitor.visit_map(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Stop> {
        self.say(&format!("@.{name}"))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: V,
    ) -> Result<V::Value, Stop> {
        self.say(&match name {
            "Quantity" => "resource.Quantity".to_owned(),
            "RawExtension" => "runtime.RawExtension".to_owned(),
            _ => format!("v1.{name}"),
        })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.say(if expecting(&visitor) == "IntOrString" {
            "intstr.IntOrString"
        } else {
            "interface {}"
        })
    }

    forward_to_deserialize_any! {
        i8 i16 u8 u16 u32 u64 f32 char bytes byte_buf unit unit_struct tuple tuple_struct enum identifier ignored_any
    }
}
