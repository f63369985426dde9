//! The handle through which every part speaks to the API, with the types put back on.

use std::sync::Arc;

use futures::StreamExt;
use navarch_api::call::{
    Answer, Body, Call, Endpoint, Gvr, Options, PatchKind, WatchEvent, WatchStream,
};
use navarch_api::def::Verb;
use navarch_api::strategy::Propagation;
use navarch_machinery::object::{Object, Typed, downcast};
use navarch_machinery::status::{Result, StatusError};
use serde_json::Value;

/// A client. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    endpoint: Arc<dyn Endpoint>,
}

/// What to list or watch.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Only this namespace.
    pub namespace: Option<String>,
    /// Only objects with matching labels.
    pub label_selector: String,
    /// Only objects with matching fields.
    pub field_selector: String,
}

/// How to delete.
#[derive(Debug, Clone, Default)]
pub struct DeleteOptions {
    /// Seconds; `None`: the object's own.
    pub grace_period: Option<i64>,
    /// What becomes of dependents; `None`: the kind's default.
    pub propagation: Option<Propagation>,
    /// Only the object with this uid.
    pub uid: Option<String>,
    /// Only the object at this resource version.
    pub resource_version: Option<String>,
}

/// Objects of a kind at a revision.
#[derive(Debug, Clone)]
pub struct List<T> {
    /// The objects, by key.
    pub items: Vec<Arc<T>>,
    /// Where a watch goes on.
    pub resource_version: String,
}

/// The most objects that one page of a list holds.
const PAGE: u64 = 5000;

impl Client {
    /// A client that speaks through `endpoint`.
    pub fn new(endpoint: Arc<dyn Endpoint>) -> Self {
        Self { endpoint }
    }

    /// Reads one object.
    pub async fn get<T: Typed>(&self, namespace: Option<&str>, name: &str) -> Result<Arc<T>> {
        self.one(call::<T>(Verb::Get, namespace, Some(name))).await
    }

    /// Makes an object in the namespace that its metadata names.
    pub async fn create<T: Typed>(&self, object: T) -> Result<Arc<T>> {
        let namespace = object.metadata().namespace.clone();
        let mut call = call::<T>(Verb::Create, namespace.as_deref(), None);
        call.body = Body::Object(Arc::new(object));
        self.one(call).await
    }

    /// Replaces an object; a conflict if it changed since the resource version it carries.
    pub async fn update<T: Typed>(&self, object: T) -> Result<Arc<T>> {
        self.put(object, None).await
    }

    /// Replaces an object's status.
    pub async fn update_status<T: Typed>(&self, object: T) -> Result<Arc<T>> {
        self.put(object, Some("status")).await
    }

    async fn put<T: Typed>(&self, object: T, subresource: Option<&str>) -> Result<Arc<T>> {
        let metadata = object.metadata();
        let mut call = call::<T>(
            Verb::Update,
            metadata.namespace.as_deref(),
            metadata.name.as_deref(),
        );
        call.subresource = subresource.map(str::to_owned);
        call.body = Body::Object(Arc::new(object));
        self.one(call).await
    }

    /// Changes parts of an object.
    pub async fn patch<T: Typed>(
        &self,
        namespace: Option<&str>,
        name: &str,
        kind: PatchKind,
        patch: Value,
    ) -> Result<Arc<T>> {
        let mut call = call::<T>(Verb::Patch, namespace, Some(name));
        call.body = Body::Patch(kind, patch);
        self.one(call).await
    }

    /// Changes parts of an object's status.
    pub async fn patch_status<T: Typed>(
        &self,
        namespace: Option<&str>,
        name: &str,
        kind: PatchKind,
        patch: Value,
    ) -> Result<Arc<T>> {
        let mut call = call::<T>(Verb::Patch, namespace, Some(name));
        call.subresource = Some("status".into());
        call.body = Body::Patch(kind, patch);
        self.one(call).await
    }

    /// Deletes an object, or asks for its deletion where it has grace or finalizers.
    pub async fn delete<T: Typed>(
        &self,
        namespace: Option<&str>,
        name: &str,
        options: DeleteOptions,
    ) -> Result<()> {
        let mut call = call::<T>(Verb::Delete, namespace, Some(name));
        call.options.grace_period = options.grace_period;
        call.options.propagation = options.propagation;
        call.options.uid = options.uid;
        call.options.precondition_version = options.resource_version;
        self.endpoint.call(call).await.map(drop)
    }

