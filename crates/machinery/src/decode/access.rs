//! Lists, maps and structs on their way through the adapter.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{BorrowedStrDeserializer, StrDeserializer, UnitDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::adapter::Seed;
use super::path::{At, Path};

/// The keys of a map that are searched one by one before they are hashed.
const FEW: usize = 12;

/// The members of a list.
pub(super) struct Elements<'a, A> {
    pub(super) inner: A,
    pub(super) at: At<'a>,
    pub(super) index: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let path = Path::Index(self.at.path, self.index);
        self.index += 1;
        self.inner.next_element_seed(Seed {
            seed,
            at: self.at.on(&path),
        })
    }

    // No size is told: it would be a stranger's word for how much to allocate.
}

/// The fields of a struct, of which the unknown and the repeated are noted.
pub(super) struct Fields<'a, 'de, A> {
    inner: A,
    at: At<'a>,
    name: &'static str,
    fields: &'static [&'static str],
    /// A bit for each field that was there.
    seen: u128,
    key: Cow<'de, str>,
    /// The key was not there: its value is that of a time that nobody gave.
    supplied: bool,
}

/// The times that types here must have and clients leave out: Go has a zero time then, as where they are null.
const SUPPLIED: [(&str, &str); 2] = [
    ("Condition", "lastTransitionTime"),
    ("EventSeries", "lastObservedTime"),
];

impl<'a, 'de, A> Fields<'a, 'de, A> {
    pub(super) fn new(
        inner: A,
        at: At<'a>,
        name: &'static str,
        fields: &'static [&'static str],
    ) -> Self {
        Self {
            inner,
            at,
            name,
            fields,
            seen: 0,
            key: Cow::Borrowed(""),
            supplied: false,
        }
    }

    /// The time that the struct must have and lacks.
    fn lacking(&self) -> Option<&'static str> {
        let (_, field) = SUPPLIED.iter().find(|(name, _)| *name == self.name)?;
        let mut bits = self.fields.iter().zip(0..);
        let lacks = bits.any(|(known, bit)| known == field && self.seen & (1_u128 << bit) == 0);
        lacks.then_some(*field)
    }

    fn note(&mut self) {
        let key = self.key.as_ref();
        match self.fields.iter().position(|field| *field == key) {
            None => self.at.unknown(key),
            Some(index) => {
                // No Kubernetes type has 128 fields; one that had would go without this check for the rest.
                let bit = u32::try_from(index)
                    .ok()
                    .and_then(|index| 1_u128.checked_shl(index))
                    .unwrap_or(0);
                if self.seen & bit != 0 {
                    self.at.duplicate(key);
                }
                self.seen |= bit;
            }
        }
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        // A seed serves once: the end is met before it is known whether there is a key to serve it with.
        let mut seed = Some(seed);
        let key = self.inner.next_key_seed(Key {
            seed: Take(&mut seed),
            text: &mut self.key,
        })?;
        if key.is_some() {
            self.note();
            return Ok(key);
        }
        match seed.zip(self.lacking()) {
            Some((seed, time)) => {
                self.supplied = true;
                self.key = Cow::Borrowed(time);
                self.note();
                seed.deserialize(BorrowedStrDeserializer::new(time))
                    .map(Some)
            }
            None => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let path = Path::Field(self.at.path, self.name, &self.key);
        if self.supplied {
            let (at, null) = (self.at.on(&path), UnitDeserializer::new());
            return Seed { seed, at }.deserialize(null);
        }
        self.inner.next_value_seed(Seed {
            seed,
            at: self.at.on(&path),
        })
    }
}

/// The entries of a map, of which the repeated are noted.
pub(super) struct Entries<'a, 'de, A> {
    inner: A,
    at: At<'a>,
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
    key: Cow<'de, str>,
}

impl<'a, 'de, A> Entries<'a, 'de, A> {
    pub(super) fn new(inner: A, at: At<'a>) -> Self {
        Self {
            inner,
            at,
            few: Vec::new(),
            many: HashSet::new(),
            key: Cow::Borrowed(""),
        }
    }

    fn note(&mut self) {
        if self.few.contains(&self.key) || self.many.contains(&self.key) {
            self.at.duplicate(&self.key);
        } else if self.few.len() < FEW {
            self.few.push(self.key.clone());
        } else {
            self.many.insert(self.key.clone());
        }
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Entries<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let key = self.inner.next_key_seed(Key {
            seed,
            text: &mut self.key,
        })?;
        if key.is_some() {
            self.note();
        }
        Ok(key)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let path = Path::Key(self.at.path, &self.key);
        self.inner.next_value_seed(Seed {
            seed,
            at: self.at.on(&path),
        })
    }
}

/// A seed that is taken only where there is something for it.
struct Take<'k, S>(&'k mut Option<S>);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Take<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        match self.0.take() {
            Some(seed) => seed.deserialize(inner),
            None => Err(D::Error::custom("one key was asked for twice")),
        }
    }
}

/// A key, of which the text is kept.
struct Key<'k, 'de, S> {
    seed: S,
    text: &'k mut Cow<'de, str>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<'_, 'de, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        inner.deserialize_str(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Key<'_, 'de, S> {
    type Value = S::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<S::Value, E> {
        *self.text = Cow::Borrowed(text);
        self.seed.deserialize(BorrowedStrDeserializer::new(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<S::Value, E> {
        *self.text = Cow::Owned(text.to_owned());
        self.seed.deserialize(StrDeserializer::new(text))
    }
}

/// A list or map with nothing in it.
pub(super) struct Empty<E>(PhantomData<E>);

impl<E> Empty<E> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, E: Error> SeqAccess<'de> for Empty<E> {
    type Error = E;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, _: S) -> Result<Option<S::Value>, E> {
        Ok(None)
    }
}

impl<'de, E: Error> MapAccess<'de> for Empty<E> {
    type Error = E;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, _: S) -> Result<Option<S::Value>, E> {
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, _: S) -> Result<S::Value, E> {
        Err(E::custom("a value without a key"))
    }
}
