//! Where the decoder is, and what it found there.

use std::cell::RefCell;
use std::fmt::Write;

use crate::limits::MAX_STRICT_FINDINGS;

/// The way from the root to a value, as a list on the stack.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    Root,
    /// A field of a struct of that name.
    Field(&'a Path<'a>, &'a str, &'a str),
    /// A member of a map.
    Key(&'a Path<'a>, &'a str),
    /// A member of a list.
    Index(&'a Path<'a>, usize),
}

/// A part of the way to a value, kept beyond the decoder's stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A field of a struct of that name.
    Field(String, String),
    /// A member of a map.
    Key,
    /// A member of a list.
    Index,
}

/// A value of the wrong type.
#[derive(Debug)]
pub(super) struct Mismatch {
    /// `string`, `number`, `object`, ...
    pub(super) value: &'static str,
    /// Whether the literal follows: `number 1.5`.
    pub(super) literal: bool,
    /// The way to it, from the root.
    pub(super) steps: Vec<Step>,
    /// The Go type, as the Rust type tells it, with `@.` for the package of the document's version.
    pub(super) go_type: String,
}

/// Why decoding stopped, where serde_json does not know it.
#[derive(Debug)]
pub(super) enum Cause {
    Mismatch(Mismatch),
    Words(String),
}

#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) unknown: Vec<String>,
    pub(super) duplicate: Vec<String>,
    pub(super) cause: Option<Cause>,
}

/// Where the decoder is.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) path: &'a Path<'a>,
    pub(super) findings: &'a RefCell<Findings>,
    /// Whether the document has no type: then what is there twice is noted in any JSON.
    pub(super) untyped: bool,
}

impl<'a> At<'a> {
    pub(super) fn on<'b>(self, path: &'b Path<'b>) -> At<'b>
    where
        'a: 'b,
    {
        At { path, ..self }
    }

    pub(super) fn unknown(self, field: &str) {
        self.record(field, |findings| &mut findings.unknown);
    }

    pub(super) fn duplicate(self, field: &str) {
        self.record(field, |findings| &mut findings.duplicate);
    }

    fn record(self, field: &str, list: impl Fn(&mut Findings) -> &mut Vec<String>) {
        let mut findings = self.findings.borrow_mut();
        if findings.unknown.len() + findings.duplicate.len() >= MAX_STRICT_FINDINGS {
            return;
        }
        let mut text = String::new();
        self.path.write(&mut text);
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(field);
        let list = list(&mut findings);
        if !list.contains(&text) {
            list.push(text);
        }
    }

    /// Remembers why; the first cause counts.
    pub(super) fn fail<E: serde::de::Error>(self, cause: Cause) -> E {
        self.findings.borrow_mut().cause.get_or_insert(cause);
        E::custom("")
    }

    pub(super) fn mismatch<E: serde::de::Error>(
        self,
        value: &'static str,
        literal: bool,
        go_type: String,
    ) -> E {
        let mut steps = Vec::new();
        self.path.collect(&mut steps);
        self.fail(Cause::Mismatch(Mismatch {
            value,
            literal,
            steps,
            go_type,
        }))
    }
}

impl Path<'_> {
    /// `spec.containers[0].name`, keys of maps as fields.
    fn write(&self, out: &mut String) {
        match self {
            Self::Root => {}
            Self::Field(parent, _, name) | Self::Key(parent, name) => {
                parent.write(out);
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Self::Index(parent, index) => {
                parent.write(out);
                let _ = write!(out, "[{index}]");
            }
        }
    }

    fn collect(&self, steps: &mut Vec<Step>) {
        let (parent, step) = match self {
            Self::Root => return,
            Self::Key(parent, _) => (parent, Step::Key),
            Self::Index(parent, _) => (parent, Step::Index),
            Self::Field(parent, of, name) => {
                (parent, Step::Field((*of).to_owned(), (*name).to_owned()))
            }
        };
        parent.collect(steps);
        steps.push(step);
    }
}
