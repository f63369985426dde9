//! Streams to and from a pod's containers: logs, exec, attach, port-forward. The node holds the other end.

use std::sync::Arc;

use http::{HeaderMap, Method, Response};
use hyper::body::Incoming;
use k8s_openapi::api::core::v1::{Node, Pod};
use navarch_api::def::SubresourceKind;
use navarch_machinery::status::{Result, StatusError};

use super::super::Request;
use super::log_options;
use crate::ApiServer;
use crate::encode::body::ReplyBody;
use crate::proxy::Wire;
use crate::request::{Verb, decode};

/// What is asked of the node that runs a pod.
pub struct NodeRequest {
    /// The node.
    pub node: Arc<Node>,
    /// The pod.
    pub pod: Arc<Pod>,
    /// The container; empty for port-forward.
    pub container: String,
    /// Log, Exec, Attach or PortForward.
    pub action: SubresourceKind,
    /// The client's method.
    pub method: Method,
    /// The client's query, as it came.
    pub query: String,
    /// The client's headers: an upgrade names its protocols here.
    pub headers: HeaderMap,
    /// The client's connection, once it is upgraded. `None`: the client asked for no upgrade.
    pub upgrade: Option<hyper::upgrade::OnUpgrade>,
}

/// The way to the nodes.
#[async_trait::async_trait]
pub trait NodeProxy: Send + Sync {
    /// Asks the node, and answers with what it streams, or with the switch of protocols after which the client's
    /// connection is served in the background.
    async fn forward(&self, request: NodeRequest) -> Result<Response<ReplyBody>>;

    /// A connection to the node's API, on which requests may be sent as they are.
    async fn connect(&self, node: &Node) -> Result<Box<dyn Wire>>;
}

/// What of an HTTP request a stream needs beside the parsed request.
pub(crate) struct Upgrade {
    pub(crate) method: Method,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    /// What the client calls this server.
    pub(crate) host: String,
    /// What it sends, where that is not for this server.
    pub(crate) body: Option<Incoming>,
    pub(crate) connection: Option<hyper::upgrade::OnUpgrade>,
}

impl ApiServer {
    /// Connects a client to a container.
    pub(crate) async fn stream(
        &self,
        request: &Request<'_>,
        action: SubresourceKind,
        upgrade: Upgrade,
    ) -> Result<Response<ReplyBody>> {
        if action == SubresourceKind::Log {
            log_options::check(&request.info.name, &upgrade.query)?;
        } else if request.info.verb != Verb::Create {
            // A WebSocket is asked for with GET, and does the same as what SPDY asks for with POST.
            let also = self.authorize_also(request.user, request.info, "create");
            // Kubernetes says no more of it.
            also.map_err(|_| StatusError::forbidden("", "pods", &request.info.name, ""))?;
        }
        let (_, object) = self.named(request)?;
        let wrong = || StatusError::internal("only pods have containers");
        let pod: Arc<Pod> = navarch_machinery::object::downcast(object).ok_or_else(wrong)?;
        let container = match action {
            SubresourceKind::PortForward => String::new(),
            _ => container(&pod, &upgrade.query)?,
        };
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let node_name = pod
            .spec
            .as_ref()
            .and_then(|spec| spec.node_name.as_deref())
            .unwrap_or_default();
        if node_name.is_empty() {
            return match action {
                SubresourceKind::Log => Ok(Response::new(ReplyBody::empty())),
                _ => Err(StatusError::bad_request(format!(
                    "pod {name} does not have a host assigned"
                ))),
            };
        }
        let nodes = self
            .directory
            .find("", "v1", "nodes")
            .ok_or_else(StatusError::no_such_path)?;
        let entry = self
            .store
            .snapshot()
            .get(&nodes.key("", node_name))
            // Kubernetes takes the node for a pod here.
            .ok_or_else(|| request.served.not_found(node_name))?;
        let node = navarch_machinery::object::downcast(nodes.decode(&entry)?).ok_or_else(wrong)?;
        let proxy = self
            .node_proxy
            .as_ref()
            .ok_or_else(|| StatusError::unavailable("this server has no way to the nodes"))?;
        let Upgrade {
            method,
            query,
            headers,
            connection,
            ..
        } = upgrade;
        let followed = action == SubresourceKind::Log && follows(&query);
        let response = proxy
            .forward(NodeRequest {
                node,
                pod,
                container,
                action,
                method,
                query,
                headers,
                upgrade: connection,
            })
            .await?;
        if !followed {
            return Ok(response);
        }
        // It has no end of its own that the server's end could wait for. Any other log is told whole.
        let closing = self.closing.clone().cancelled_owned();
        Ok(response.map(|body| body.until(closing)))
    }
}

/// Whether a query asks for what is still to come of a log.
fn follows(query: &str) -> bool {
    let value = |pair: &str| Some(pair.strip_prefix("follow=")?.to_owned());
    let asked = query.split('&').find_map(value);
    asked.is_some_and(|value| !matches!(&*value, "false" | "0"))
}

/// The container that a client means: the one it names, the one that is annotated, or the only one.
fn container(pod: &Pod, query: &str) -> Result<String> {
    let asked = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("container="))
        .and_then(|text| decode(text, true))
        .unwrap_or_default();
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let Some(spec) = &pod.spec else {
        return Err(StatusError::bad_request(format!("pod {name} has no spec")));
    };
    let init = spec
        .init_containers
        .iter()
        .flatten()
        .map(|container| container.name.as_str());
    let ephemeral = spec
        .ephemeral_containers
        .iter()
        .flatten()
        .map(|container| container.name.as_str());
    let main = || {
        spec.containers
            .iter()
            .map(|container| container.name.as_str())
    };
    if !asked.is_empty() {
        let known = main()
            .chain(init)
            .chain(ephemeral)
            .any(|container| container == asked);
        let message = || format!("container {asked} is not valid for pod {name}");
        return if known {
            Ok(asked.into_owned())
        } else {
            Err(StatusError::bad_request(message()))
        };
    }
    let annotated = pod
        .metadata
        .annotations
        .as_ref()
        .and_then(|all| all.get("kubectl.kubernetes.io/default-container"));
    if let Some(annotated) =
        annotated.filter(|annotated| main().any(|container| container == annotated.as_str()))
    {
        return Ok(annotated.clone());
    }
    match spec.containers.as_slice() {
        [only] => Ok(only.name.clone()),
        _ => {
            let names = main().collect::<Vec<_>>().join(" ");
            let mut message = format!(
                "a container name must be specified for pod {name}, choose one of: [{names}]"
            );
            let init: Vec<&str> = init.collect();
            if !init.is_empty() {
                message.push_str(&format!(
                    " or one of the init containers: [{}]",
                    init.join(" ")
                ));
            }
            Err(StatusError::bad_request(message))
        }
    }
}
