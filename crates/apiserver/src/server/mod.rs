//! The server's front: sockets, TLS, HTTP/1.1 and HTTP/2.

mod answer;
mod body;
mod connection;
mod cork;
mod documents;
mod handle;
mod issuer;
mod paths;
mod streams;
mod tls;

pub use tls::{TlsError, tls_config};

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ApiServer;
use crate::limits::{CONNECTIONS, DRAIN_WAIT};

/// How long the accept loop rests when the machine has no more descriptors.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(50);

impl ApiServer {
    /// Serves HTTPS until `shutdown` is cancelled; then stops accepting, ends watches, lets requests finish for a while,
    /// and returns. The TLS configuration says which client certificates count, and names `h2` and `http/1.1` in ALPN.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        tls: Arc<ServerConfig>,
        shutdown: CancellationToken,
    ) {
        let acceptor = TlsAcceptor::from(tls);
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let tracker = TaskTracker::new();
        loop {
            let Some(place) = shutdown
                .run_until_cancelled(places.clone().acquire_owned())
                .await
            else {
                break;
            };
            let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await else {
                break;
            };
            match accepted {
                Ok((stream, _)) => {
                    let server = self.clone();
                    let (acceptor, closing) = (acceptor.clone(), shutdown.clone());
                    tracker.spawn(async move {
                        server.connection(prepared(stream), acceptor, closing).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
                }
            }
        }
        drop(listener);
        self.closing.cancel();
        tracker.close();
        if tokio::time::timeout(DRAIN_WAIT, tracker.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                connections = tracker.len(),
                "connections are cut that did not end in time"
            );
        }
    }

    /// Ends all watches of callers in this process, as `serve` does for its own when it stops.
    pub fn close(&self) {
        self.closing.cancel();
    }
}

fn prepared(stream: TcpStream) -> TcpStream {
    // A connection works without it, only slower.
    let _ = stream.set_nodelay(true);
    stream
}
