//! `metadata.managedFields`: an entry for each manager.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde::{Deserialize, Serialize};

use super::codec;
use super::set::Set;

const APPLY: &str = "Apply";
const UPDATE: &str = "Update";
const FIELDS_V1: &str = "FieldsV1";

/// What a manager owns. Who it is: name, operation, subresource and, for updates, the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name.
    pub manager: Cow<'a, str>,
    /// Whether it applied; else it updated.
    pub applied: bool,
    /// The version in which the fields are named.
    pub api_version: Cow<'a, str>,
    /// Empty: the object itself.
    pub subresource: Cow<'a, str>,
    /// When it last changed something, in seconds, UTC: `2026-11-22T14:54:21Z`. An applier that changed nothing yet has none.
    pub time: Option<Cow<'a, str>>,
    /// What it owns.
    pub fields: Set<'a>,
}

/// An entry that says not what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedEntry {
    /// Of another operation than `Apply` or `Update`.
    #[error("operation must be `Apply` or `Update`")]
    Operation,
    /// Without a version.
    #[error("apiVersion must not be empty")]
    Version,
    /// Fields in another form than `FieldsV1`.
    #[error("invalid fieldsType {0:?}")]
    Type(String),
    /// Fields that are none.
    #[error("the fields of {0:?} cannot be read")]
    Fields(String),
}

impl Entry<'_> {
    /// Whether both are the same manager's.
    pub fn is_same(&self, other: &Entry<'_>) -> bool {
        self.manager == other.manager
            && self.applied == other.applied
            && self.subresource == other.subresource
            && (self.applied || self.api_version == other.api_version)
    }
}

/// An entry as JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form<'a> {
    #[serde(borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    fields_type: Cow<'a, str>,
    #[serde(borrow, default, rename = "fieldsV1")]
    fields: Set<'a>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    manager: Cow<'a, str>,
    #[serde(borrow, default)]
    operation: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    subresource: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    time: Cow<'a, str>,
}

impl<'a> From<Form<'a>> for Entry<'a> {
    fn from(form: Form<'a>) -> Self {
        Self {
            manager: form.manager,
            applied: form.operation == APPLY,
            api_version: form.api_version,
            subresource: form.subresource,
            time: (!form.time.is_empty()).then_some(form.time),
            fields: form.fields,
        }
    }
}

impl<'a> From<Entry<'a>> for Form<'a> {
    fn from(entry: Entry<'a>) -> Self {
        Self {
            api_version: entry.api_version,
            fields_type: FIELDS_V1.into(),
            fields: entry.fields,
            manager: entry.manager,
            operation: if entry.applied { APPLY } else { UPDATE }.into(),
            subresource: entry.subresource,
            time: entry.time.unwrap_or_default(),
        }
    }
}

/// Reads entries that this program wrote.
///
/// # Errors
/// What it did not write.
pub fn decode(json: &[u8]) -> serde_json::Result<Vec<Entry<'_>>> {
    let forms: Vec<Form<'_>> = serde_json::from_slice(json)?;
    Ok(forms.into_iter().map(Entry::from).collect())
}

/// Takes the entries that a client sent. Of entries of the same manager the last counts.
///
/// # Errors
/// The first that is malformed.
pub fn of_client(entries: &[ManagedFieldsEntry]) -> Result<Vec<Entry<'_>>, MalformedEntry> {
    let mut read: Vec<Entry<'_>> = Vec::with_capacity(entries.len());
    for entry in entries {
        let entry = one_of_client(entry)?;
        read.retain(|other| !other.is_same(&entry));
        read.push(entry);
    }
    Ok(read)
}

fn one_of_client(entry: &ManagedFieldsEntry) -> Result<Entry<'_>, MalformedEntry> {
    fn text(text: &Option<String>) -> &str {
        text.as_deref().unwrap_or_default()
    }
    let applied = match text(&entry.operation) {
        APPLY => true,
        UPDATE => false,
        _ => return Err(MalformedEntry::Operation),
    };
    if text(&entry.api_version).is_empty() {
        return Err(MalformedEntry::Version);
    }
    if text(&entry.fields_type) != FIELDS_V1 {
        return Err(MalformedEntry::Type(text(&entry.fields_type).into()));
    }
    let manager = text(&entry.manager);
    let fields = match &entry.fields_v1 {
        Some(fields) => Set::deserialize(&fields.0).ok().and_then(codec::canonical),
        None => Some(Set::default()),
    };
    let time = entry.time.as_ref();
    Ok(Entry {
        manager: manager.into(),
        applied,
        api_version: text(&entry.api_version).into(),
        subresource: text(&entry.subresource).into(),
        time: time.map(|time| Cow::Owned(time.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())),
        fields: fields.ok_or_else(|| MalformedEntry::Fields(manager.into()))?,
    })
}

/// Writes entries, in Kubernetes' order: who applied first, then by time and name. Nothing for none.
pub fn encode(mut entries: Vec<Entry<'_>>) -> Vec<u8> {
    if entries.is_empty() {
        return Vec::new();
    }
    entries.sort_by(|a, b| {
        (b.applied.cmp(&a.applied))
            .then_with(|| a.time.cmp(&b.time))
            .then_with(|| a.manager.cmp(&b.manager))
            .then_with(|| a.api_version.cmp(&b.api_version))
            .then_with(|| a.subresource.cmp(&b.subresource))
    });
    let forms: Vec<Form<'_>> = entries.into_iter().map(Form::from).collect();
    let mut json = Vec::with_capacity(256 * forms.len());
    // Text and maps with text as keys: writing them to memory cannot fail.
    let _ = serde_json::to_writer(&mut json, &forms);
    json
}

/// Whether two encodings say the same of everybody, but for when.
pub fn same_but_times(a: &[u8], b: &[u8]) -> bool {
    let timeless = |json| {
        let mut entries: Vec<Entry<'_>> = decode(json).ok()?;
        entries.iter_mut().for_each(|entry| entry.time = None);
        Some(entries)
    };
    match (timeless(a), timeless(b)) {
        (Some(a), Some(b)) => !a.is_empty() && a == b,
        _ => false,
    }
}
