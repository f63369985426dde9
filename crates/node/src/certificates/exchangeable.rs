//! What TLS shows: one that can be exchanged while it is used.

use std::sync::Arc;

use parking_lot::RwLock;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::Pair;

/// The certificate of the moment, for servers and for clients. A handshake takes the one that is there then; connections that are
/// there already keep theirs. Where there is none yet, a server's handshakes fail and a client shows nothing.
#[derive(Debug, Default)]
pub struct Exchangeable {
    current: RwLock<Option<Arc<CertifiedKey>>>,
}

impl Exchangeable {
    /// Shows another certificate from now on.
    ///
    /// # Errors
    /// What cannot be read, or a key that is not the certificate's; the one before is shown still.
    pub fn set(&self, pair: &Pair) -> Result<(), String> {
        let certified = certified(pair)?;
        *self.current.write() = Some(Arc::new(certified));
        Ok(())
    }

    fn current(&self) -> Option<Arc<CertifiedKey>> {
        self.current.read().clone()
    }
}

pub(super) fn certified(pair: &Pair) -> Result<CertifiedKey, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes());
    let chain: Result<Vec<_>, _> = chain.collect();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).map_err(|error| told(&error))?;
    let provider = rustls::crypto::ring::default_provider();
    let chain = chain.map_err(|error| told(&error))?;
    CertifiedKey::from_der(chain, key, &provider).map_err(|error| told(&error))
}

impl ResolvesServerCert for Exchangeable {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current()
    }
}

impl ResolvesClientCert for Exchangeable {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.current()
    }

    fn has_certs(&self) -> bool {
        self.current.read().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> Pair {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key);
        Pair {
            certificate: certificate.unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    #[test]
    fn the_last_that_can_be_used_is_shown() {
        let shown = Exchangeable::default();
        assert!(!shown.has_certs());
        let (one, two) = (pair(), pair());
        shown.set(&one).unwrap();
        let first = shown.current().unwrap();
        let mixed = Pair {
            certificate: two.certificate.clone(),
            key: one.key.clone(),
        };
        shown.set(&mixed).unwrap_err();
        assert!(Arc::ptr_eq(&first, &shown.current().unwrap()));
        shown.set(&two).unwrap();
        assert_ne!(first.cert, shown.current().unwrap().cert);
    }
}
