//! The WebSocket handshake, and messages as bytes.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use navarch_machinery::status::StatusError;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::{Body, full};

/// The longest message that is taken.
const MAX_MESSAGE: usize = 1 << 20;

/// A WebSocket that a client asked for.
pub(super) struct Socket(WebSocketStream<TokioIo<Upgraded>>);

/// The subprotocol that both know: the first of ours, in our order, that the client offers. A client that offers none gets none.
pub(super) fn choose(
    headers: &HeaderMap,
    ours: &[&'static str],
) -> Result<Option<&'static str>, StatusError> {
    let offered: Vec<&str> = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(str::trim))
        .collect();
    if offered.is_empty() {
        return Ok(None);
    }
    let chosen = ours.iter().find(|known| offered.contains(known)).copied();
    chosen.map(Some).ok_or_else(|| {
        StatusError::new(
            403,
            "Forbidden",
            format!(
                "unable to negotiate protocol: client supports {offered:?}, server accepts {ours:?}"
            ),
        )
    })
}

/// Whether the client asks to go on as a WebSocket.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let says = |name, wanted: &str| {
        headers.get_all(name).iter().any(|v| {
            v.to_str()
                .is_ok_and(|v| v.to_ascii_lowercase().contains(wanted))
        })
    };
    says(header::UPGRADE, "websocket") && says(header::CONNECTION, "upgrade")
}

/// Answers the handshake; the socket is there when the answer has gone out. Error: the request is no WebSocket's.
pub(super) fn accept(
    request: &mut Parts,
    protocol: Option<&'static str>,
) -> Result<
    (
        Response<Body>,
        impl Future<Output = Option<Socket>> + Send + use<>,
    ),
    StatusError,
> {
    let key = request.headers.get(header::SEC_WEBSOCKET_KEY).cloned();
    let refuse = || StatusError::bad_request("you must use a WebSocket to access this resource");
    if !is_wanted(&request.headers) {
        return Err(refuse());
    }
    let accepted = derive_accept_key(key.as_ref().ok_or_else(refuse)?.as_bytes());
    let upgrade: OnUpgrade = request.extensions.remove().ok_or_else(refuse)?;
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(header::UPGRADE, "websocket");
    set(header::CONNECTION, "Upgrade");
    set(header::SEC_WEBSOCKET_ACCEPT, &accepted);
    if let Some(protocol) = protocol {
        set(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    let socket = async move {
        let upgraded = upgrade
            .await
            .inspect_err(|error| tracing::debug!(%error, "an upgrade failed"))
            .ok()?;
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(MAX_MESSAGE);
        config.max_frame_size = Some(MAX_MESSAGE);
        Some(Socket(
            WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config))
                .await,
        ))
    };
    Ok((response, socket))
}

impl Socket {
    pub(super) fn split(self) -> (Sender, Receiver) {
        let (sink, stream) = self.0.split();
        (Sender(sink), Receiver(stream))
    }
}

/// Sends messages.
pub(super) struct Sender(futures::stream::SplitSink<WebSocketStream<TokioIo<Upgraded>>, Message>);

/// Receives messages.
pub(super) struct Receiver(futures::stream::SplitStream<WebSocketStream<TokioIo<Upgraded>>>);

impl Sender {
    /// `false`: the client is gone.
    pub(super) async fn send(&mut self, message: Message) -> bool {
        self.0.send(message).await.is_ok()
    }

    pub(super) async fn close(&mut self) {
        // With a code: clients take a close without one for an accident.
        let normal = CloseFrame {
            code: CloseCode::Normal,
            reason: Utf8Bytes::default(),
        };
        let _ = self.0.send(Message::Close(Some(normal))).await;
        let _ = self.0.close().await;
    }
}

impl Receiver {
    /// The next message's bytes; `None` at the end. Pings are answered beneath.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.0.next().await? {
                Ok(Message::Binary(bytes)) => return Some(bytes),
                Ok(Message::Text(text)) => return Some(text.into()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}
