//! Visitors that take the JSON they want and name what else they get as Go would.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error, Expected, MapAccess, SeqAccess, Visitor};

use super::access::{Elements, Empty, Entries, Fields};
use super::adapter::Adapter;
use super::path::{At, Cause};
use super::{base64, probe};

/// What a type asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    Bool,
    /// An integer of eight bits without a sign.
    Byte,
    /// An integer of so many bits.
    Int(u32),
    Float,
    String,
    List,
    Map,
    /// The struct of that name with these fields.
    Struct(&'static str, &'static [&'static str]),
}

/// Hands the visitor what it wants, and nothing else.
pub(super) struct Expect<'a, V> {
    pub(super) visitor: V,
    pub(super) want: Want,
    pub(super) at: At<'a>,
}

/// What a visitor says it expects.
pub(super) fn expecting<'de>(visitor: &impl Visitor<'de>) -> String {
    let expected: &dyn Expected = visitor;
    expected.to_string()
}

impl<'de, V: Visitor<'de>> Expect<'_, V> {
    fn mismatch<E: Error>(self, value: &'static str) -> E {
        let number =
            value == "number" && matches!(self.want, Want::Byte | Want::Int(_) | Want::Float);
        let go_type = match self.want {
            Want::Bool => "bool".to_owned(),
            Want::Byte => "uint8".to_owned(),
            Want::Int(bits) => format!("int{bits}"),
            Want::Float => "float64".to_owned(),
            Want::String if is_bytes(&self.visitor) => "[]uint8".to_owned(),
            Want::String => "string".to_owned(),
            Want::List => probe::list(self.visitor),
            Want::Map => probe::map(self.visitor),
            Want::Struct(name, _) => format!("@.{name}"),
        };
        self.at.mismatch(value, number, go_type)
    }

    fn fits(&self, number: i64) -> bool {
        match self.want {
            Want::Byte => u8::try_from(number).is_ok(),
            Want::Int(bits) => number >> (bits - 1) == number >> 63,
            _ => self.want == Want::Float,
        }
    }
}

fn is_bytes<'de>(visitor: &impl Visitor<'de>) -> bool {
    expecting(visitor) == "a base64-encoded string"
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Expect<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<V::Value, E> {
        if self.want == Want::Bool {
            self.visitor.visit_bool(value)
        } else {
            Err(self.mismatch("bool"))
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<V::Value, E> {
        if self.fits(value) {
            self.visitor.visit_i64(value)
        } else {
            Err(self.mismatch("number"))
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<V::Value, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) if self.want == Want::Float => self.visitor.visit_u64(value),
            Err(_) => Err(self.mismatch("number")),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        if self.want == Want::Float {
            self.visitor.visit_f64(value)
        } else {
            Err(self.mismatch("number"))
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        if self.want != Want::String {
            return Err(self.mismatch("string"));
        }
        let at = self.at;
        let text = match base64::may_be_loose(value) && is_bytes(&self.visitor) {
            true => base64::strict(value),
            false => Cow::Borrowed(value),
        };
        // The only texts that visitors refuse are those of bytes.
        self.visitor
            .visit_str(&text)
            .map_err(|_: E| at.fail(Cause::Words(base64::error(value))))
    }

    /// `null` leaves a field as it is, and here nothing was there before.
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        match self.want {
            Want::Bool => self.visitor.visit_bool(false),
            Want::Byte | Want::Int(_) | Want::Float => self.visitor.visit_i64(0),
            Want::String => self.visitor.visit_str(""),
            Want::List => self.visitor.visit_seq(Empty::new()),
            Want::Map => self.visitor.visit_map(Empty::new()),
            Want::Struct(name, fields) => {
                let fields = Fields::new(Empty::new(), self.at, name, fields);
                self.visitor.visit_map(fields)
            }
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        if self.want == Want::List {
            self.visitor.visit_seq(Elements {
                inner,
                at: self.at,
                index: 0,
            })
        } else if is_bytes(&self.visitor) {
            self.visitor.visit_str(&base64::encoded(inner, self.at)?)
        } else {
            Err(self.mismatch("array"))
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        match self.want {
            Want::Struct(name, fields) => self
                .visitor
                .visit_map(Fields::new(inner, self.at, name, fields)),
            Want::Map => self.visitor.visit_map(Entries::new(inner, self.at)),
            _ => Err(self.mismatch("object")),
        }
    }
}

/// An optional value: what is there is read through an [`Adapter`].
pub(super) struct Optional<'a, V> {
    pub(super) visitor: V,
    pub(super) at: At<'a>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Optional<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Adapter { inner, at: self.at })
    }
}

/// The zero time in microseconds.
const ZERO_MICROS: &str = "0001-01-01T00:00:00.000000Z";

/// A time's text, borrowed where it can be; null is the zero time.
pub(super) struct Text<'a> {
    pub(super) at: At<'a>,
    /// Whether the time is one in microseconds.
    pub(super) micro: bool,
}

macro_rules! no_text {
    ($($method:ident $t:ty, $words:expr;)*) => {
        $(fn $method<E: Error>(self, _: $t) -> Result<Self::Value, E> {
            Err(self.at.mismatch($words, false, "string".to_owned()))
        })*
    };
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(if self.micro {
            ZERO_MICROS
        } else {
            crate::time::ZERO
        }))
    }

    no_text! {
        visit_bool bool, "bool";
        visit_i64 i64, "number";
        visit_u64 u64, "number";
        visit_f64 f64, "number";
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(self.at.mismatch("array", false, "string".to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(self.at.mismatch("object", false, "string".to_owned()))
    }
}

/// Any JSON goes on as it is; a number that is no `int32` and a type that is none for an `IntOrString` are named.
pub(super) struct Any<'a, V> {
    pub(super) visitor: V,
    pub(super) at: At<'a>,
}

macro_rules! any {
    ($($method:ident $t:ty, $words:expr, $literal:expr;)*) => {
        $(fn $method<E: Error>(self, value: $t) -> Result<V::Value, E> {
            let at = self.at;
            self.visitor.$method(value).map_err(|_: E| at.mismatch($words, $literal, "int32".to_owned()))
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Any<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    any! {
        visit_bool bool, "bool", false;
        visit_i64 i64, "number", true;
        visit_u64 u64, "number", true;
        visit_f64 f64, "number", true;
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        self.visitor.visit_str(value)
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        self.visitor.visit_borrowed_str(value)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        // An IntOrString that is null is 0, as Go leaves it.
        if expecting(&self.visitor) == "IntOrString" {
            self.visitor.visit_i64(0)
        } else {
            self.visitor.visit_unit()
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        if expecting(&self.visitor) == "IntOrString" {
            return Err(self.at.mismatch("array", false, "int32".to_owned()));
        }
        let at = self.at;
        if at.untyped {
            return self.visitor.visit_seq(Elements {
                inner,
                at,
                index: 0,
            });
        }
        self.visitor.visit_seq(inner)
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        if expecting(&self.visitor) == "IntOrString" {
            return Err(self.at.mismatch("object", false, "int32".to_owned()));
        }
        if self.at.untyped {
            return self.visitor.visit_map(Entries::new(inner, self.at));
        }
        self.visitor.visit_map(inner)
    }
}
