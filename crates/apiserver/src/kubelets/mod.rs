//! The way to the nodes: requests for logs, exec, attach and port-forward go on to the HTTP API that every kubelet serves, and
//! what comes back is handed through.
//!
//! A connection whose upgrade the node refused is closed with its answer: nothing that a client still sends on it can
//! reach the node as a request of its own (CVE-2018-1002105). Redirects are never followed.

mod target;

pub(crate) use target::address;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderName, UPGRADE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use k8s_openapi::api::core::v1::Node;
use navarch_api::def::SubresourceKind;
use navarch_machinery::status::{Result, StatusError};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::encode::body::ReplyBody;
use crate::proxy::{self, Wire, relay};
use crate::registry::{NodeProxy, NodeRequest};

/// How long a node may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a node may take to answer a request's head: it starts the process first.
const ANSWER: Duration = Duration::from_secs(60);
/// How much of a node's refusal is told.
const REFUSAL_BYTES: usize = 10_000;
/// The headers of an upgrade that a node must see.
const UPGRADE_HEADERS: &[&str] = &[
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
];
/// The headers of a node's answer that the client sees.
const ANSWER_HEADERS: &[&str] = &[
    "content-type",
    "sec-websocket-accept",
    "sec-websocket-protocol",
    "upgrade",
    "connection",
];

/// The nodes' HTTP APIs.
pub struct Kubelets {
    tls: TlsConnector,
}

type Sender = hyper::client::conn::http1::SendRequest<Empty<Bytes>>;

impl Kubelets {
    /// `tls`: the certificate by which this server is known to the nodes, and what it trusts theirs by.
    pub fn new(tls: ClientConfig) -> Self {
        Self {
            tls: TlsConnector::from(Arc::new(tls)),
        }
    }

    /// Connects to a node's API.
    async fn dial(&self, host: &str, port: u16) -> Result<TlsStream<TcpStream>> {
        let address = format!("{host}:{port}");
        let failed = |why: String| StatusError::internal(format!("error dialing backend: {why}"));
        let connecting = async {
            let stream = TcpStream::connect((host, port))
                .await
                .map_err(|error| failed(proxy::failure(&address, &error)))?;
            let _ = stream.set_nodelay(true);
            let name =
                ServerName::try_from(host.to_owned()).map_err(|error| failed(error.to_string()))?;
            let connected = self.tls.connect(name, stream).await;
            connected.map_err(|error| failed(error.to_string()))
        };
        let connected = tokio::time::timeout(CONNECT, connecting).await;
        connected.unwrap_or_else(|_| Err(failed(format!("dial tcp {address}: i/o timeout"))))
    }

    async fn sender(&self, host: &str, port: u16) -> Result<Sender> {
        let stream = self.dial(host, port).await?;
        let opened = relay::open(stream).await;
        opened.map_err(|error| StatusError::internal(format!("error dialing backend: {error}")))
    }
}

#[async_trait::async_trait]
impl NodeProxy for Kubelets {
    async fn connect(&self, node: &Node) -> Result<Box<dyn Wire>> {
        let (host, port) = target::address(node)?;
        Ok(Box::new(self.dial(&host, port).await?))
    }

    async fn forward(&self, mut request: NodeRequest) -> Result<Response<ReplyBody>> {
        let (host, port) = target::address(&request.node)?;
        let path = target::path(&request)?;
        let mut sender = self.sender(&host, port).await?;
        let mut forwarded = Request::builder()
            .method(request.method.clone())
            .uri(path)
            .header("host", format!("{host}:{port}"));
        if let Some(headers) = forwarded
            .headers_mut()
            .filter(|_| request.upgrade.is_some())
        {
            copy(&request.headers, headers, UPGRADE_HEADERS);
            copy(
                &request.headers,
                headers,
                &[UPGRADE.as_str(), CONNECTION.as_str()],
            );
        }
        let forwarded = forwarded
            .body(Empty::new())
            .map_err(StatusError::internal)?;
        let answered = tokio::time::timeout(ANSWER, sender.send_request(forwarded)).await;
        let answer =
            answered.map_err(|_| StatusError::timeout("the node did not answer in time", 1))?;
        let answer = answer
            .map_err(|error| StatusError::internal(format!("error dialing backend: {error}")))?;
        Ok(match (answer.status(), request.upgrade.take()) {
            (StatusCode::SWITCHING_PROTOCOLS, Some(client)) => switched(answer, client),
            (StatusCode::SWITCHING_PROTOCOLS, None) => {
                return Err(StatusError::internal("the node switched protocols unasked"));
            }
            (status, Some(_)) if status.as_u16() < 400 => {
                return Err(proxy::no_upgrade(status));
            }
            (status, _) if status.is_redirection() => {
                return Err(StatusError::internal("the node answered with a redirect"));
            }
            (status, _) if request.action == SubresourceKind::Log && !status.is_success() => {
                return Err(refused(answer, &request).await);
            }
            _ => streamed(answer, sender),
        })
    }
}

fn copy(from: &HeaderMap, to: &mut HeaderMap, names: &[&'static str]) {
    for name in names {
        let name = HeaderName::from_static(name);
        for value in from.get_all(&name) {
            to.append(name.clone(), value.clone());
        }
    }
}

/// What a node says against handing out a log, as a status: its own words are plain text.
async fn refused(answer: Response<hyper::body::Incoming>, request: &NodeRequest) -> StatusError {
    let (head, body) = answer.into_parts();
    let words = http_body_util::Limited::new(body, REFUSAL_BYTES).collect();
    let words = match tokio::time::timeout(CONNECT, words).await {
        Ok(Ok(words)) => words.to_bytes(),
        _ => Bytes::new(),
    };
    let words = String::from_utf8_lossy(&words).into_owned();
    match head.status {
        StatusCode::BAD_REQUEST => StatusError::bad_request(words),
        StatusCode::NOT_FOUND => {
            let name = request.pod.metadata.name.as_deref().unwrap_or_default();
            let mut error = StatusError::no_such_path();
            error.message = format!("{} ( pods/log {name})", error.message);
            error
        }
        _ => StatusError::internal(words),
    }
}

/// The node's answer as a stream, for as long as the client listens.
fn streamed(answer: Response<hyper::body::Incoming>, sender: Sender) -> Response<ReplyBody> {
    let (head, body) = answer.into_parts();
    let mut response = Response::new(relay::body(body, sender));
    *response.status_mut() = head.status;
    copy(&head.headers, response.headers_mut(), ANSWER_HEADERS);
    response.headers_mut().remove(CONNECTION);
    response
}

/// The switch of protocols, after which bytes go both ways until one side ends.
fn switched(
    mut answer: Response<hyper::body::Incoming>,
    client: hyper::upgrade::OnUpgrade,
) -> Response<ReplyBody> {
    relay::between(client, hyper::upgrade::on(&mut answer));
    let mut response = Response::new(ReplyBody::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    copy(answer.headers(), response.headers_mut(), ANSWER_HEADERS);
    response
}
