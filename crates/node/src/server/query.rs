//! The parameters of a request.

use std::collections::HashMap;

/// Parameters by name, in order.
#[derive(Debug, Default)]
pub(super) struct Query(HashMap<String, Vec<String>>);

impl Query {
    pub(super) fn of(uri: &http::Uri) -> Self {
        let mut all: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()) {
            all.entry(name.into_owned())
                .or_default()
                .push(value.into_owned());
        }
        Self(all)
    }

    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.get(name).cloned().unwrap_or_default()
    }

    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)?
            .first()
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }

    /// Whether a flag is set by any of its names.
    pub(super) fn flag(&self, names: &[&str]) -> bool {
        names
            .iter()
            .any(|name| matches!(self.one(name), Some("1" | "true" | "True" | "TRUE" | "t")))
    }
}
