//! From a reply to bytes on the wire.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT, VARY,
    WARNING,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use navarch_api::def::SubresourceKind;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_machinery::yaml;

use super::handle::header;
use crate::ApiServer;
use crate::encode::body::{Gzip, ReplyBody};
use crate::encode::{self, Frames, Items, ListChunks, Tables};
use crate::limits::COMPRESS_FROM;
use crate::registry::{Feed, WatchFeed};
use crate::reply::{List, Output, Reply};
use crate::request::accept::{self, Accepted, Format, Shape};
use crate::request::{Params, RequestInfo};
use crate::served::Served;

/// Bytes of warnings that an answer carries at most.
const WARNINGS: usize = 4 << 10;

/// How one request's answer is to be written.
pub(super) struct Encoder {
    accepted: Accepted,
    gzip: bool,
    tables: Tables,
}

impl Encoder {
    /// Refuses what nobody can write. Streams are not negotiated.
    pub(super) fn new(
        headers: &HeaderMap,
        params: &Params<'_>,
        info: &RequestInfo<'_>,
        served: &Served,
    ) -> Result<Self> {
        use SubresourceKind::{Attach, Exec, Log, PortForward, Proxy};
        let sub = served.def.subresource(&info.subresource);
        let mut accepted = match sub.map(|sub| sub.kind) {
            Some(Log | Exec | Attach | PortForward | Proxy) => Accepted::JSON,
            _ => {
                let (accepts, tables) = (header(headers, &ACCEPT), served.has_table());
                accept::negotiate(accepts, info.verb, tables, || served.in_protobuf())?
            }
        };
        accepted.pretty |= accept::for_people(&params.pretty, header(headers, &USER_AGENT));
        let encodings = header(headers, &ACCEPT_ENCODING);
        let include = match accepted.shape {
            Shape::Table => &*params.include_object,
            _ => "",
        };
        let tables = Tables::new(include, accepted.meta)?;
        let gzip = accept::takes_gzip(encodings);
        Ok(Self {
            accepted,
            gzip,
            tables,
        })
    }

    /// Writes a reply.
    pub(super) fn encode(self, server: &ApiServer, reply: Reply) -> Result<Response<ReplyBody>> {
        let (code, body) = match reply.output {
            Output::Stored {
                served,
                entry,
                object,
                created,
            } => {
                let json = encode::object_bytes(&served, &entry)?;
                let object = object.filter(|_| served.storage.is_none());
                (
                    code(created),
                    self.object(&served, json, || {
                        object.map_or_else(|| served.decode(&entry), Ok)
                    })?,
                )
            }
            Output::Object {
                served,
                object,
                created,
            } => {
                let json = encode::encoded(&served, &*object);
                (code(created), self.object(&served, json, || Ok(object))?)
            }
            Output::Value { value, code } => (code, ReplyBody::Full(value.to_string().into())),
            Output::List(list) => (200, self.list(list)?),
            Output::Watch(feed) => return self.watch(server, *feed),
        };
        let mut response = self.response(code, body)?;
        for warning in warnings(&reply.warnings) {
            response.headers_mut().append(WARNING, warning);
        }
        Ok(response)
    }

    fn object(
        &self,
        served: &Served,
        json: Bytes,
        object: impl FnOnce() -> Result<Arc<dyn Object>>,
    ) -> Result<ReplyBody> {
        Ok(ReplyBody::Full(match self.accepted.shape {
            Shape::Plain => json,
            Shape::Metadata => encode::partial(served, &json, self.accepted.meta).into(),
            Shape::MetadataList => {
                return Err(StatusError::not_acceptable(format!(
                    "you requested PartialObjectMetadataList, but the requested object is not a list ({})",
                    internal_type(served, &served.def.kind)
                )));
            }
            Shape::Table => self.tables.object(served, &*object()?, &json),
        }))
    }

    fn list(&self, list: List) -> Result<ReplyBody> {
        let items = match self.accepted.shape {
            Shape::Table => return self.tables.list(&list).map(ReplyBody::Full),
            Shape::Plain => Items::Plain,
            Shape::MetadataList => Items::Metadata(self.accepted.meta),
            Shape::Metadata => {
                return Err(StatusError::not_acceptable(format!(
                    "you requested PartialObjectMetadata, but the requested object is a list ({})",
                    internal_type(&list.served, &list.served.def.list_kind)
                )));
            }
        };
        let chunks = ListChunks::new(list, items);
        let total = chunks.total();
        Ok(ReplyBody::Chunks(Box::new(chunks), total))
    }

