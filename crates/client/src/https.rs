//! The endpoint over HTTPS: calls become requests, answers are decoded once.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::BodyExt;
use navarch_api::call::{Answer, Body, Call, Endpoint, PatchKind, WatchEvent, WatchStream};
use navarch_api::def::{ResourceDef, Verb};
use navarch_api::strategy::Propagation;
use navarch_api::table;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::watch;

/// The longest answer that is taken: a page of large objects.
const ANSWER_BYTES: usize = 512 << 20;
/// The longest event of a watch: Kubernetes' limit on an object, and some more for its frame.
const EVENT_BYTES: usize = 4 << 20;

/// A connection to an API server.
pub struct Https {
    client: watch::Receiver<kube::Client>,
    /// Whom it acts as, with their groups, if that is somebody else than the client's credentials are of.
    acting_as: Option<(String, Vec<String>)>,
}

impl Https {
    /// Speaks through a configured kube client: address, trust and credentials are its business.
    pub fn new(client: kube::Client) -> Self {
        Self::exchangeable(watch::channel(client).1)
    }

    /// The same through the client of the moment: when it is exchanged, for one with a newer certificate, say, watches end, and whoever
    /// watches begins again with the new one. Other calls that are under way are finished.
    pub fn exchangeable(client: watch::Receiver<kube::Client>) -> Self {
        Self {
            client,
            acting_as: None,
        }
    }

    /// The same, but acts as somebody whom the owner of the credentials is permitted to impersonate.
    pub fn acting_as(client: watch::Receiver<kube::Client>, name: &str, groups: &[String]) -> Self {
        Self {
            client,
            acting_as: Some((name.to_owned(), groups.to_vec())),
        }
    }

    /// Says in a request whom it acts as.
    fn sign(&self, headers: &mut HeaderMap) -> Result<()> {
        let Some((name, groups)) = &self.acting_as else {
            return Ok(());
        };
        let value = |text: &str| HeaderValue::from_str(text).map_err(StatusError::internal);
        headers.insert("impersonate-user", value(name)?);
        for group in groups {
            headers.append("impersonate-group", value(group)?);
        }
        Ok(())
    }

    async fn send(&self, call: &Call) -> Result<Response<kube::client::Body>> {
        let mut request = request(call)?;
        self.sign(request.headers_mut())?;
        let client = self.client.borrow().clone();
        let response = client
            .send(request)
            .await
            .map_err(|error| unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let code = response.status().as_u16();
        let body = collect(response).await?;
        Err(failure(code, &body))
    }
}

#[async_trait::async_trait]
impl Endpoint for Https {
    async fn call(&self, call: Call) -> Result<Answer> {
        let body = collect(self.send(&call).await?).await?;
        let def = definition(&call)?;
        if call.verb == Verb::List {
            return list(def, &body);
        }
        let is_object = !matches!(call.verb, Verb::Delete | Verb::DeleteCollection)
            && call
                .subresource
                .as_deref()
                .is_none_or(|sub| has_own_body(def, sub));
        if is_object {
            return decode(def, &body).map(Answer::Object);
        }
        serde_json::from_slice(&body)
            .map(Answer::Json)
            .map_err(StatusError::internal)
    }

