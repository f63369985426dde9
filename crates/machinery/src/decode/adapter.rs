//! The deserializer between serde_json and the types.

use std::borrow::Cow;
use std::cell::RefCell;

use serde::de::value::CowStrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::value::RawValue;

use super::Decoded;
use super::expect::{Any, Expect, Optional, Text, Want};
use super::path::{At, Cause, Findings, Path};
use super::time;
use crate::quantity;

/// Why decoding stopped: serde_json's error, and what the adapter knows of it.
pub(super) struct Failure {
    pub(super) error: serde_json::Error,
    pub(super) findings: Findings,
}

pub(super) fn run<T: DeserializeOwned>(json: &[u8]) -> Result<Decoded<T>, Box<Failure>> {
    let findings = RefCell::default();
    let mut inner = serde_json::Deserializer::from_slice(json);
    let at = At {
        path: &Path::Root,
        findings: &findings,
        untyped: false,
    };
    let adapter = Adapter {
        inner: &mut inner,
        at,
    };
    let result = T::deserialize(adapter).and_then(|value| inner.end().map(|()| value));
    let findings = findings.into_inner();
    match result {
        Ok(value) => Ok(Decoded {
            value,
            unknown: findings.unknown,
            duplicate: findings.duplicate,
        }),
        Err(error) => Err(Box::new(Failure { error, findings })),
    }
}

/// A deserializer that knows where it is.
pub(super) struct Adapter<'a, D> {
    pub(super) inner: D,
    pub(super) at: At<'a>,
}

/// A seed whose value is read through an [`Adapter`].
pub(super) struct Seed<'a, S> {
    pub(super) seed: S,
    pub(super) at: At<'a>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Seed<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.seed.deserialize(Adapter { inner, at: self.at })
    }
}

impl<'de, D: Deserializer<'de>> Adapter<'_, D> {
    fn expect<V: Visitor<'de>>(self, want: Want, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(Expect {
            visitor,
            want,
            at: self.at,
        })
    }

    /// A quantity's text: Kubernetes takes numbers too, and writes what it read in canonical form.
    fn quantity(self) -> Result<Cow<'de, str>, D::Error> {
        let raw = <&'de RawValue>::deserialize(self.inner)?.get();
        if raw == "null" {
            return Ok(Cow::Borrowed("0"));
        }
        let text = raw
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(raw);
        quantity::reemit(text.trim()).map_err(|error| self.at.fail(Cause::Words(error.to_string())))
    }

    fn time(self, micro: bool) -> Result<Cow<'de, str>, D::Error> {
        let at = self.at;
        let text = self.inner.deserialize_any(Text { at, micro })?;
        time::check(text, micro).map_err(|words| at.fail(Cause::Words(words)))
    }
}

macro_rules! expecting {
    ($($method:ident $want:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.expect($want, visitor)
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Adapter<'_, D> {
    type Error = D::Error;

    expecting! {
        deserialize_bool Want::Bool;
        deserialize_u8 Want::Byte;
        deserialize_i8 Want::Int(8);
        deserialize_i16 Want::Int(16);
        deserialize_i32 Want::Int(32);
        deserialize_i64 Want::Int(64);
        deserialize_f32 Want::Float;
        deserialize_f64 Want::Float;
        deserialize_str Want::String;
        deserialize_string Want::String;
        deserialize_seq Want::List;
        deserialize_map Want::Map;
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.expect(Want::Struct(name, fields), visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_option(Optional {
            visitor,
            at: self.at,
        })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let text = match name {
            "Quantity" => self.quantity()?,
            "Time" => self.time(false)?,
            "MicroTime" => self.time(true)?,
            _ => return visitor.visit_newtype_struct(self),
        };
        visitor.visit_newtype_struct(CowStrDeserializer::new(text))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_ignored_any(visitor)
    }

    /// Raw JSON, and what is one of several types. Kubernetes decodes neither strictly, but for documents that are nothing else.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let untyped = self.at.untyped || matches!(self.at.path, Path::Root);
        let at = At { untyped, ..self.at };
        self.inner.deserialize_any(Any { visitor, at })
    }

    forward_to_deserialize_any! {
        u16 u32 u64 char bytes byte_buf unit unit_struct tuple tuple_struct enum identifier
    }
}
