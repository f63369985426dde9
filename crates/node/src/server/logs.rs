//! Logs of containers.

use std::convert::Infallible;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::StreamExt;
use http::request::Parts;
use http::{Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use jiff::SignedDuration;
use navarch_machinery::status::StatusError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_tungstenite::tungstenite::Message;

use super::query::Query;
use super::{Body, NodeApi, refusal, websocket};
use crate::container_log::{self, LogOptions, Watch};
use crate::spec;

/// What logs are spoken in over a WebSocket: bytes as they are, or base64 in text. Without a choice it is the first.
const PROTOCOLS: [&str; 2] = ["binary.k8s.io", BASE64_PROTOCOL];
const BASE64_PROTOCOL: &str = "base64.binary.k8s.io";

/// Chunks that wait for a slow reader.
const WAITING: usize = 16;

impl NodeApi {
    /// The log of a container; the stream ends with the log, or with `follow` when the container has ended.
    pub async fn logs(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        previous: bool,
        options: LogOptions,
    ) -> Result<mpsc::Receiver<Bytes>, StatusError> {
        let pod = self.pod(namespace, pod)?;
        let record = self.container(&pod, container, previous)?;
        let directory =
            self.worker
                .options
                .log_dir(spec::namespace(&pod), spec::name(&pod), spec::uid(&pod));
        let log = directory.join(&record.config.log_path);
        let watch = options
            .follow
            .then(|| Watch::new(self.worker.runtime.clone(), record.id.clone()));
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            if let Err(error) = container_log::read(&log, &options, watch, sender).await {
                tracing::warn!(log = %log.display(), %error, "a log could not be read");
            }
        });
        Ok(receiver)
    }

    /// As text, or over a WebSocket where that is asked for.
    pub(super) async fn serve_logs(
        &self,
        request: &mut Parts,
        namespace: &str,
        pod: &str,
        container: &str,
        query: &Query,
    ) -> Response<Body> {
        let options = match self.log_options(query) {
            Ok(options) => options,
            Err(error) => return refusal(&error),
        };
        match self
            .logs(
                namespace,
                pod,
                container,
                query.flag(&["previous"]),
                options,
            )
            .await
        {
            Ok(chunks) if websocket::is_wanted(&request.headers) => {
                over_websocket(request, chunks).unwrap_or_else(|error| refusal(&error))
            }
            Ok(chunks) => {
                let frames = ReceiverStream::new(chunks)
                    .map(|chunk| Ok::<_, Infallible>(Frame::data(chunk)));
                let mut response = Response::new(BodyExt::boxed(StreamBody::new(frames)));
                *response.status_mut() = StatusCode::OK;
                response.headers_mut().insert(
                    header::CONTENT_TYPE,
                    http::HeaderValue::from_static("text/plain"),
                );
                response
            }
            Err(error) => refusal(&error),
        }
    }

    fn log_options(&self, query: &Query) -> Result<LogOptions, StatusError> {
        let number = |name: &str| match query.one(name) {
            None => Ok(None),
            Some(text) => text.parse::<u64>().map(Some).map_err(|_| {
                StatusError::new(422, "Invalid", r#"{"message": "Invalid request."}"#)
            }),
        };
        let stream = match query.one("stream") {
            None | Some("All") => None,
            Some("Stdout") => Some("stdout".to_owned()),
            Some("Stderr") => Some("stderr".to_owned()),
            Some(other) => {
                return Err(StatusError::bad_request(format!(
                    "invalid stream type {other:?}"
                )));
            }
        };
        let since = match (number("sinceSeconds")?, query.one("sinceTime")) {
            (Some(seconds), _) => {
                let ago = SignedDuration::try_from(Duration::from_secs(seconds))
                    .unwrap_or(SignedDuration::MAX);
                self.worker.clock.now().checked_sub(ago).ok()
            }
            (None, Some(time)) => Some(time.parse().map_err(|_| {
                StatusError::bad_request(r#"{"message": "Unable to decode query."}"#)
            })?),
            (None, None) => None,
        };
        Ok(LogOptions {
            follow: query.flag(&["follow"]),
            tail_lines: number("tailLines")?,
            since,
            timestamps: query.flag(&["timestamps"]),
            limit_bytes: number("limitBytes")?,
            stream,
        })
    }
}

/// Sends a log in messages until it ends or the client goes.
fn over_websocket(
    request: &mut Parts,
    mut chunks: mpsc::Receiver<Bytes>,
) -> Result<Response<Body>, StatusError> {
    let protocol = websocket::choose(&request.headers, &PROTOCOLS)?;
    let (response, socket) = websocket::accept(request, protocol)?;
    let in_text = protocol == Some(BASE64_PROTOCOL);
    tokio::spawn(async move {
        let Some(socket) = socket.await else { return };
        let (mut sender, mut receiver) = socket.split();
        loop {
            let chunk = tokio::select! {
                chunk = chunks.recv() => chunk,
                // Nothing is expected of the client: what it sends is passed over, and its end is the end.
                said = receiver.next() => match said {
                    Some(_) => continue,
                    None => return,
                },
            };
            let Some(chunk) = chunk else { break };
            let message = if in_text {
                Message::Text(BASE64.encode(&chunk).into())
            } else {
                Message::Binary(chunk)
            };
            if !sender.send(message).await {
                return;
            }
        }
        sender.close().await;
    });
    Ok(response)
}
