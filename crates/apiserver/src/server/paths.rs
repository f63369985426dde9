//! Paths that are no resource's: health, version, metrics, discovery, OpenAPI.

use http::request::Parts;
use http::{Method, Response};

use super::answer::plain;
use crate::ApiServer;
use crate::encode::body::ReplyBody;

impl ApiServer {
    /// Answers a path that is no resource's.
    pub(super) fn path(&self, parts: &Parts) -> Response<ReplyBody> {
        let path = parts.uri.path();
        let query = parts.uri.query().unwrap_or_default();
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
            return self.described(path, parts);
        }
        self.discovered(path, parts)
    }
}

/// Words for people.
pub(super) fn text(code: u16, text: impl Into<String>) -> Response<ReplyBody> {
    plain(
        code,
        "text/plain; charset=utf-8",
        ReplyBody::Full(text.into().into()),
    )
}
