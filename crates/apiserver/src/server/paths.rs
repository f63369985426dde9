//! Paths that are no resource's: health, version, metrics, discovery, OpenAPI.

use http::header::{ACCEPT, ETAG, IF_NONE_MATCH, VARY};
use http::request::Parts;
use http::{HeaderValue, Method, Response};
use navarch_machinery::status::StatusError;

use super::answer::{error_response, plain};
use super::handle::header;
use crate::ApiServer;
use crate::discovery::Document;
use crate::encode::body::ReplyBody;
use crate::request::accept;

impl ApiServer {
    /// Answers a path that is no resource's.
    pub(super) fn path(&self, parts: &Parts) -> Response<ReplyBody> {
        let path = parts.uri.path();
        let query = parts.uri.query().unwrap_or_default();
        let accepts = header(&parts.headers, &ACCEPT);
        if parts.method != Method::GET {
            return text(404, "404 page not found\n");
        }
        if let Some((code, answer)) = self.healthy(path, query) {
            return text(code, answer);
        }
        match path {
            "/version" | "/version/" => {
                return plain(
                    200,
                    "application/json",
                    ReplyBody::Full(crate::version::version().into()),
                );
            }
            "/metrics" => {
                let type_ = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                return plain(
                    200,
                    type_,
                    ReplyBody::Full(self.metrics.text(&self.store.status()).into()),
                );
            }
            _ => {}
        }
        if path.starts_with("/openapi/") {
            return match self.openapi.document(path) {
                Some(document) => document_response(document, parts),
                None => text(404, "404 page not found\n"),
            };
        }
        self.discovered(path, accepts, parts)
    }

    fn discovered(&self, path: &str, accepts: Option<&str>, parts: &Parts) -> Response<ReplyBody> {
        if let Some(document) = self
            .discovery
            .document(path, accept::aggregated_discovery(accepts))
        {
            return document_response(document, parts);
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
}

/// A document, unless the client has it already.
fn document_response(document: &Document, parts: &Parts) -> Response<ReplyBody> {
    let known = header(&parts.headers, &IF_NONE_MATCH);
    let unchanged = known.is_some_and(|known| {
        known
            .split(',')
            .any(|tag| tag.trim().trim_start_matches("W/") == document.etag)
    });
    let mut response = if unchanged {
        plain(304, document.content_type, ReplyBody::empty())
    } else {
        plain(
            200,
            document.content_type,
            ReplyBody::Full(document.bytes.clone()),
        )
    };
    if let Ok(etag) = HeaderValue::from_str(&document.etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("Accept"));
    response
}

fn text(code: u16, text: impl Into<String>) -> Response<ReplyBody> {
    plain(
        code,
        "text/plain; charset=utf-8",
        ReplyBody::Full(text.into().into()),
    )
}
