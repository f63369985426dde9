//! A plain HTTPS client, for what a client library would hide.

use std::sync::Arc;

use ::http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::cluster::Cluster;

/// Who the client says it is.
pub(crate) enum Who<'a> {
    Nobody,
    Token(&'a str),
    Certificate,
}

/// One connection.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    token: Option<String>,
}

/// An answer with all of its body.
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

impl Client {
    /// Whether the server has ended the connection.
    pub(crate) fn is_cut(&self) -> bool {
        self.sender.is_closed()
    }

    /// A connection without words.
    pub(crate) async fn dial(cluster: &Cluster, who: &Who<'_>) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        let authority = cluster.authority.certificate();
        roots
            .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match who {
            Who::Certificate => {
                let chain = vec![
                    CertificateDer::from_pem_slice(cluster.client.certificate.as_bytes()).unwrap(),
                ];
                let key = PrivateKeyDer::from_pem_slice(cluster.client.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            _ => builder.with_no_client_auth(),
        };
        let stream = TcpStream::connect(cluster.address).await.unwrap();
        let name = ServerName::IpAddress(cluster.address.ip().into());
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, stream).await.unwrap()
    }

    pub(crate) async fn connect(cluster: &Cluster, who: Who<'_>) -> Self {
        let stream = Self::dial(cluster, &who).await;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let token = match who {
            Who::Token(token) => Some(token.to_owned()),
            _ => None,
        };
        Self { sender, token }
    }

    pub(crate) async fn open(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> hyper::Response<Incoming> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(Bytes::copy_from_slice(body.as_ref())))
            .unwrap();
        self.sender.send_request(request).await.unwrap()
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Got {
        let (head, body) = self.open(method, path, headers, body).await.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Got {
            status: head.status,
            headers: head.headers,
            bytes,
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Got {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Got {
        self.send(
            "POST",
            path,
            &[("content-type", "application/json")],
            &body.to_string(),
        )
        .await
    }
}
