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
use crate::encode::body::{BrokenOff, ReplyBody};

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
            let chunk = body.next().await?;
            let chunk = chunk.map_err(|error| BrokenOff(error.into()));
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

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::Empty;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What a client gets of an answer that a backend writes so, and then hangs up.
    async fn relayed(answer: &'static [u8]) -> Result<Bytes, crate::encode::body::BrokenOff> {
        let (ours, mut backend) = tokio::io::duplex(1024);
        let mut sender = open(ours).await.unwrap();
        let answering = async move {
            assert!(backend.read(&mut [0; 1024]).await.unwrap() > 0);
            backend.write_all(answer).await.unwrap();
        };
        let request = Request::new(Empty::<Bytes>::new());
        let (answer, ()) = tokio::join!(sender.send_request(request), answering);
        let whole = body(answer.unwrap().into_body(), sender).collect().await?;
        Ok(whole.to_bytes())
    }

    #[tokio::test]
    async fn what_breaks_off_does_not_end_as_if_it_were_whole() {
        let whole = relayed(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhalf").await;
        assert_eq!(whole.unwrap(), "half");
        for cut in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf"[..],
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        ] {
            assert!(relayed(cut).await.is_err());
        }
    }
}
