//! What the registry answers, before anybody has asked for it in bytes.

use std::sync::Arc;

use navarch_machinery::object::Object;
use navarch_store::{Entry, Revision};
use serde_json::Value;

use crate::registry::WatchFeed;
use crate::served::Served;

/// An answer, and what the client is warned of.
pub(crate) struct Reply {
    pub(crate) output: Output,
    pub(crate) warnings: Vec<String>,
}

/// An answer.
pub(crate) enum Output {
    /// One object that is in the store, or was: its bytes are the answer.
    Stored {
        served: Arc<Served>,
        entry: Arc<Entry>,
        /// The decoded form where the request made it anyway.
        object: Option<Arc<dyn Object>>,
        created: bool,
    },
    /// One object that is not in the store in this form.
    Object {
        served: Arc<Served>,
        object: Arc<dyn Object>,
        created: bool,
    },
    /// JSON without a table: a Status, or the body of a subresource.
    Value { value: Value, code: u16 },
    /// Many objects.
    List(List),
    /// Changes to come.
    Watch(Box<WatchFeed>),
}

/// A list, or a page of it.
pub(crate) struct List {
    pub(crate) served: Arc<Served>,
    pub(crate) entries: Vec<Arc<Entry>>,
    pub(crate) revision: Revision,
    /// Empty on the last page.
    pub(crate) continue_token: String,
    /// How many follow, where it is known.
    pub(crate) remaining: Option<i64>,
}

impl List {
    /// The objects, decoded, for those who keep them.
    pub(crate) fn objects(&self) -> navarch_machinery::status::Result<Vec<Arc<dyn Object>>> {
        self.entries
            .iter()
            .map(|entry| self.served.share(entry))
            .collect()
    }
}

/// The Status that says that a request has succeeded. `details`: group, plural, name and uid of what it was about.
pub(crate) fn success(details: Option<(&Served, &str, Option<&str>)>, code: Option<u16>) -> Value {
    let mut status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
    });
    if let (Some((served, name, uid)), Some(fields)) = (details, status.as_object_mut()) {
        let mut about = serde_json::Map::new();
        about.insert("name".into(), name.into());
        if !served.def.group.is_empty() {
            about.insert("group".into(), (*served.def.group).into());
        }
        about.insert("kind".into(), (*served.def.plural).into());
        if let Some(uid) = uid {
            about.insert("uid".into(), uid.into());
        }
        fields.insert("details".into(), about.into());
    }
    if let (Some(code), Some(fields)) = (code, status.as_object_mut()) {
        fields.insert("code".into(), code.into());
    }
    status
}
