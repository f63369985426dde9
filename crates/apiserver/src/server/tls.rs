//! What the server proves, and what it asks of clients.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate or a key is no PEM.
    #[error("a certificate or a key cannot be read: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// rustls does not take them.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// The authority for clients is none.
    #[error("the authority for client certificates cannot be used: {0}")]
    Clients(#[from] rustls::server::VerifierBuilderError),
}

/// The configuration for [`ApiServer::serve`](crate::ApiServer::serve), all in PEM: a certificate chain with its key, and the
/// authority of the clients' certificates. A client need not have one: tokens come later, in the request.
pub fn tls_config(chain: &str, key: &str, clients: &str) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(clients.as_bytes()) {
        roots.add(authority?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Session tickets save a client that connects again a round trip and a signature.
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    Ok(Arc::new(config))
}
