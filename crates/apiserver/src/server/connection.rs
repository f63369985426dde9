//! One connection: the handshake, who is at the other end, and the protocol they speak.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::ApiServer;
use crate::limits::{
    CONNECTION_WINDOW, FRAME, HANDSHAKE_WAIT, HEAD, HEAD_WAIT, KEEP_ALIVE, KEEP_ALIVE_WAIT, RESETS,
    SEND_BUFFER, STREAM_WINDOW, STREAMS,
};
use crate::pipeline::Connection;

use super::cork::corked;
use super::streams::{Spawner, Streams};

impl ApiServer {
    /// Serves one connection to its end.
    pub(super) async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        acceptor: TlsAcceptor,
        closing: CancellationToken,
    ) {
        let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_WAIT, acceptor.accept(stream)).await
        else {
            return;
        };
        let (_, session) = stream.get_ref();
        let certificate = session
            .peer_certificates()
            .and_then(|chain| self.authenticator.certificate(chain));
        let expires = session
            .peer_certificates()
            .and_then(|chain| navarch_auth::certificate_expires(chain.first()?));
        let connection = Arc::new(Connection {
            certificate,
            expires,
        });
        let spoke = Arc::new(AtomicBool::new(false));
        let speaks = spoke.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            speaks.store(true, Ordering::Relaxed);
            let (server, connection) = (self.clone(), connection.clone());
            async move { Ok::<_, std::convert::Infallible>(server.handle(&connection, request).await) }
        });
        let spawner = Spawner::default();
        let builder = builder(spawner.clone());
        let (stream, cork) = corked(stream);
        let serving = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let mut serving = Streams::new(serving, spawner, cork);
        let ended = tokio::select! {
            ended = &mut serving => ended,
            () = silence(&spoke) => return,
            () = closing.cancelled() => {
                serving.connection().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// Ends when the first request should have come and has not. The protocols' own limits begin with their first bytes: without
/// this, who shakes hands and sends nothing would keep its place for ever.
async fn silence(spoke: &AtomicBool) {
    tokio::time::sleep(HEAD_WAIT).await;
    if spoke.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

fn builder(spawner: Spawner) -> Builder<Spawner> {
    let mut builder = Builder::new(spawner);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .keep_alive(true)
        .max_buf_size(HEAD as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .max_frame_size(FRAME)
        .max_header_list_size(HEAD)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_WAIT);
    builder
}
