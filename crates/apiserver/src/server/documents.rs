//! Documents that are made from the table: discovery and OpenAPI.

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, ETAG, EXPIRES, IF_NONE_MATCH,
    LOCATION, VARY,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response};
use jiff::{Timestamp, ToSpan};
use navarch_machinery::status::{Result, StatusError};

use super::answer::{error_response, plain, written};
use super::handle::header;
use super::paths::{only_read, text};
use crate::ApiServer;
use crate::discovery::Document;
use crate::encode::body::ReplyBody;
use crate::openapi;
use crate::request::accept::{self, Format};

/// Behind the content type of aggregated discovery.
const AGGREGATED: &str = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
/// How long a document may be kept whose address has its hash: for good, as far as HTTP has a word for that.
const KEPT_DAYS: i64 = 365;

impl ApiServer {
    /// Answers a path of discovery, or that there is no such path.
    pub(super) fn discovered(&self, path: &str, parts: &Parts) -> Response<ReplyBody> {
        let accepts = header(&parts.headers, &ACCEPT);
        let newer = accept::aggregated_discovery(accepts).zip(self.discovery.aggregated(path));
        if let Some((format, document)) = newer {
            return aggregated(document, format, parts)
                .unwrap_or_else(|error| error_response(&error, accepts));
        }
        if let Some(document) = self.discovery.legacy(path) {
            return legacy(document, path, parts)
                .unwrap_or_else(|error| error_response(&error, accepts));
        }
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        match segments.as_slice() {
            ["apis", group, _, ..] if self.directory.has_group(group) => {
                error_response(&StatusError::no_such_path(), accepts)
            }
            ["api", _, ..] => error_response(&StatusError::no_such_path(), accepts),
            _ => text(404, "404 page not found\n"),
        }
    }

    /// Answers a path of OpenAPI.
    pub(super) fn described(&self, path: &str, parts: &Parts) -> Response<ReplyBody> {
        let accepts = header(&parts.headers, &ACCEPT);
        let is_v2 = path == "/openapi/v2";
        let offered = if is_v2 {
            openapi::V2_FORMS
        } else {
            openapi::V3_FORMS
        };
        let Some(document) = self.openapi.document(path) else {
            return text(404, "404 page not found\n");
        };
        let is_index = matches!(path, "/openapi/v3" | "/openapi/v3/");
        let accepts = accepts.filter(|_| !is_index);
        let Some(form) = accept::one_of(accepts, offered) else {
            return plain(406, "text/plain; charset=utf-8", ReplyBody::empty());
        };
        let query = parts.uri.query().unwrap_or_default();
        let hash = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("hash="))
            .filter(|hash| !hash.is_empty() && !is_v2);
        if let Some(hash) = hash.filter(|hash| *hash != document.hash) {
            tracing::debug!(hash, path, "a document has changed since its hash was told");
            return moved(&format!("{path}?hash={}", document.hash));
        }
        let kept = match form {
            openapi::Form::Json => document,
            openapi::Form::Protobuf => self.openapi.v2_protobuf(),
        };
        let gzip = accept::takes_gzip(header(&parts.headers, &ACCEPT_ENCODING));
        let body = || {
            if gzip {
                kept.gzip.clone()
            } else {
                kept.unpacked()
            }
        };
        let mut response = cached(&document.hash, form.content_type(), body, parts);
        if gzip && response.status().is_success() {
            set(&mut response, CONTENT_ENCODING, "gzip");
            set(&mut response, VARY, "Accept, Accept-Encoding");
        }
        if hash.is_some() {
            set(&mut response, CACHE_CONTROL, "public, immutable");
            set(&mut response, EXPIRES, &in_a_year());
        }
        response
    }
}

fn aggregated(document: &Document, format: Format, parts: &Parts) -> Result<Response<ReplyBody>> {
    let body = written(format, document.json.clone())?;
    let mut response = cached(&document.hash, format.content_type(), || body, parts);
    let content_type = format!("{}{AGGREGATED}", format.content_type());
    set(&mut response, http::header::CONTENT_TYPE, &content_type);
    set(&mut response, CACHE_CONTROL, "public");
    Ok(response)
}

/// The documents of groups are Kubernetes' aggregator's, which looks neither at the method nor at how the media type is named.
fn legacy(document: &Document, path: &str, parts: &Parts) -> Result<Response<ReplyBody>> {
    let accepts = header(&parts.headers, &ACCEPT);
    let segments = path.trim_matches('/').split('/').count();
    let of_groups = path.starts_with("/apis") && segments <= 2;
    if !of_groups {
        only_read(parts)?;
    }
    let format = accept::document_format(accepts, !of_groups)?;
    let body = written(format, document.json.clone())?;
    Ok(plain(200, format.content_type(), ReplyBody::Full(body)))
}

/// A document, unless the client has it already.
fn cached(
    hash: &str,
    content_type: &'static str,
    body: impl FnOnce() -> Bytes,
    parts: &Parts,
) -> Response<ReplyBody> {
    let etag = format!("\"{hash}\"");
    let known = header(&parts.headers, &IF_NONE_MATCH);
    let unchanged = known.is_some_and(|known| {
        known.split(',').any(
            |tag| matches!(tag.trim().trim_start_matches("W/"), tag if tag == etag || tag == "*"),
        )
    });
    let mut response = if unchanged {
        plain(304, content_type, ReplyBody::empty())
    } else {
        plain(200, content_type, ReplyBody::Full(body()))
    };
    set(&mut response, ETAG, &etag);
    set(&mut response, VARY, "Accept");
    response
}

fn moved(to: &str) -> Response<ReplyBody> {
    let mut response = plain(301, "text/html; charset=utf-8", ReplyBody::empty());
    set(&mut response, LOCATION, to);
    response
}

fn set(response: &mut Response<ReplyBody>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn in_a_year() -> String {
    let then = Timestamp::now().saturating_add((KEPT_DAYS * 24).hours());
    then.map(|then| then.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}
