//! Which path is what.

use http::{Method, Request, Response, StatusCode};

use super::query::Query;
use super::{Body, NodeApi, answer, refusal};

/// A path taken apart. Permission is given by the same parts as the request is answered by.
pub(super) fn segments(path: &str) -> Vec<&str> {
    path.trim_matches('/').split('/').collect()
}

impl NodeApi {
    /// Answers a request. For exec, attach and port-forward the request carries hyper's upgrade extension, and so the
    /// connection goes on as a WebSocket after the answer.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body> {
        let (mut request, _) = request.into_parts();
        let path = request.uri.path().to_owned();
        let query = Query::of(&request.uri);
        let parts = segments(&path);
        let get = request.method == Method::GET;
        match parts.as_slice() {
            ["healthz"] if get => answer(StatusCode::OK, "text/plain; charset=utf-8", "ok"),
            ["pods"] if get => self.list_pods(),
            ["runningpods"] if get => self.list_running(),
            ["stats", "summary"] if get => self.summary().await,
            ["metrics"] if get => self.metrics(),
            ["metrics", "resource"] if get => self.resource_metrics().await,
            ["containerLogs", namespace, pod, container] if get => {
                self.serve_logs(&mut request, namespace, pod, container, &query)
                    .await
            }
            ["exec", namespace, pod, container] | ["exec", namespace, pod, _, container] => {
                self.stream(&mut request, namespace, pod, container, &query, true)
                    .await
            }
            ["attach", namespace, pod, container] | ["attach", namespace, pod, _, container] => {
                self.stream(&mut request, namespace, pod, container, &query, false)
                    .await
            }
            ["portForward", namespace, pod] | ["portForward", namespace, pod, _] => self
                .forward(&mut request, namespace, pod, &query)
                .unwrap_or_else(|error| refusal(&error)),
            _ => answer(
                StatusCode::NOT_FOUND,
                "text/plain; charset=utf-8",
                "404 page not found\n",
            ),
        }
    }
}
