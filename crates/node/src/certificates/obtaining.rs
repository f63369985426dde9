//! Asks for a certificate, and waits for it.

use std::time::Duration;

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use navarch_client::Client;
use navarch_machinery::status::StatusError;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};

use super::request::request;
use super::{Pair, Purpose};

/// How long it is waited for somebody to approve. The kubelet's 15 minutes.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How long is waited before the first look, and at most between two.
const LOOKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum ObtainError {
    /// No request could be made.
    #[error("the request could not be made: {0}")]
    Request(#[from] rcgen::Error),
    /// The API did not take the request, or does not tell of it any more.
    #[error("{0}")]
    Api(#[from] StatusError),
    /// Somebody said no.
    #[error("the certificate signing request {name} has {what}: {why}")]
    Refused {
        /// The request.
        name: String,
        /// `been denied` or `failed`.
        what: &'static str,
        /// What was said of it.
        why: String,
    },
    /// Nobody said anything.
    #[error(
        "the certificate signing request {0} was not signed in time: is it approved? (kubectl get csr)"
    )]
    Unanswered(String),
    /// What was signed is no certificate that can be used with the key.
    #[error("the certificate cannot be used: {0}")]
    Unusable(String),
}

/// A new key with a certificate for it.
pub(super) async fn obtain(
    client: &Client,
    node: &str,
    purpose: &Purpose,
) -> Result<Pair, ObtainError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let request = client.create(request(node, purpose, &key)?).await?;
    let name = request.metadata.name.clone().unwrap_or_default();
    let signed = tokio::time::timeout(PATIENCE, signed(client, &name)).await;
    let certificate = signed.map_err(|_| ObtainError::Unanswered(name))??;
    let pair = Pair {
        certificate,
        key: key.serialize_pem(),
    };
    super::exchangeable::certified(&pair).map_err(ObtainError::Unusable)?;
    Ok(pair)
}

async fn signed(client: &Client, name: &str) -> Result<String, ObtainError> {
    let (mut wait, longest) = LOOKS;
    loop {
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(longest);
        let request = client.get::<CertificateSigningRequest>(None, name).await;
        match request {
            Ok(request) => {
                if let Some(certificate) = answer(name, &request)? {
                    return Ok(certificate);
                }
            }
            // It may be there again in a moment; the request stays.
            Err(error) if error.code >= 500 => tracing::debug!(%error, name, "asked again later"),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The certificate, if there is one yet.
fn answer(name: &str, request: &CertificateSigningRequest) -> Result<Option<String>, ObtainError> {
    let Some(status) = &request.status else {
        return Ok(None);
    };
    let conditions = status.conditions.iter().flatten();
    for condition in conditions {
        let what = match condition.type_.as_str() {
            "Denied" => "been denied",
            "Failed" => "failed",
            _ => continue,
        };
        return Err(ObtainError::Refused {
            name: name.to_owned(),
            what,
            why: condition.message.clone().unwrap_or_default(),
        });
    }
    let certificate = status.certificate.as_ref().filter(|it| !it.0.is_empty());
    let text = certificate.map(|it| String::from_utf8(it.0.clone()));
    text.transpose()
        .map_err(|error| ObtainError::Unusable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(status: &Value) -> String {
        let request = json!({"metadata": {"name": "q"}, "spec": {"request": "", "signerName": ""}, "status": status});
        match answer("q", &serde_json::from_value(request).unwrap()) {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(certificate)) => certificate,
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_request_is_signed_refused_or_neither() {
        let with = |kind: &str| json!({"conditions": [{"type": kind, "status": "True", "message": "why"}]});
        assert_eq!(said(&json!({})), "nothing");
        assert_eq!(said(&with("Approved")), "nothing");
        assert_eq!(said(&json!({"certificate": "UEVN"})), "PEM");
        let denied = "the certificate signing request q has been denied: why";
        assert_eq!(said(&with("Denied")), denied);
        let failed = "the certificate signing request q has failed: why";
        assert_eq!(said(&with("Failed")), failed);
    }
}
