//! One HTTP/2 connection over TLS, its windows open.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::cork::corked;
use crate::kubeconfig::Target;

/// What a stream may have on its way to us. With the 64 KiB of the protocol's default a long list waits for every window.
const STREAM_WINDOW: u32 = 16 << 20;
/// What all streams of a connection may have on their way to us.
const CONNECTION_WINDOW: u32 = 64 << 20;

/// Where requests are put. Clones share the connection.
pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// Connects. The connection ends with the last clone of the sender.
pub(crate) async fn connect(target: &Target) -> Result<Sender> {
    let host = target.server.host().context("no host")?;
    let port = target.server.port_u16().unwrap_or(443);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((bare, port))
        .await
        .with_context(|| format!("{host}:{port}"))?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from(bare.to_owned())?;
    let tls = TlsConnector::from(Arc::clone(&target.tls))
        .connect(name, tcp)
        .await
        .context("TLS")?;
    if tls.get_ref().1.alpn_protocol() != Some(b"h2") {
        bail!("{} does not speak HTTP/2", target.server);
    }
    let (tls, executor) = corked(tls);
    let (sender, connection) = Builder::new(executor)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .handshake(TokioIo::new(tls))
        .await?;
    // Its errors are those of the requests on it.
    tokio::spawn(async move { connection.await.ok() });
    Ok(sender)
}
