//! A service account's token, as a node asks for it.

use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceAccount;
use navarch_api::call::Body;
use navarch_api::def::Verb;
use navarch_client::Client;
use navarch_machinery::status::StatusError;
use serde_json::{Value, json};

/// A token, and when it ends.
#[derive(Clone)]
pub struct Token {
    /// The token.
    pub token: String,
    /// By the server's clock.
    pub expires: jiff::Timestamp,
    /// How long it holds from its making on: the server may give less than was asked for.
    pub life: Duration,
}

impl Token {
    /// Asks for one of the account, a namespace and a name. `spec`: the request's.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn request(
        client: &Client,
        (namespace, account): (&str, &str),
        spec: Value,
    ) -> Result<Self, StatusError> {
        let request = json!({
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": account, "namespace": namespace},
            "spec": spec,
        });
        let (verb, body) = (Verb::Create, Body::Json(request));
        let answer = client
            .subresource::<ServiceAccount>(verb, Some(namespace), account, "token", body)
            .await?;
        let lacks = |what: &str| {
            StatusError::internal(format!("the answer to a token request has no {what}"))
        };
        let text = |name: &str| answer.pointer(name).and_then(Value::as_str);
        let token = text("/status/token").ok_or_else(|| lacks("token"))?;
        let expires = text("/status/expirationTimestamp").and_then(|t| t.parse().ok());
        let life = answer.pointer("/spec/expirationSeconds");
        let life = life.and_then(Value::as_u64).map(Duration::from_secs);
        Ok(Self {
            token: token.to_owned(),
            expires: expires.ok_or_else(|| lacks("expiration"))?,
            life: life.ok_or_else(|| lacks("duration"))?,
        })
    }
}
