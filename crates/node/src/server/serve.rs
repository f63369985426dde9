//! The node's HTTP API over TLS.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::{NodeApi, answer};
use crate::Error;
use crate::certificates::Exchangeable;

/// Connections at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;
const HANDSHAKE: Duration = Duration::from_secs(10);
const HEADERS: Duration = Duration::from_secs(30);

/// The common name of the certificate that API servers show to nodes, as kubeadm gives it. Other clients of the cluster, its
/// administrators too, come by way of the API server, where their requests are authorized and audited.
pub const API_SERVER: &str = "kube-apiserver-kubelet-client";

/// Who the node is, and whom it believes.
pub struct ServeOptions {
    /// The node's certificate of the moment.
    pub certificate: Arc<Exchangeable>,
    /// Who signs the certificates of clients. Of those they sign, only the API server's is let in ([`API_SERVER`]).
    pub client_authorities: Vec<CertificateDer<'static>>,
}

/// Serves until dropped. Clients without a certificate of the authorities do not come past the handshake; others than the API
/// server are forbidden everything.
pub async fn serve(
    listener: TcpListener,
    options: ServeOptions,
    api: NodeApi,
) -> Result<(), Error> {
    let acceptor = TlsAcceptor::from(Arc::new(config(options)?));
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let place = room.clone().acquire_owned().await;
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (acceptor, api) = (acceptor.clone(), api.clone());
        tokio::spawn(async move {
            let _place = place;
            let _ = stream.set_nodelay(true);
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let shown = stream.get_ref().1.peer_certificates();
                    let trusted = shown.and_then(<[_]>::first).is_some_and(is_api_server);
                    connection(stream, api, trusted).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, "a client's handshake failed"),
                Err(_) => tracing::debug!("a client took too long for its handshake"),
            }
        });
    }
}

fn config(options: ServeOptions) -> Result<ServerConfig, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Certificates(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    for authority in options.client_authorities {
        roots.add(authority).map_err(|e| wrong(&e))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|e| wrong(&e))?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(&e))?;
    let mut config = builder
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(options.certificate);
    // Upgrades to WebSockets need HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Whether a certificate, whose signature was checked, is that of an API server.
fn is_api_server(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else {
        return false;
    };
    let mut names = parsed.subject().iter_common_name();
    names
        .next()
        .is_some_and(|name| name.as_str() == Ok(API_SERVER))
        && names.next().is_none()
}

async fn connection<S>(stream: S, api: NodeApi, trusted: bool)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let api = api.clone();
        async move {
            if !trusted {
                let why = "Forbidden: only the API server may ask a node\n";
                return Ok(answer(
                    StatusCode::FORBIDDEN,
                    "text/plain; charset=utf-8",
                    why,
                ));
            }
            Ok::<_, Infallible>(api.handle(request).await)
        }
    });
    let mut server = auto::Builder::new(TokioExecutor::new()).http1_only();
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS);
    if let Err(error) = server
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .await
    {
        tracing::debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn certificate(names: &[&str]) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for name in names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        params
            .self_signed(&KeyPair::generate().unwrap())
            .unwrap()
            .der()
            .clone()
    }

    #[test]
    fn only_the_api_server_is_let_in() {
        assert!(is_api_server(&certificate(&[API_SERVER])));
        assert!(!is_api_server(&certificate(&["kubernetes-admin"])));
        assert!(!is_api_server(&certificate(&[])));
        assert!(!is_api_server(&CertificateDer::from(vec![1, 2, 3])));
    }
}
