//! What every request needs that goes on to another server: a connection of its own, the answer's body, and the bytes after an upgrade.

use bytes::Bytes;
use futures::StreamExt;
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::Wire;
use crate::encode::body::ReplyBody;

/// Speaks HTTP/1.1 on a connection, which lives as long as what is returned or the upgrade that comes of it.
pub(crate) async fn open<B>(wire: impl Wire + 'static) -> hyper::Result<SendRequest<B>>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(wire)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to a backend ended");
        }
    });
    Ok(sender)
}

/// A body as it comes, for as long as the client listens. The connection lives as long as its sender, which therefore goes along.
pub(crate) fn body<B: Send + 'static>(body: Incoming, sender: SendRequest<B>) -> ReplyBody {
    let chunks = futures::stream::unfold(
        (body.into_data_stream(), sender),
        |(mut body, sender)| async move {
            let chunk = body.next().await?.ok()?;
            Some((chunk, (body, sender)))
        },
    );
    ReplyBody::Stream(Box::pin(chunks))
}

/// After a switch of protocols bytes go both ways until one side ends.
pub(crate) fn between(client: OnUpgrade, backend: OnUpgrade) {
    tokio::spawn(async move {
        let (Ok(client), Ok(backend)) = (client.await, backend.await) else {
            return;
        };
        let (mut client, mut backend) = (TokioIo::new(client), TokioIo::new(backend));
        if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut backend).await {
            tracing::debug!(%error, "a stream to a backend ended");
        }
    });
}
