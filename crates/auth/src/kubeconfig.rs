//! Kubeconfig files with everything embedded.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::Issued;

/// How the user of a kubeconfig proves who they are.
pub enum Credential<'a> {
    /// A client certificate.
    Certificate(&'a Issued),
    /// A bearer token.
    Token(&'a str),
}

/// A kubeconfig for one cluster and one user.
pub fn kubeconfig(server: &str, authority: &str, user: &str, credential: &Credential<'_>) -> Value {
    let user_data = match credential {
        Credential::Certificate(issued) => json!({
            "client-certificate-data": STANDARD.encode(&issued.certificate),
            "client-key-data": STANDARD.encode(&issued.key),
        }),
        Credential::Token(token) => json!({"token": token}),
    };
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "navarch", "cluster": {"server": server, "certificate-authority-data": STANDARD.encode(authority)}}],
        "users": [{"name": user, "user": user_data}],
        "contexts": [{"name": "navarch", "context": {"cluster": "navarch", "user": user}}],
        "current-context": "navarch",
    })
}
