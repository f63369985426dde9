//! The certificate of an authority of which only the digest is known: the server sends it along, and must have a certificate of it.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use navarch_auth::inspection::{pem, pin_of_der};
use navarch_client::NoServer;
use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long a server may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// The authority with this digest (`sha256:HEX`) by which the server at a URL has its certificate, in PEM.
pub(crate) async fn authority(server: &str, pin: &str) -> Result<String> {
    let learned = tokio::time::timeout(PATIENCE, learn(server, pin)).await;
    let learned = learned.map_err(|_| anyhow!("it does not answer")).flatten();
    learned.with_context(|| format!("the authority of {server}"))
}

/// The same of the first of these that answers.
pub(crate) async fn authority_of_any(servers: &[String], pin: &str) -> Result<String> {
    let mut last = anyhow!(NoServer);
    for server in servers {
        match authority(server, pin).await {
            Ok(text) => return Ok(text),
            Err(error) => {
                tracing::warn!("{error:#}");
                last = error;
            }
        }
    }
    Err(last)
}

async fn learn(server: &str, pin: &str) -> Result<String> {
    let url: http::Uri = server.parse().context("no URL")?;
    let host = url.host().unwrap_or("").trim_matches(['[', ']']);
    let verifier = Arc::new(Pinned {
        pin: pin.to_ascii_lowercase(),
        provider: Arc::new(ring::default_provider()),
        found: Mutex::default(),
    });
    let config = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    let stream = TcpStream::connect((host, url.port_u16().unwrap_or(443))).await?;
    let name = ServerName::try_from(host.to_owned())?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream);
    connected
        .await
        .map_err(|error| match verifier.found.lock().is_some() {
            true => anyhow!(error),
            false => anyhow!("none that it sends along has the digest {pin}"),
        })?;
    let found = verifier.found.lock().take();
    found.context("it proved nothing")
}

/// Believes a server whose certificate is signed by the authority with the digest.
#[derive(Debug)]
struct Pinned {
    pin: String,
    provider: Arc<CryptoProvider>,
    found: Mutex<Option<String>>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, Error> {
        let mut above = intermediates.iter();
        let authority = above.find(|it| pin_of_der(it).as_deref() == Some(&*self.pin));
        let authority = authority.ok_or(CertificateError::UnknownIssuer)?;
        *self.found.lock() = Some(pem(authority));
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
                .build()
                .map_err(|error| Error::General(error.to_string()))?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.provider.signature_verification_algorithms;
        known.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use navarch_auth::{Authority, Issued, Purpose, Subject, inspection};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::pki_types::pem::PemObject;
    use tokio::net::TcpListener;

    use super::*;

    fn issued(by: &Authority) -> Issued {
        let subject = Subject {
            name: "server".into(),
            addresses: vec![[127, 0, 0, 1].into()],
            ..Subject::default()
        };
        let now = SystemTime::now();
        by.issue(&subject, Purpose::Server, now).unwrap()
    }

    /// What is learned of a server that shows these certificates and has this key.
    async fn learned(shown: &str, key: &str, pin: &str) -> Result<String> {
        let chain = CertificateDer::pem_slice_iter(shown.as_bytes());
        let chain: Vec<_> = chain.map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let tls = ServerConfig::builder().with_no_client_auth();
        let tls = Arc::new(tls.with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("https://{}", listener.local_addr().unwrap());
        let serving = async move {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = tokio_rustls::TlsAcceptor::from(tls).accept(stream).await;
        };
        let (_, learned) = tokio::join!(serving, authority(&server, pin));
        learned
    }

    #[tokio::test]
    async fn an_authority_is_learned_by_its_digest_alone() {
        let now = SystemTime::now();
        let own = Authority::create("own", now).unwrap();
        let other = Authority::create("other", now).unwrap();
        let pin = inspection::pin(own.certificate()).unwrap();
        let good = issued(&own);
        let shown = format!("{}{}", good.certificate, own.certificate());
        let found = learned(&shown, &good.key, &pin).await.unwrap();
        assert_eq!(inspection::pin(&found), Some(pin.clone()));
        let upper = pin.replace("sha256:", "SHA256:");
        learned(&shown, &good.key, &upper).await.unwrap();

        let alone = learned(&good.certificate, &good.key, &pin).await;
        let error = format!("{:#}", alone.unwrap_err());
        assert!(error.contains("has the digest"), "{error}");
        // Somebody in between, who sends the right authority along with a certificate of their own.
        let bad = issued(&other);
        let shown = format!("{}{}", bad.certificate, own.certificate());
        learned(&shown, &bad.key, &pin).await.unwrap_err();
    }
}
