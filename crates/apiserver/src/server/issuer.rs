//! Who issues the tokens of service accounts, and the keys by which anybody can check them: OpenID Connect discovery.

use http::header::CACHE_CONTROL;
use http::{HeaderValue, Response};
use serde_json::{Value, json};

use super::answer::plain;
use crate::ApiServer;
use crate::encode::body::ReplyBody;

const KEYS: &str = "/openid/v1/jwks";

impl ApiServer {
    /// The document at a path, if it is one of these.
    pub(super) fn issuer(&self, path: &str) -> Option<Response<ReplyBody>> {
        let keys = self.token_keys.as_ref()?;
        match path {
            "/.well-known/openid-configuration" => {
                let document = json!({
                    "issuer": keys.issuer(),
                    "jwks_uri": format!("https://{}{KEYS}", self.reached_at()),
                    "response_types_supported": ["id_token"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": keys.algorithms(),
                });
                Some(told("application/json", &document))
            }
            KEYS => Some(told(
                "application/jwk-set+json",
                &json!({"keys": keys.web_keys()}),
            )),
            _ => None,
        }
    }
}

fn told(media: &'static str, document: &Value) -> Response<ReplyBody> {
    let mut response = plain(200, media, ReplyBody::Full(document.to_string().into()));
    let kept = HeaderValue::from_static("public, max-age=3600");
    response.headers_mut().insert(CACHE_CONTROL, kept);
    response
}
