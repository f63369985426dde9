//! Which objects a list or a watch is about.

use std::borrow::Cow;

use navarch_machinery::status::{Result, StatusError};
use navarch_machinery::{fields, labels};
use navarch_store::Entry;

use super::Request;
use crate::encode::scan;
use crate::request::Params;
use crate::served::Served;

/// Fields that stand in the JSON as text under just their name: what many watchers select by needs no decoding.
const DIRECT: &[&str] = &[
    "spec.nodeName",
    "status.phase",
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
];

fn is_direct(field: &str) -> bool {
    field.starts_with("metadata.") || DIRECT.contains(&field)
}

/// Label and field selectors together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    pub(crate) labels: labels::Selector,
    pub(crate) fields: fields::Selector,
}

impl Selection {
    /// The selectors of a request. The path of an old watch of one object has its name.
    pub(crate) fn of(request: &Request<'_>) -> Result<Self> {
        let mut selection = Self::parse(request.served, request.params)?;
        let name = &*request.info.name;
        if !name.is_empty() {
            let named = fields::Selector::equals("metadata.name", name);
            selection.fields = selection.fields.and(named);
        }
        Ok(selection)
    }

    /// Reads the selectors of a query, and refuses fields that the resource does not select by.
    pub(crate) fn parse(served: &Served, params: &Params<'_>) -> Result<Self> {
        let refused = |error: String| StatusError::bad_request(error);
        let labels = match &*params.label_selector {
            "" => labels::Selector::everything(),
            text => labels::Selector::parse(text).map_err(|error| refused(error.0))?,
        };
        let fields = match &*params.field_selector {
            "" => fields::Selector::default(),
            text => fields::Selector::parse(text).map_err(|error| refused(error.0))?,
        };
        // Kinds outside of namespaces that say what they select by do not select by them.
        let own = &served.def.selectable_fields;
        let in_namespaces = served.def.is_namespaced() || own.is_empty();
        let known = |field: &str| {
            field == "metadata.name"
                || (field == "metadata.namespace" && in_namespaces)
                || own.iter().any(|f| f == field)
        };
        match fields.terms().iter().find(|term| !known(&term.field)) {
            Some(term) => Err(refused(unknown_field(served, &term.field))),
            None => Ok(Self { labels, fields }),
        }
    }

    /// Whether it selects everything.
    pub(crate) fn is_all(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// The one name that an object must have.
    pub(crate) fn name(&self) -> Option<&str> {
        self.fields.exact_match("metadata.name")
    }

    /// Whether it selects the object of an entry. Decodes it only where fields of the kind itself are asked for.
    pub(crate) fn matches(&self, served: &Served, entry: &Entry) -> Result<bool> {
        if !self.fields.is_empty() && !self.matches_fields(served, entry)? {
            return Ok(false);
        }
        Ok(self.labels.is_empty() || self.matches_labels(entry))
    }

    fn matches_labels(&self, entry: &Entry) -> bool {
        let labels: Vec<(&str, &str)> = scan::labels(&entry.value).collect();
        self.labels.matches_by(|key| {
            labels
                .iter()
                .find(|(found, _)| *found == key)
                .map(|(_, value)| *value)
        })
    }

    fn matches_fields(&self, served: &Served, entry: &Entry) -> Result<bool> {
        let path = &entry.key[served.prefix.len().min(entry.key.len())..];
        let (namespace, name) = path.split_once('/').unwrap_or(("", path));
        if self
            .fields
            .terms()
            .iter()
            .all(|term| is_direct(&term.field))
            && served.storage.is_none()
        {
            return Ok(self.fields.matches(|field| match field {
                "metadata.name" => Some(Cow::Borrowed(name)),
                "metadata.namespace" => Some(Cow::Borrowed(namespace)),
                other => scan::at(&entry.value, other).map(Cow::Borrowed),
            }));
        }
        let object = served.decode(entry)?;
        Ok(self.fields.matches(|field| match field {
            "metadata.name" => Some(Cow::Borrowed(name)),
            "metadata.namespace" => Some(Cow::Borrowed(namespace)),
            other => served.def.strategy.field(&*object, other).map(Cow::Owned),
        }))
    }
}

/// Kubernetes says it in one way of kinds that select by nothing of their own, and in several of others.
fn unknown_field(served: &Served, field: &str) -> String {
    match &served.def.unknown_field {
        Some(words) => words.replace("{}", field),
        None if served.def.selectable_fields.is_empty() => format!(
            "{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        ),
        None => format!("field label not supported: {field}"),
    }
}
