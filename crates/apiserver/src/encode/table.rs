//! Objects as `meta.k8s.io/v1` Table: what `kubectl get` prints.

use bytes::Bytes;
use jiff::Timestamp;
use navarch_machinery::field::quote;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_store::Entry;
use serde_json::{Value, json};

use super::list::list_meta;
use super::{object_bytes, partial};
use crate::reply::List;
use crate::served::Served;

/// What a row holds of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Include {
    None,
    Metadata,
    Object,
}

/// Makes tables for one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tables {
    include: Include,
    /// The version of `meta.k8s.io`.
    meta: &'static str,
}

impl Tables {
    /// `include`: the query's `includeObject`. `meta`: the version of `meta.k8s.io`.
    pub(crate) fn new(include: &str, meta: &'static str) -> Result<Self> {
        let include = match include {
            "None" => Include::None,
            "Object" => Include::Object,
            "Metadata" | "" => Include::Metadata,
            other => {
                let other = quote(other);
                return Err(StatusError::bad_request(format!(
                    "Unable to convert to Table as requested: includeObject: Invalid value: {other}: \
                     must be 'Metadata', 'Object', 'None', or empty"
                )));
            }
        };
        Ok(Self { include, meta })
    }

    /// A list.
    pub(crate) fn list(self, list: &List) -> Result<Bytes> {
        let meta = list_meta(list.revision, &list.continue_token, list.remaining);
        let now = Timestamp::now();
        let mut out = self.begin(&list.served, &meta, true);
        for (at, entry) in list.entries.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            let object = list.served.decode(entry)?;
            self.row(
                &list.served,
                &*object,
                &object_bytes(&list.served, entry)?,
                now,
                &mut out,
            );
        }
        out.extend_from_slice(b"]}");
        Ok(out.into())
    }

    /// One object.
    pub(crate) fn object(self, served: &Served, object: &dyn Object, json: &[u8]) -> Bytes {
        self.single(served, object, json, true).into()
    }

    /// One object of a watch; the columns are told with the first.
    pub(crate) fn event(self, served: &Served, entry: &Entry, first: bool) -> Result<Vec<u8>> {
        let object = served.decode(entry)?;
        Ok(self.single(served, &*object, &object_bytes(served, entry)?, first))
    }

    /// A table that says nothing but how far a watch has come.
    pub(crate) fn bookmark(self, served: &Served, revision: u64) -> Vec<u8> {
        let mut out = self.begin(served, &list_meta(revision, "", None), false);
        out.extend_from_slice(b"]}");
        out
    }

    fn single(self, served: &Served, object: &dyn Object, json: &[u8], columns: bool) -> Vec<u8> {
        let version = object
            .metadata()
            .resource_version
            .as_deref()
            .unwrap_or_default();
        let meta = if version.is_empty() {
            "{}".into()
        } else {
            format!("{{\"resourceVersion\":{version:?}}}")
        };
        let mut out = self.begin(served, &meta, columns);
        self.row(served, object, json, Timestamp::now(), &mut out);
        out.extend_from_slice(b"]}");
        out
    }

    fn row(
        self,
        served: &Served,
        object: &dyn Object,
        json: &[u8],
        now: Timestamp,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(b"{\"cells\":");
        let cells = Value::Array(served.def.strategy.cells(object, now));
        out.extend_from_slice(cells.to_string().as_bytes());
        out.extend_from_slice(b",\"object\":");
        match self.include {
            Include::None => out.extend_from_slice(b"null"),
            Include::Metadata => out.extend_from_slice(&partial(served, json, self.meta)),
            Include::Object => out.extend_from_slice(json),
        }
        out.push(b'}');
    }

    fn begin(self, served: &Served, meta: &str, columns: bool) -> Vec<u8> {
        let version = self.meta;
        let all: Vec<Value> = served
            .def
            .columns
            .iter()
            .map(|column| {
                json!({
                    "name": column.name, "type": column.kind, "format": column.format,
                    "description": column.description, "priority": column.priority,
                })
            })
            .collect();
        let columns = match columns {
            true => Value::Array(all),
            false => Value::Null,
        };
        format!("{{\"kind\":\"Table\",\"apiVersion\":{version:?},\"metadata\":{meta},\"columnDefinitions\":{columns},\"rows\":[").into_bytes()
    }
}