    async fn watch(&self, call: Call) -> Result<WatchStream> {
        let def = definition(&call)?.clone();
        let mut client = self.client.clone();
        client.mark_unchanged();
        let body = self.send(&call).await?.into_body();
        let lines = Lines {
            body: body.into_data_stream().boxed(),
            buffer: BytesMut::new(),
            scanned: 0,
        };
        let events = futures::stream::unfold(Some((lines, def)), |state| async move {
            let (mut lines, def) = state?;
            match lines.next().await {
                None => None,
                Some(Ok(line)) => {
                    let event = event(&def, &line);
                    let next = event.is_ok().then_some((lines, def));
                    Some((event, next))
                }
                Some(Err(error)) => Some((Err(error), None)),
            }
        });
        Ok(events.take_until(exchanged(client)).boxed())
    }
}

/// Ends when the client is exchanged; never, if nobody can.
async fn exchanged(mut client: watch::Receiver<kube::Client>) {
    if client.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn definition(call: &Call) -> Result<&'static Arc<ResourceDef>> {
    let gvr = &call.resource;
    table::builtin()
        .resource(&gvr.group, &gvr.version, &gvr.resource)
        .ok_or_else(StatusError::no_such_path)
}

/// Whether the subresource is the object itself, as `status`.
fn has_own_body(def: &ResourceDef, subresource: &str) -> bool {
    def.subresource(subresource)
        .is_some_and(|sub| sub.body.is_none())
}

fn decode(def: &ResourceDef, json: &[u8]) -> Result<Arc<dyn Object>> {
    def.strategy
        .decode_stored(json)
        .map_err(StatusError::internal)
}

fn path(call: &Call) -> String {
    let gvr = &call.resource;
    let mut path = if gvr.group.is_empty() {
        format!("/api/{}", gvr.version)
    } else {
        format!("/apis/{}/{}", gvr.group, gvr.version)
    };
    if let Some(namespace) = &call.namespace {
        path.push_str("/namespaces/");
        path.push_str(namespace);
    }
    path.push('/');
    path.push_str(&gvr.resource);
    for part in [&call.name, &call.subresource].into_iter().flatten() {
        path.push('/');
        path.push_str(part);
    }
    path
}

fn query(call: &Call) -> String {
    let o = &call.options;
    let limit = if o.limit == 0 {
        String::new()
    } else {
        o.limit.to_string()
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    let pairs = [
        ("labelSelector", o.label_selector.as_str()),
        ("fieldSelector", &o.field_selector),
        ("resourceVersion", &o.resource_version),
        ("limit", &limit),
        ("continue", &o.continue_token),
        ("fieldManager", &o.field_manager),
        ("dryRun", if o.dry_run { "All" } else { "" }),
        ("force", if o.force { "true" } else { "" }),
        ("allowWatchBookmarks", if o.bookmarks { "true" } else { "" }),
        ("watch", if call.verb == Verb::Watch { "true" } else { "" }),
    ];
    for (name, value) in pairs {
        if !value.is_empty() {
            query.append_pair(name, value);
        }
    }
    query.finish()
}

fn request(call: &Call) -> Result<Request<kube::client::Body>> {
    let (method, kind) = match call.verb {
        Verb::Create => (Method::POST, "application/json"),
        Verb::Update => (Method::PUT, "application/json"),
        Verb::Delete | Verb::DeleteCollection => (Method::DELETE, "application/json"),
        Verb::Get | Verb::List | Verb::Watch => (Method::GET, "application/json"),
        Verb::Patch => (Method::PATCH, patch_type(&call.body)),
    };
    let body = match &call.body {
        Body::None if method == Method::DELETE => delete_options(call)?,
        Body::None => Vec::new(),
        Body::Object(object) => {
            let mut json = Vec::new();
            object.encode(&mut json);
            json
        }
        Body::Json(value) | Body::Patch(_, value) => {
            serde_json::to_vec(value).map_err(StatusError::internal)?
        }
    };
    let uri = match query(call) {
        query if query.is_empty() => path(call),
        query => format!("{}?{query}", path(call)),
    };
    Request::builder()
        .method(method)
        .uri(uri)
        .header("content-type", kind)
        .header("accept", "application/json")
        .body(kube::client::Body::from(body))
        .map_err(|error| StatusError::bad_request(error.to_string()))
}

fn patch_type(body: &Body) -> &'static str {
    match body {
        Body::Patch(PatchKind::Json, _) => "application/json-patch+json",
        Body::Patch(PatchKind::Strategic, _) => "application/strategic-merge-patch+json",
        Body::Patch(PatchKind::Apply, _) => "application/apply-patch+yaml",
        _ => "application/merge-patch+json",
    }
}

fn delete_options(call: &Call) -> Result<Vec<u8>> {
    let o = &call.options;
    let mut body = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
    if let Some(seconds) = o.grace_period {
        body["gracePeriodSeconds"] = seconds.into();
    }
    if let Some(propagation) = o.propagation {
        let word = match propagation {
            Propagation::Background => "Background",
            Propagation::Foreground => "Foreground",
            Propagation::Orphan => "Orphan",
        };
        body["propagationPolicy"] = word.into();
    }
    if let Some(uid) = &o.uid {
        body["preconditions"]["uid"] = uid.as_str().into();
    }
    if let Some(version) = &o.precondition_version {
        body["preconditions"]["resourceVersion"] = version.as_str().into();
    }
    serde_json::to_vec(&body).map_err(StatusError::internal)
}

async fn collect(response: Response<kube::client::Body>) -> Result<Bytes> {
    let limited = http_body_util::Limited::new(response.into_body(), ANSWER_BYTES);
    let body = limited
        .collect()
        .await
        .map_err(|error| unreachable(error.as_ref()))?;
    Ok(body.to_bytes())
}

fn failure(code: u16, body: &[u8]) -> StatusError {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
    let Ok(status) = serde_json::from_slice::<Status>(body) else {
        return StatusError::new(code, "", String::from_utf8_lossy(body).into_owned());
    };
    StatusError {
        code,
        reason: StatusError::known_reason(status.reason.as_deref().unwrap_or("")),
        message: status.message.unwrap_or_default(),
        details: status.details.map(Box::new),
    }
}

#[derive(Deserialize)]
struct RawList<'a> {
    #[serde(default)]
    metadata: Value,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

fn list(def: &ResourceDef, body: &[u8]) -> Result<Answer> {
    let raw: RawList<'_> = serde_json::from_slice(body).map_err(StatusError::internal)?;
    let text = |name: &str| {
        raw.metadata
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let items = raw
        .items
        .iter()
        .flatten()
        .map(|item| decode(def, item.get().as_bytes()))
        .collect::<Result<_>>()?;
    Ok(Answer::List {
        items,
        resource_version: text("resourceVersion"),
        continue_token: text("continue"),
    })
}

#[derive(Deserialize)]
struct RawEvent<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    object: &'a RawValue,
}

fn event(def: &ResourceDef, line: &[u8]) -> Result<WatchEvent> {
    let raw: RawEvent<'_> = serde_json::from_slice(line).map_err(StatusError::internal)?;
    let json = raw.object.get().as_bytes();
    match raw.kind.as_str() {
        "ADDED" => decode(def, json).map(WatchEvent::Added),
        "MODIFIED" => decode(def, json).map(WatchEvent::Modified),
        "DELETED" => decode(def, json).map(WatchEvent::Deleted),
        "BOOKMARK" => {
            let object: Value = serde_json::from_slice(json).map_err(StatusError::internal)?;
            let version = object
                .pointer("/metadata/resourceVersion")
                .and_then(Value::as_str)
                .unwrap_or("");
            Ok(WatchEvent::Bookmark(version.to_owned()))
        }
        _ => {
            let code = serde_json::from_slice::<Value>(json)
                .ok()
                .and_then(|status| status.get("code")?.as_u64());
            Err(failure(
                code.and_then(|code| u16::try_from(code).ok())
                    .unwrap_or(500),
                json,
            ))
        }
    }
}

/// That the server could not be asked, in the words of what happened last: `Connection refused`, and not `client error`.
fn unreachable(error: &(dyn std::error::Error + 'static)) -> StatusError {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    StatusError::unavailable(deepest.to_string())
}

/// The lines of a body, each at most [`EVENT_BYTES`] long.
struct Lines {
    body: futures::stream::BoxStream<'static, std::result::Result<Bytes, kube::Error>>,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no end of line.
    scanned: usize,
}

impl Lines {
    async fn next(&mut self) -> Option<Result<Bytes>> {
        loop {
            if let Some(at) = self.buffer[self.scanned..].iter().position(|b| *b == b'\n') {
                let line = self.buffer.split_to(self.scanned + at).freeze();
                self.buffer.advance(1);
                self.scanned = 0;
                if line.is_empty() {
                    continue;
                }
                return Some(Ok(line));
            }
            self.scanned = self.buffer.len();
            if self.buffer.len() > EVENT_BYTES {
                return Some(Err(StatusError::internal(
                    "an event of the watch is too long",
                )));
            }
            match self.body.next().await? {
                Ok(chunk) => self.buffer.extend_from_slice(&chunk),
                Err(error) => return Some(Err(StatusError::unavailable(error.to_string()))),
            }
        }
    }
}
