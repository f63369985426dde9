//! Paths that are no resource's: health, version, metrics, discovery, OpenAPI.

use http::header::{ACCEPT, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderValue, Method, Response};
use navarch_machinery::status::{Result, StatusError};

use super::answer::{error_response, plain};
use super::handle::header;
use crate::ApiServer;
use crate::encode::body::ReplyBody;
use crate::request::accept;

impl ApiServer {
    /// Answers a path that is no resource's.
    pub(super) fn path(&self, parts: &Parts) -> Response<ReplyBody> {
        let response = self.content(parts);
        match parts.method {
            Method::HEAD => response.map(|_| ReplyBody::empty()),
            _ => response,
        }
    }

    fn content(&self, parts: &Parts) -> Response<ReplyBody> {
        let path = parts.uri.path();
        let query = parts.uri.query().unwrap_or_default();
        if let Some((code, answer)) = self.healthy(path, query) {
            let mut response = text(code, answer);
            if code == 200 && path.trim_matches('/').contains('/') {
                // One check that is well: all others Kubernetes writes as it writes errors.
                response.headers_mut().remove(X_CONTENT_TYPE_OPTIONS);
            }
            return response;
        }
        match path {
            "/version" | "/version/" => return version(parts),
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
        if matches!(path, "/" | "/index.html") {
            let body = self.discovery.index().json.clone();
            return plain(200, "application/json", ReplyBody::Full(body));
        }
        if let Some(document) = self.issuer(path) {
            return document;
        }
        if path.starts_with("/openapi/") {
            return self.described(path, parts);
        }
        self.discovered(path, parts)
    }
}

/// What this is, in the one form that it has.
fn version(parts: &Parts) -> Response<ReplyBody> {
    let accepts = header(&parts.headers, &ACCEPT);
    let found = only_read(parts).and_then(|()| accept::json_alone(accepts));
    found.map_or_else(
        |error| error_response(&error, accepts),
        |()| {
            let body = ReplyBody::Full(crate::version::version().into());
            plain(200, "application/json", body)
        },
    )
}

/// Most of these paths do not look at the method; some have but one.
pub(super) fn only_read(parts: &Parts) -> Result<()> {
    match parts.method {
        Method::GET => Ok(()),
        _ => Err(StatusError::method_not_allowed()),
    }
}

/// Words for people, as Go writes errors.
pub(super) fn text(code: u16, text: impl Into<String>) -> Response<ReplyBody> {
    let mut response = plain(
        code,
        "text/plain; charset=utf-8",
        ReplyBody::Full(text.into().into()),
    );
    as_it_says(&mut response);
    response
}

/// Tells browsers to take the content type at its word.
pub(super) fn as_it_says(response: &mut Response<ReplyBody>) {
    let nosniff = HeaderValue::from_static("nosniff");
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, nosniff);
}
