//! The node's HTTP API over TLS.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use nix::sys::socket::{setsockopt, sockopt};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::NodeApi;
use super::access::{Access, Proof};
use crate::Error;
use crate::certificates::Exchangeable;

/// Connections at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;
const HANDSHAKE: Duration = Duration::from_secs(10);
const HEADERS: Duration = Duration::from_secs(30);
/// After how many seconds of silence the other end of a connection is asked whether it is there, and how often. Go's.
const KEEP_ALIVE: u32 = 15;

/// Who the node is, and whom it believes.
pub struct ServeOptions {
    /// The node's certificate of the moment.
    pub certificate: Arc<Exchangeable>,
    /// Who signs the certificates of clients.
    pub client_authorities: Vec<CertificateDer<'static>>,
}

/// Serves the node's API. A client proves who it is by a certificate of the authorities or a token, and may do what the API server says it
/// may with this node.
pub struct Server {
    acceptor: TlsAcceptor,
    api: NodeApi,
    access: Arc<Access>,
    room: Arc<Semaphore>,
}

impl Server {
    /// # Errors
    /// Authorities that are none.
    pub fn new(options: ServeOptions, api: NodeApi) -> Result<Self, Error> {
        let (client, node) = (api.worker.client.clone(), &api.worker.options.name);
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config(options)?)),
            access: Arc::new(Access::new(client, node)),
            api,
            room: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        })
    }

    /// Serves what comes in at these, until dropped; connections go on.
    pub async fn serve(&self, listeners: &[TcpListener]) -> Infallible {
        let accepting = listeners.iter().map(|listener| accept(listener, self));
        futures::future::join_all(accepting).await;
        // There is none.
        std::future::pending().await
    }
}

/// What comes in at one address, for ever.
async fn accept(listener: &TcpListener, server: &Server) {
    loop {
        // The semaphore is never closed.
        let place = server.room.clone().acquire_owned().await;
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (acceptor, access) = (server.acceptor.clone(), server.access.clone());
        let api = server.api.clone();
        tokio::spawn(async move {
            let _place = place;
            let _ = stream.set_nodelay(true);
            // One that cannot be told so is kept for as long as it says nothing.
            let _ = keep_alive(&stream);
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let shown = stream.get_ref().1.peer_certificates();
                    let proof = shown.and_then(<[_]>::first).and_then(Proof::of);
                    connection(stream, api, access, proof.map(Arc::new)).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, "a client's handshake failed"),
                Err(_) => tracing::debug!("a client took too long for its handshake"),
            }
        });
    }
}

/// Has the kernel end a connection whose other end is gone, as Go's listeners do: who has moved to another address leaves such behind.
fn keep_alive(stream: &TcpStream) -> nix::Result<()> {
    setsockopt(stream, sockopt::KeepAlive, &true)?;
    setsockopt(stream, sockopt::TcpKeepIdle, &KEEP_ALIVE)?;
    setsockopt(stream, sockopt::TcpKeepInterval, &KEEP_ALIVE)
}

fn config(options: ServeOptions) -> Result<ServerConfig, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Certificates(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    for authority in options.client_authorities {
        roots.add(authority).map_err(|e| wrong(&e))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|e| wrong(&e))?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(&e))?;
    let mut config = builder
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(options.certificate);
    // Each connection is by the certificates of its moment: a session that is resumed would be by those that it began with.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    // Upgrades to WebSockets need HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

async fn connection<S>(stream: S, api: NodeApi, access: Arc<Access>, proof: Option<Arc<Proof>>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (api, access, proof) = (api.clone(), access.clone(), proof.clone());
        async move {
            let (parts, body) = request.into_parts();
            if let Err(refusal) = access.check(proof.as_deref(), &parts).await {
                return Ok(refusal);
            }
            let request = hyper::Request::from_parts(parts, body);
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
    use super::*;

    #[test]
    fn no_session_is_resumed() {
        let key = rcgen::KeyPair::generate().unwrap();
        let authority = rcgen::CertificateParams::default().self_signed(&key);
        let options = ServeOptions {
            certificate: Arc::new(Exchangeable::default()),
            client_authorities: vec![authority.unwrap().der().clone()],
        };
        let config = config(options).unwrap();
        assert_eq!(config.send_tls13_tickets, 0);
        assert!(!config.session_storage.can_cache());
    }
}