    /// The response with headers, in the format and the encoding that were agreed on.
    fn response(&self, code: u16, body: ReplyBody) -> Result<Response<ReplyBody>> {
        let body = match self.accepted.format {
            Format::Json if self.accepted.pretty => {
                ReplyBody::Full(encode::pretty(&whole(body)).into())
            }
            Format::Json => body,
            format => ReplyBody::Full(written(format, whole(body))?),
        };
        let large = |length: u64| self.gzip && length > COMPRESS_FROM as u64;
        let (body, compressed) = match body {
            ReplyBody::Full(bytes) if large(bytes.len() as u64) => (
                ReplyBody::Chunks(Box::new(Gzip::new(std::iter::once(bytes))), None),
                true,
            ),
            ReplyBody::Chunks(chunks, length) if large(length.unwrap_or(u64::MAX)) => {
                (ReplyBody::Chunks(Box::new(Gzip::new(chunks)), None), true)
            }
            other => (other, false),
        };
        let mut response = plain(code, self.accepted.format.content_type(), body);
        if compressed {
            response
                .headers_mut()
                .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
                .headers_mut()
                .insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        Ok(response)
    }

    fn watch(self, server: &ApiServer, feed: WatchFeed) -> Result<Response<ReplyBody>> {
        let open = Open::new(server, &feed.served);
        let state = Watching {
            feed,
            frames: Frames {
                accepted: self.accepted,
                tables: self.tables,
            },
            first: true,
            batch: Vec::new(),
            _open: open,
        };
        let stream = futures::stream::unfold(state, Watching::chunk).map(Ok);
        let content_type = match self.accepted.format {
            Format::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
            format => format.content_type(),
        };
        let body = ReplyBody::Stream(Box::pin(stream));
        Ok(plain(200, content_type, body))
    }
}

/// A watch that is being told.
struct Watching {
    feed: WatchFeed,
    frames: Frames,
    first: bool,
    /// What is still to be told, the next last.
    batch: Vec<Feed>,
    _open: Open,
}

impl Watching {
    async fn chunk(mut self) -> Option<(Bytes, Self)> {
        if self.batch.is_empty() {
            if !self.feed.next(&mut self.batch).await {
                return None;
            }
            self.batch.reverse();
        }
        let served = self.feed.served.clone();
        let chunk = self.frames.chunk(&served, &mut self.first, &mut self.batch);
        Some((chunk, self))
    }
}

/// Counts a watch while it is open.
struct Open(prometheus_client::metrics::gauge::Gauge);

impl Open {
    fn new(server: &ApiServer, served: &Served) -> Self {
        let gauge = server.metrics.watchers(served);
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn code(created: bool) -> u16 {
    if created { 201 } else { 200 }
}

/// What Kubernetes' own program calls a kind, which its refusals tell.
fn internal_type(served: &Served, kind: &str) -> String {
    let package = match &*served.def.group {
        "" | "events.k8s.io" => "core",
        "internal.apiserver.k8s.io" => "apiserverinternal",
        group => group.split('.').next().unwrap_or_default(),
    };
    format!("*{package}.{kind}")
}

/// JSON in another format.
pub(super) fn written(format: Format, json: Bytes) -> Result<Bytes> {
    match format {
        Format::Json => Ok(json),
        Format::Yaml => yaml::from_json(&json)
            .map(Into::into)
            .map_err(StatusError::internal),
        Format::Protobuf => encode::protobuf(&json).map(Into::into),
    }
}

fn whole(body: ReplyBody) -> Bytes {
    match body {
        ReplyBody::Full(bytes) => bytes,
        ReplyBody::Chunks(chunks, _) => chunks
            .fold(Vec::new(), |mut all, chunk| {
                all.extend_from_slice(&chunk);
                all
            })
            .into(),
        ReplyBody::Stream(_) => Bytes::new(),
    }
}

/// A response of that type.
pub(super) fn plain(code: u16, content_type: &'static str, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// A refusal as a Status, in the format that the client takes.
pub(super) fn error_response(error: &StatusError, accepts: Option<&str>) -> Response<ReplyBody> {
    let json = encode::status_json(error);
    let format = accept::plain_format(accepts).unwrap_or(Format::Json);
    let (format, body) = match written(format, json.clone()) {
        Ok(body) => (format, body),
        Err(_) => (Format::Json, json),
    };
    let mut response = plain(error.code, format.content_type(), ReplyBody::Full(body));
    let retry = error
        .details
        .as_ref()
        .and_then(|details| details.retry_after_seconds);
    if let Some(value) = retry.and_then(|seconds| HeaderValue::from_str(&seconds.to_string()).ok())
    {
        response
            .headers_mut()
            .insert(http::header::RETRY_AFTER, value);
    }
    response
}

/// The answer to a client that has waited for as long as it wanted to. Kubernetes gives up outside of what writes answers,
/// so that this one says neither what it is nor that it is JSON.
pub(super) fn late() -> Response<ReplyBody> {
    let error = StatusError::timeout(
        "Timeout: request did not complete within the allotted timeout",
        0,
    );
    let body = serde_json::json!({
        "metadata": {}, "status": "Failure", "message": error.message, "reason": error.reason,
        "details": {}, "code": error.code,
    });
    let body = ReplyBody::Full(body.to_string().into());
    plain(error.code, "text/plain; charset=utf-8", body)
}

/// Warns of something before everything that the answer warns of already.
pub(super) fn warn(response: &mut Response<ReplyBody>, texts: &[String]) {
    let headers = response.headers_mut();
    let others: Vec<HeaderValue> = headers.get_all(WARNING).iter().cloned().collect();
    headers.remove(WARNING);
    for value in warnings(texts).into_iter().chain(others) {
        headers.append(WARNING, value);
    }
}

/// Warnings as headers: `299 - "text"`, each once, as many as fit.
fn warnings(texts: &[String]) -> Vec<HeaderValue> {
    let mut room = WARNINGS;
    let mut told: Vec<&str> = Vec::new();
    let mut headers = Vec::new();
    for text in texts {
        if told.contains(&text.as_str()) {
            continue;
        }
        told.push(text);
        let clean: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let header = format!(
            "299 - \"{}\"",
            clean.replace('\\', "\\\\").replace('"', "\\\"")
        );
        room = match room.checked_sub(header.len()) {
            Some(room) => room,
            None => break,
        };
        headers.extend(HeaderValue::from_str(&header));
    }
    headers
}
