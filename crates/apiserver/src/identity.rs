//! Who asks: the port through which the pipeline learns it.

use std::sync::Arc;

use navarch_auth::UserInfo;
use rustls::pki_types::CertificateDer;
use tokio::sync::mpsc;

/// Recognises requesters. Answers are shared, so that a request costs no copy of its user.
pub trait Authenticator: Send + Sync {
    /// The user of a client certificate that TLS has verified; `chain[0]` is the leaf. Called once a connection.
    fn certificate(&self, chain: &[CertificateDer<'_>]) -> Option<Arc<UserInfo>>;
    /// The user of a bearer token, if it is meant for one of these audiences; without any, for this server's. Called for every request
    /// that carries one.
    fn token(&self, token: &str, audiences: &[String]) -> Option<Recognised>;
    /// The uses of tokens that are to be written down at their secrets. Whoever asks first gets them.
    fn used(&self) -> Option<mpsc::Receiver<UsedToken>> {
        None
    }
}

/// Somebody who was recognised.
#[derive(Debug, Clone)]
pub struct Recognised {
    /// Who it is.
    pub user: Arc<UserInfo>,
    /// What they are to be warned of in how they proved it.
    pub warning: Option<&'static str>,
    /// For whom of those asked for the proof is meant; `None`: for whoever is asked.
    pub audiences: Option<Vec<String>>,
}

impl From<Arc<UserInfo>> for Recognised {
    fn from(user: Arc<UserInfo>) -> Self {
        Self {
            user,
            warning: None,
            audiences: None,
        }
    }
}

/// A token that is kept in a secret, and was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedToken {
    /// The secret's namespace.
    pub namespace: String,
    /// The secret.
    pub secret: String,
    /// Its uid.
    pub uid: String,
    /// On which day, as `2026-04-21`.
    pub day: String,
}