    /// Lists objects, page by page, all from one revision.
    pub async fn list<T: Typed>(&self, options: &ListOptions) -> Result<List<T>> {
        let mut items = Vec::new();
        let mut token = String::new();
        loop {
            let mut call = call::<T>(Verb::List, options.namespace.as_deref(), None);
            call.options = selecting(options);
            call.options.limit = PAGE;
            call.options.continue_token = token;
            let Answer::List {
                items: page,
                resource_version,
                continue_token,
            } = self.endpoint.call(call).await?
            else {
                return Err(StatusError::internal(
                    "a list was answered with something else",
                ));
            };
            for object in page {
                items.push(typed(object)?);
            }
            if continue_token.is_empty() {
                return Ok(List {
                    items,
                    resource_version,
                });
            }
            token = continue_token;
        }
    }

    /// Follows changes after `resource_version`, with bookmarks.
    pub async fn watch<T: Typed>(
        &self,
        options: &ListOptions,
        resource_version: &str,
    ) -> Result<WatchStream> {
        let mut call = call::<T>(Verb::Watch, options.namespace.as_deref(), None);
        call.options = selecting(options);
        call.options.resource_version = resource_version.to_owned();
        call.options.bookmarks = true;
        self.endpoint.watch(call).await
    }

    /// Writes or reads a subresource whose body is another kind, as `pods/binding` or `serviceaccounts/token`; the answer is its JSON.
    pub async fn subresource<T: Typed>(
        &self,
        verb: Verb,
        namespace: Option<&str>,
        name: &str,
        subresource: &str,
        body: Body,
    ) -> Result<Value> {
        let mut call = call::<T>(verb, namespace, Some(name));
        call.subresource = Some(subresource.to_owned());
        call.body = body;
        match self.endpoint.call(call).await? {
            Answer::Json(value) => Ok(value),
            Answer::Object(object) => {
                let mut json = Vec::new();
                object.encode(&mut json);
                serde_json::from_slice(&json).map_err(StatusError::internal)
            }
            Answer::List { .. } => Err(StatusError::internal(
                "a subresource was answered with a list",
            )),
        }
    }

    /// Any call, for what works on kinds it learns at run time.
    pub async fn call(&self, call: Call) -> Result<Answer> {
        self.endpoint.call(call).await
    }

    /// Any watch, for what works on kinds it learns at run time.
    pub async fn watch_call(&self, call: Call) -> Result<WatchStream> {
        self.endpoint.watch(call).await
    }

    async fn one<T: Typed>(&self, call: Call) -> Result<Arc<T>> {
        match self.endpoint.call(call).await? {
            Answer::Object(object) => typed(object),
            _ => Err(StatusError::internal(
                "an object was expected, the answer is something else",
            )),
        }
    }
}

fn call<T: Typed>(verb: Verb, namespace: Option<&str>, name: Option<&str>) -> Call {
    Call {
        verb,
        resource: Gvr::of::<T>(),
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        subresource: None,
        body: Body::None,
        options: Options::default(),
    }
}

fn selecting(options: &ListOptions) -> Options {
    Options {
        label_selector: options.label_selector.clone(),
        field_selector: options.field_selector.clone(),
        ..Options::default()
    }
}

fn typed<T: Typed>(object: Arc<dyn Object>) -> Result<Arc<T>> {
    downcast(object).ok_or_else(|| StatusError::internal(format!("the answer is no {}", T::KIND)))
}

/// A change of an object of a known kind.
pub(crate) enum Change<T> {
    Put(Arc<T>),
    Gone(Arc<T>),
    Upto(String),
}

/// The next change of a watch, typed; `None` at its end.
pub(crate) async fn next_change<T: Typed>(stream: &mut WatchStream) -> Option<Result<Change<T>>> {
    let event = stream.next().await?;
    Some(event.and_then(|event| match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) => typed(object).map(Change::Put),
        WatchEvent::Deleted(object) => typed(object).map(Change::Gone),
        WatchEvent::Bookmark(version) => Ok(Change::Upto(version)),
    }))
}
