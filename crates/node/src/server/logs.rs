//! Logs of containers.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::{Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use jiff::SignedDuration;
use navarch_machinery::status::StatusError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::query::Query;
use super::{Body, NodeApi, refusal};
use crate::container_log::{self, LogOptions, Watch};
use crate::spec;

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

    pub(super) async fn serve_logs(
        &self,
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
