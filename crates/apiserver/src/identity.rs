//! Who asks: the port through which the pipeline learns it.

use std::sync::Arc;

use navarch_auth::UserInfo;
use rustls::pki_types::CertificateDer;

/// Recognises requesters. Answers are shared, so that a request costs no copy of its user.
pub trait Authenticator: Send + Sync {
    /// The user of a client certificate that TLS has verified; `chain[0]` is the leaf. Called once a connection.
    fn certificate(&self, chain: &[CertificateDer<'_>]) -> Option<Arc<UserInfo>>;
    /// The user of a bearer token. Called for every request that carries one.
    fn token(&self, token: &str) -> Option<Arc<UserInfo>>;
}
