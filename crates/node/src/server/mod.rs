//! The node's HTTP API, as the kubelet's: logs, exec, attach, port-forward, pods, figures.
//!
//! In process, hand requests (with their upgrade extension) to [`NodeApi::handle`]; over the network, [`Server`] does it behind
//! TLS for clients that may ask.

mod access;
mod channels;
mod figures;
mod logs;
mod pods;
mod port_forward;
mod query;
mod routes;
mod serve;
mod websocket;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use k8s_openapi::api::core::v1::Pod;
use navarch_machinery::status::StatusError;
use navarch_runtime::cri::ContainerRecord;

pub use serve::{ServeOptions, Server};

use crate::spec;
use crate::worker::Worker;

/// The body of an answer.
pub type Body = BoxBody<Bytes, Infallible>;

/// What the node answers to the API server: in process as methods, or over HTTPS.
#[derive(Clone)]
pub struct NodeApi {
    worker: Arc<Worker>,
}

impl NodeApi {
    pub(crate) fn new(worker: Arc<Worker>) -> Self {
        Self { worker }
    }

    fn pod(&self, namespace: &str, name: &str) -> Result<Arc<Pod>, StatusError> {
        let found = self.worker.pod_named(namespace, name);
        found.ok_or_else(|| {
            StatusError::new(404, "NotFound", format!("pod {name:?} does not exist"))
        })
    }

    /// The newest container of a name, or the one before it.
    fn container(
        &self,
        pod: &Pod,
        name: &str,
        previous: bool,
    ) -> Result<Arc<ContainerRecord>, StatusError> {
        if spec::container(pod, name).is_none() {
            let message = format!("container {name:?} not found in pod {:?}", spec::name(pod));
            return Err(StatusError::new(404, "NotFound", message));
        }
        let actual = self.worker.view.of_pod(spec::uid(pod));
        let found = if previous {
            actual.previous(name)
        } else {
            actual.latest(name)
        };
        found.cloned().ok_or_else(|| match previous {
            true => StatusError::bad_request(format!(
                "previous terminated container {name:?} in pod {:?} not found",
                spec::name(pod)
            )),
            false => StatusError::bad_request(format!(
                "container {name:?} in pod {:?} is waiting to start: {}",
                spec::name(pod),
                waiting(pod, name)
            )),
        })
    }

    fn running(&self, pod: &Pod, name: &str) -> Result<Arc<ContainerRecord>, StatusError> {
        let record = self.container(pod, name, false)?;
        if record.pid.is_none() {
            return Err(StatusError::new(
                404,
                "NotFound",
                format!(
                    "container {name:?} in pod {:?} is not running",
                    spec::name(pod)
                ),
            ));
        }
        Ok(record)
    }
}

fn waiting(pod: &Pod, name: &str) -> String {
    let status = spec::status(pod);
    let all = status
        .init_container_statuses
        .iter()
        .flatten()
        .chain(status.container_statuses.iter().flatten());
    let reason = all
        .filter(|s| s.name == name)
        .find_map(|s| s.state.as_ref()?.waiting.as_ref()?.reason.clone());
    reason.unwrap_or_else(|| "ContainerCreating".to_owned())
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed()
}

fn answer(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}

/// The error as the kubelet tells it: its text alone.
fn refusal(error: &StatusError) -> Response<Body> {
    let status = StatusCode::from_u16(error.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer(status, "text/plain; charset=utf-8", error.message.clone())
}
