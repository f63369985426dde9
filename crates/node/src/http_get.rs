//! HTTP requests of probes and hooks: plain or TLS without verification, redirects within the host followed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;

/// What is read of an answer.
const MAX_BODY: usize = 10 * 1024;
const MAX_REDIRECTS: usize = 10;

/// One request.
pub(crate) struct HttpGet {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
    pub(crate) tls: bool,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) user_agent: &'static str,
}

/// The answer's status and the beginning of its body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
    /// It led to another host, and was not followed.
    pub(crate) elsewhere: bool,
}

impl HttpGet {
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let slash = if self.path.starts_with('/') { "" } else { "/" };
        format!(
            "{scheme}://{}{slash}{}",
            authority(&self.host, self.port),
            self.path
        )
    }

    /// Sends it; the error is for people, in Go's words where a client relies on them.
    pub(crate) async fn send(&self, timeout: Duration) -> Result<Answer, String> {
        let url = self.url();
        match tokio::time::timeout(timeout, self.follow()).await {
            Ok(answer) => answer.map_err(|error| format!("Get \"{url}\": {error}")),
            Err(_) => Err(format!(
                "Get \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            )),
        }
    }

    async fn follow(&self) -> Result<Answer, String> {
        let mut url = self.url();
        for _ in 0..=MAX_REDIRECTS {
            let uri: Uri = url.parse().map_err(|e| format!("invalid URL: {e}"))?;
            let (answer, location) = self.once(&uri).await?;
            let Some(location) = location.filter(|_| answer.status.is_redirection()) else {
                return Ok(answer);
            };
            let next = if location.starts_with('/') {
                format!(
                    "{}://{}{location}",
                    uri.scheme_str().unwrap_or("http"),
                    uri.authority().map_or("", |a| a.as_str())
                )
            } else {
                location
            };
            let target: Uri = next.parse().map_err(|e| format!("invalid redirect: {e}"))?;
            if target.host() != uri.host() {
                return Ok(Answer {
                    elsewhere: true,
                    ..answer
                });
            }
            url = next;
        }
        Err(format!("stopped after {MAX_REDIRECTS} redirects"))
    }

    async fn once(&self, uri: &Uri) -> Result<(Answer, Option<String>), String> {
        let tls = uri.scheme_str() == Some("https");
        let host = uri
            .host()
            .unwrap_or(&self.host)
            .trim_matches(['[', ']'])
            .to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let stream = TcpStream::connect((host.as_str(), port))
            .await
            .map_err(|error| {
                format!(
                    "dial tcp {}: {}",
                    authority(&host, port),
                    dial_error(&error)
                )
            })?;
        if tls {
            let name = ServerName::try_from(host).map_err(|e| e.to_string())?;
            let connector = tokio_rustls::TlsConnector::from(unverified());
            let stream = connector
                .connect(name, stream)
                .await
                .map_err(|e| e.to_string())?;
            self.exchange(uri, TokioIo::new(stream)).await
        } else {
            self.exchange(uri, TokioIo::new(stream)).await
        }
    }

    async fn exchange<S>(&self, uri: &Uri, stream: S) -> Result<(Answer, Option<String>), String>
    where
        S: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
            .await
            .map_err(|e| e.to_string())?;
        let connection = tokio::spawn(connection);
        let answer = async {
            let request = self.request(uri)?;
            let response = sender
                .send_request(request)
                .await
                .map_err(|e| e.to_string())?;
            let status = response.status();
            let location = response
                .headers()
                .get(header::LOCATION)
                .and_then(|v| v.to_str().ok())
                .map(str::to_owned);
            let body = Limited::new(response.into_body(), MAX_BODY)
                .collect()
                .await
                .map(|b| b.to_bytes())
                .unwrap_or_default();
            Ok((
                Answer {
                    status,
                    body: String::from_utf8_lossy(&body).into_owned(),
                    elsewhere: false,
                },
                location,
            ))
        };
        let answer = answer.await;
        connection.abort();
        answer
    }

    fn request(&self, uri: &Uri) -> Result<Request<Empty<Bytes>>, String> {
        let path = uri.path_and_query().map_or("/", |p| p.as_str());
        let mut request = Request::get(path);
        let given = |name: &str| {
            self.headers
                .iter()
                .any(|(n, _)| n.eq_ignore_ascii_case(name))
        };
        if !given("host") {
            request = request.header(header::HOST, uri.authority().map_or("", |a| a.as_str()));
        }
        if !given("user-agent") {
            request = request.header(header::USER_AGENT, self.user_agent);
        }
        if !given("accept") {
            request = request.header(header::ACCEPT, "*/*");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request
            .header(header::CONNECTION, "close")
            .body(Empty::new())
            .map_err(|e| e.to_string())
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub(crate) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// A failed connect in Go's words.
pub(crate) fn dial_error(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connect: connection refused".into(),
        std::io::ErrorKind::HostUnreachable => "connect: no route to host".into(),
        std::io::ErrorKind::TimedOut => "i/o timeout".into(),
        _ => error.to_string(),
    }
}

fn unverified() -> Arc<ClientConfig> {
    static CONFIG: std::sync::LazyLock<Arc<ClientConfig>> = std::sync::LazyLock::new(|| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let schemes = provider
            .signature_verification_algorithms
            .supported_schemes();
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        // ring's provider has cipher suites for every default version.
        #[allow(
            clippy::unwrap_used,
            reason = "fails only for a provider without cipher suites"
        )]
        let builder = builder.unwrap();
        let config = builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(schemes)))
            .with_no_client_auth();
        Arc::new(config)
    });
    CONFIG.clone()
}

/// Kubernetes' probes and hooks do not check certificates: it is the node that asks its own pod.
#[derive(Debug)]
struct Anyone(Vec<SignatureScheme>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}
