//! Field selectors: `metadata.name=x,status.phase!=Running`.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

/// Why a field selector is none, in Kubernetes' words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FieldSelectorError(pub String);

/// What one field must be, or must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// `metadata.name`.
    pub field: String,
    /// The value; empty also where the field is not there.
    pub value: String,
    /// Whether the field must have the value, not anything else.
    pub equals: bool,
}

/// What fields must be, all together. The default selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    terms: Vec<Term>,
}

impl Selector {
    /// Reads a selector as it is in a URL.
    ///
    /// # Errors
    /// In Kubernetes' words.
    pub fn parse(text: &str) -> Result<Self, FieldSelectorError> {
        let mut parts = split(text);
        parts.sort_unstable();
        let mut terms = Vec::new();
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let unknown = || {
                FieldSelectorError(format!(
                    "invalid selector: '{text}'; can't understand '{part}'"
                ))
            };
            let at = part.find('=').ok_or_else(unknown)?;
            let (left, right) = (&part[..at], &part[at + 1..]);
            // `!=` is found before `=`; an earlier `!` is part of the name.
            let (field, value, equals) = match (left.strip_suffix('!'), right.strip_prefix('=')) {
                (Some(field), _) => (field, right, false),
                (None, Some(right)) => (left, right, true),
                (None, None) => (left, right, true),
            };
            terms.push(Term {
                field: field.to_owned(),
                value: unescape(value)?.into_owned(),
                equals,
            });
        }
        Ok(Self { terms })
    }

    /// One field with one value.
    pub fn equals(field: &str, value: &str) -> Self {
        Self {
            terms: vec![Term {
                field: field.to_owned(),
                value: value.to_owned(),
                equals: true,
            }],
        }
    }

    /// What both select.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.terms.extend(other.terms);
        self
    }

    /// Whether it selects an object of which `get` tells the fields.
    pub fn matches<'a>(&self, get: impl Fn(&str) -> Option<Cow<'a, str>>) -> bool {
        self.terms.iter().all(|term| {
            (get(&term.field).unwrap_or_default() == term.value.as_str()) == term.equals
        })
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Its parts.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The one value the field must have, if there is one.
    pub fn exact_match(&self, field: &str) -> Option<&str> {
        self.terms
            .iter()
            .find(|term| term.equals && term.field == field)
            .map(|term| term.value.as_str())
    }
}

/// At commas that no backslash precedes.
fn split(text: &str) -> Vec<&str> {
    let mut escaped = false;
    text.split(|c| {
        let ends = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })
    .collect()
}

fn unescape(text: &str) -> Result<Cow<'_, str>, FieldSelectorError> {
    if !text.contains(['\\', ',', '=']) {
        return Ok(Cow::Borrowed(text));
    }
    let mut value = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(letter @ ('\\' | ',' | '=')) => value.push(letter),
                other => {
                    let sequence: String = ['\\'].into_iter().chain(other).collect();
                    return Err(FieldSelectorError(format!(
                        "invalid field selector: invalid escape sequence: {sequence}"
                    )));
                }
            },
            ',' | '=' => {
                let number = u32::from(letter);
                return Err(FieldSelectorError(format!(
                    "invalid field selector: unescaped character in value: {number}"
                )));
            }
            _ => value.push(letter),
        }
    }
    Ok(Cow::Owned(value))
}

/// With a backslash before each of `\`, `,` and `=`.
pub fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '\\' | ',' | '=') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, term) in self.terms.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let operator = if term.equals { "=" } else { "!=" };
            write!(f, "{comma}{}{operator}{}", term.field, escape(&term.value))?;
        }
        Ok(())
    }
}
