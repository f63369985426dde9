//! Field paths and the errors that validation finds at them, as `k8s.io/apimachinery/pkg/util/validation/field` words them.

mod quote;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;

pub use quote::quote;

/// The way to a field: `spec.containers[0].name`, `metadata.labels[app]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(String);

impl Path {
    /// The path of a top-level field.
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The path of no field: the object itself.
    pub fn root() -> Self {
        Self(String::new())
    }

    /// A member of a struct.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        if self.0.is_empty() {
            Self::new(name)
        } else {
            Self(format!("{}.{name}", self.0))
        }
    }

    /// A member of a list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// A member of a map.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self(format!("{}[{key}]", self.0))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "<nil>" } else { &self.0 })
    }
}

/// What is wrong with a field. The names are the `reason`s of a Status' causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorType {
    /// `FieldValueRequired`.
    Required,
    /// `FieldValueInvalid`.
    Invalid,
    /// `FieldValueNotSupported`.
    NotSupported,
    /// `FieldValueForbidden`.
    Forbidden,
    /// `FieldValueDuplicate`.
    Duplicate,
    /// `FieldValueNotFound`.
    NotFound,
    /// `FieldValueTooLong`.
    TooLong,
    /// `FieldValueTooMany`.
    TooMany,
    /// `FieldValueTypeInvalid`.
    TypeInvalid,
    /// `InternalError`.
    Internal,
}

impl ErrorType {
    /// The reason of a Status' cause.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::Duplicate => "FieldValueDuplicate",
            Self::NotFound => "FieldValueNotFound",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::Internal => "InternalError",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Invalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::Duplicate => "Duplicate value",
            Self::NotFound => "Not found",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::TypeInvalid => "Invalid value",
            Self::Internal => "Internal error",
        }
    }
}

/// One finding of a validation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorType,
    /// Where.
    pub path: Path,
    /// The offending value as it is shown: strings in quotes, numbers bare, structs as JSON. `None` where none is shown.
    pub value: Option<String>,
    /// In words.
    pub detail: String,
}

/// All findings of a validation, in the order in which they were found.
pub type ErrorList = Vec<Error>;

/// All findings in one text, each told once: `a`, or `[a, b]`; empty where there are none.
pub fn together(errors: &ErrorList) -> String {
    let mut seen = HashSet::new();
    let mut words: Vec<String> = errors.iter().map(ToString::to_string).collect();
    words.retain(|words| seen.insert(words.clone()));
    match words.as_slice() {
        [one] => one.clone(),
        [] => String::new(),
        _ => format!("[{}]", words.join(", ")),
    }
}

impl Error {
    /// Something must be there.
    pub fn required(path: &Path, detail: impl Into<String>) -> Self {
        Self {
            kind: ErrorType::Required,
            path: path.clone(),
            value: None,
            detail: detail.into(),
        }
    }

    /// The value is not acceptable.
    pub fn invalid(path: &Path, value: impl Shown, detail: impl Into<String>) -> Self {
        Self {
            kind: ErrorType::Invalid,
            path: path.clone(),
            value: Some(value.shown()),
            detail: detail.into(),
        }
    }

    /// The value is none of a fixed set, which the detail lists in the order given.
    pub fn not_supported(path: &Path, value: impl Shown, supported: &[&str]) -> Self {
        let detail = if supported.is_empty() {
            String::new()
        } else {
            let quoted: Vec<String> = supported.iter().map(|s| s.shown()).collect();
            format!("supported values: {}", quoted.join(", "))
        };
        Self {
            kind: ErrorType::NotSupported,
            path: path.clone(),
            value: Some(value.shown()),
            detail,
        }
    }

    /// The field may not be set, or not changed.
    pub fn forbidden(path: &Path, detail: impl Into<String>) -> Self {
        Self {
            kind: ErrorType::Forbidden,
            path: path.clone(),
            value: None,
            detail: detail.into(),
        }
    }

    /// The value is there twice.
    pub fn duplicate(path: &Path, value: impl Shown) -> Self {
        Self {
            kind: ErrorType::Duplicate,
            path: path.clone(),
            value: Some(value.shown()),
            detail: String::new(),
        }
    }

    /// What the value names is not there.
    pub fn not_found(path: &Path, value: impl Shown) -> Self {
        Self {
            kind: ErrorType::NotFound,
            path: path.clone(),
            value: Some(value.shown()),
            detail: String::new(),
        }
    }

    /// The value has more than `max` bytes.
    pub fn too_long(path: &Path, max: usize) -> Self {
        let detail = format!(
            "may not be more than {max} {}",
            if max == 1 { "byte" } else { "bytes" }
        );
        Self {
            kind: ErrorType::TooLong,
            path: path.clone(),
            value: None,
            detail,
        }
    }

    /// The value has more than `max` letters.
    pub fn too_long_characters(path: &Path, max: usize) -> Self {
        let detail = format!(
            "may not be more than {max} {}",
            if max == 1 { "character" } else { "characters" }
        );
        Self {
            kind: ErrorType::TooLong,
            path: path.clone(),
            value: None,
            detail,
        }
    }

    /// The value is of another type.
    pub fn type_invalid(path: &Path, value: impl Shown, detail: impl Into<String>) -> Self {
        Self {
            kind: ErrorType::TypeInvalid,
            path: path.clone(),
            value: Some(value.shown()),
            detail: detail.into(),
        }
    }

    /// The value could not be looked at.
    pub fn internal(path: &Path, error: impl fmt::Display) -> Self {
        Self {
            kind: ErrorType::Internal,
            path: path.clone(),
            value: None,
            detail: error.to_string(),
        }
    }

    /// The list has more than `max` members.
    pub fn too_many(path: &Path, actual: usize, max: usize) -> Self {
        let detail = format!(
            "must have at most {max} {}",
            if max == 1 { "item" } else { "items" }
        );
        Self {
            kind: ErrorType::TooMany,
            path: path.clone(),
            value: Some(actual.to_string()),
            detail,
        }
    }

    /// What is said of the field, without its path: the message of a Status' cause.
    pub fn body(&self) -> String {
        let words = self.kind.words();
        match (&self.value, self.detail.is_empty()) {
            (Some(value), true) => format!("{words}: {value}"),
            (Some(value), false) => format!("{words}: {value}: {}", self.detail),
            (None, true) => words.to_owned(),
            (None, false) => format!("{words}: {}", self.detail),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.body())
    }
}

/// A value as an error message shows it.
pub trait Shown {
    /// Strings in quotes with escapes, numbers and booleans bare, everything else as JSON.
    fn shown(&self) -> String;
}

impl Shown for str {
    fn shown(&self) -> String {
        quote(self)
    }
}

impl<T: Shown + ?Sized> Shown for &T {
    fn shown(&self) -> String {
        (**self).shown()
    }
}

impl Shown for String {
    fn shown(&self) -> String {
        self.as_str().shown()
    }
}

impl Shown for serde_json::Value {
    fn shown(&self) -> String {
        match self {
            Self::String(text) => quote(text),
            other => quote::html_safe(other.to_string()),
        }
    }
}

macro_rules! shown_bare {
    ($($t:ty),*) => { $(impl Shown for $t { fn shown(&self) -> String { self.to_string() } })* };
}
shown_bare!(i32, i64, u32, u64, usize, bool);
