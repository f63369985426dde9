//! A call to the API and its answer, apart from how they travel: over HTTPS as bytes, or in process as shared objects.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use navarch_machinery::object::Object;
use navarch_machinery::status::Result;
use serde_json::Value;

use crate::def::Verb;
use crate::strategy::Propagation;

/// A resource by its address: `("apps", "v1", "deployments")`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gvr {
    /// Empty: the core group.
    pub group: String,
    /// As `v1`.
    pub version: String,
    /// The plural.
    pub resource: String,
}

impl Gvr {
    /// The address of a built-in type.
    pub fn of<T: k8s_openapi::Resource>() -> Self {
        Self {
            group: T::GROUP.into(),
            version: T::VERSION.into(),
            resource: T::URL_PATH_SEGMENT.into(),
        }
    }
}

/// How a patch is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Kubernetes' own, which knows merge keys.
    Strategic,
    /// Server-side apply.
    Apply,
}

/// What a call carries.
#[derive(Debug, Clone, Default)]
pub enum Body {
    /// Nothing.
    #[default]
    None,
    /// An object; for subresources with a body of their own, that (Scale, Binding, TokenRequest).
    Object(Arc<dyn Object>),
    /// JSON that has no typed form with metadata.
    Json(Value),
    /// A patch.
    Patch(PatchKind, Value),
}

/// What goes beside the body. Empty fields: not given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// A label selector.
    pub label_selector: String,
    /// A field selector.
    pub field_selector: String,
    /// For reads and watches.
    pub resource_version: String,
    /// At most so many items; 0: all.
    pub limit: u64,
    /// From the last page.
    pub continue_token: String,
    /// Nothing is kept.
    pub dry_run: bool,
    /// Who writes, for managed fields.
    pub field_manager: String,
    /// Deletion: seconds.
    pub grace_period: Option<i64>,
    /// Deletion: what becomes of dependents.
    pub propagation: Option<Propagation>,
    /// Deletion: only the object with this uid.
    pub uid: Option<String>,
    /// Deletion: only the object at this resource version.
    pub precondition_version: Option<String>,
    /// Apply: take fields from others.
    pub force: bool,
    /// Watch: bookmarks are wanted.
    pub bookmarks: bool,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    /// The verb; for subresources, the verb on it.
    pub verb: Verb,
    /// The resource.
    pub resource: Gvr,
    /// The namespace; `None`: all, or none in cluster scope.
    pub namespace: Option<String>,
    /// The object.
    pub name: Option<String>,
    /// The subresource.
    pub subresource: Option<String>,
    /// The body.
    pub body: Body,
    /// The rest.
    pub options: Options,
}

/// The answer to a call that is not a watch.
#[derive(Debug, Clone)]
pub enum Answer {
    /// One object.
    Object(Arc<dyn Object>),
    /// Something else, as a Status or a subresource's body.
    Json(Value),
    /// Many objects.
    List {
        /// The objects.
        items: Vec<Arc<dyn Object>>,
        /// The revision of the list: where a watch continues.
        resource_version: String,
        /// For the next page; empty on the last.
        continue_token: String,
    },
}

/// A change that a watch tells.
#[derive(Debug, Clone)]
pub enum WatchEvent {
    /// The object came into what is watched.
    Added(Arc<dyn Object>),
    /// It changed.
    Modified(Arc<dyn Object>),
    /// It left; its last state.
    Deleted(Arc<dyn Object>),
    /// Everything up to this resource version has been told.
    Bookmark(String),
}

/// Changes in order. Ends with an error (410: list anew) or when the server closes.
pub type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchEvent>> + Send>>;

/// Whatever answers calls: the pipeline in this process, or a connection to a server.
#[async_trait::async_trait]
pub trait Endpoint: Send + Sync {
    /// Answers a call.
    async fn call(&self, call: Call) -> Result<Answer>;
    /// Follows changes; the verb of `call` is `Watch`.
    async fn watch(&self, call: Call) -> Result<WatchStream>;
}
