//! `healthCheckNodePort`: load balancers ask each node whether it has endpoints of a service whose external traffic stays on its node.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use navarch_client::ObjectKey;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::plan::HealthCheck;
use crate::namespace;
use crate::task::Task;

/// How many may ask about one service at a time.
const CONNECTIONS: usize = 64;
/// How long a question may take, and the wait for the next on the same connection.
const QUESTION: Duration = Duration::from_secs(10);
/// After a connection could not be accepted.
const RETRY: Duration = Duration::from_millis(100);

/// The ports that are listened on.
pub(crate) struct HealthChecks {
    netns: Option<PathBuf>,
    /// Whether the rules are what they should be.
    is_healthy: Arc<AtomicBool>,
    servers: HashMap<ObjectKey, Server>,
}

struct Server {
    port: u16,
    local_endpoints: Arc<AtomicUsize>,
    _task: Task,
}

impl HealthChecks {
    pub(crate) fn new(netns: Option<PathBuf>) -> Self {
        Self {
            netns,
            is_healthy: Arc::new(AtomicBool::new(false)),
            servers: HashMap::new(),
        }
    }

    /// Whether the rules are what they should be, from now on.
    pub(crate) fn set_healthy(&self, is_healthy: bool) {
        self.is_healthy.store(is_healthy, Ordering::Relaxed);
    }

    /// Listens for these services and no others. `false`: a port could not be had; it is to be tried again.
    pub(crate) fn serve(&mut self, wanted: &HashMap<ObjectKey, HealthCheck>) -> bool {
        let is_wanted =
            |key: &ObjectKey, port: u16| wanted.get(key).is_some_and(|check| check.port == port);
        self.servers
            .retain(|service, server| is_wanted(service, server.port));
        let mut all = true;
        for (service, check) in wanted {
            if let Some(server) = self.servers.get(service) {
                let count = check.local_endpoints;
                server.local_endpoints.store(count, Ordering::Relaxed);
                continue;
            }
            match self.listen(service, *check) {
                Ok(server) => drop(self.servers.insert(service.clone(), server)),
                Err(error) => {
                    let port = check.port;
                    tracing::warn!(%service, port, %error, "the health check's port cannot be listened on");
                    all = false;
                }
            }
        }
        all
    }

    fn listen(&self, service: &ObjectKey, check: HealthCheck) -> std::io::Result<Server> {
        let port = check.port;
        let listener = namespace::open_socket(self.netns.as_deref(), move || {
            // Of IPv4 as well, but for hosts that have no IPv6 at all.
            let listener = std::net::TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
                .or_else(|_| std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        })?;
        let listener = TcpListener::from_std(listener)?;
        let local_endpoints = Arc::new(AtomicUsize::new(check.local_endpoints));
        let (count, healthy) = (local_endpoints.clone(), self.is_healthy.clone());
        let service = service.clone();
        let answer = move || {
            let (count, healthy) = (
                count.load(Ordering::Relaxed),
                healthy.load(Ordering::Relaxed),
            );
            answer(&service, count, healthy)
        };
        Ok(Server {
            port: check.port,
            local_endpoints,
            _task: Task::spawn(accept(listener, answer)),
        })
    }
}

async fn accept(
    listener: TcpListener,
    answer: impl Fn() -> Response<Full<Bytes>> + Clone + Send + 'static,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    while let Ok(place) = places.clone().acquire_owned().await {
        while connections.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        let answer = answer.clone();
        connections.spawn(async move {
            let serve = service_fn(move |_| {
                let answer = answer();
                async move { Ok::<_, Infallible>(answer) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(QUESTION);
            // A client that goes away is no matter.
            let _ = http.serve_connection(TokioIo::new(stream), serve).await;
            drop(place);
        });
    }
}

/// As kube-proxy says it.
fn answer(service: &ObjectKey, local_endpoints: usize, is_healthy: bool) -> Response<Full<Bytes>> {
    let (namespace, name) = (&service.namespace, &service.name);
    let text = format!(
        "{{\n\t\"service\": {{\n\t\t\"namespace\": {namespace:?},\n\t\t\"name\": {name:?}\n\t}},\n\t\"localEndpoints\": {local_endpoints},\n\t\"serviceProxyHealthy\": {is_healthy}\n}}"
    );
    let mut response = Response::new(Full::new(Bytes::from(text)));
    if local_endpoints == 0 || !is_healthy {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    let headers = response.headers_mut();
    let json = header::HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let nosniff = header::HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    headers.insert("x-load-balancing-endpoint-weight", local_endpoints.into());
    response
}
