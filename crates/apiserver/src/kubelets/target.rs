//! Where a request to a node goes: its address, and the path in the kubelet's own API.

use k8s_openapi::api::core::v1::Node;
use navarch_api::def::SubresourceKind;
use navarch_machinery::status::{Result, StatusError};

use crate::registry::NodeRequest;

/// The port of a kubelet that names none.
const KUBELET_PORT: u16 = 10250;
/// Which of a node's addresses is taken. Kubernetes' `--kubelet-preferred-address-types`, but names last: they need a resolver.
const PREFERRED: &[&str] = &[
    "InternalIP",
    "ExternalIP",
    "Hostname",
    "InternalDNS",
    "ExternalDNS",
];

/// The host and port of a node's kubelet.
pub(crate) fn address(node: &Node) -> Result<(String, u16)> {
    let status = node.status.as_ref();
    let addresses = status
        .and_then(|status| status.addresses.as_deref())
        .unwrap_or_default();
    let found = PREFERRED
        .iter()
        .find_map(|kind| addresses.iter().find(|address| address.type_ == *kind));
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let found = found.ok_or_else(|| {
        StatusError::internal(format!("no preferred addresses found for node {name:?}"))
    })?;
    let endpoint =
        status.and_then(|status| status.daemon_endpoints.as_ref()?.kubelet_endpoint.as_ref());
    let port = endpoint
        .and_then(|endpoint| u16::try_from(endpoint.port).ok())
        .filter(|port| *port != 0);
    Ok((found.address.clone(), port.unwrap_or(KUBELET_PORT)))
}

/// The path and query.
pub(super) fn path(request: &NodeRequest) -> Result<String> {
    let metadata = &request.pod.metadata;
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let pod = metadata.name.as_deref().unwrap_or_default();
    let container = &request.container;
    let (path, query) = match request.action {
        SubresourceKind::Log => (
            format!("/containerLogs/{namespace}/{pod}/{container}"),
            request.query.clone(),
        ),
        SubresourceKind::Exec => (
            format!("/exec/{namespace}/{pod}/{container}"),
            streams(&request.query),
        ),
        SubresourceKind::Attach => (
            format!("/attach/{namespace}/{pod}/{container}"),
            streams(&request.query),
        ),
        SubresourceKind::PortForward => (
            format!("/portForward/{namespace}/{pod}"),
            ports(&request.query),
        ),
        _ => return Err(StatusError::no_such_path()),
    };
    Ok(if query.is_empty() {
        path
    } else {
        format!("{path}?{query}")
    })
}

/// The kubelet's names for the wanted streams: `input=1` where the API says `stdin=true`. The command stays as it came.
fn streams(query: &str) -> String {
    let rename = |pair: &str| -> Option<String> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = match name {
            "stdin" => "input",
            "stdout" => "output",
            "stderr" => "error",
            "tty" => "tty",
            "command" => return Some(pair.to_owned()),
            _ => return None,
        };
        matches!(value, "true" | "1" | "").then(|| format!("{name}=1"))
    };
    query
        .split('&')
        .filter_map(rename)
        .collect::<Vec<_>>()
        .join("&")
}

/// The kubelet's name for the ports that are wanted: `port=80&port=81` where the API says `ports=80,81`.
fn ports(query: &str) -> String {
    let wanted = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("ports="));
    let each = wanted.flat_map(|ports| ports.split(','));
    let each = each.map(|port| format!("port={port}"));
    each.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_one_by_one() {
        assert_eq!(ports(""), "");
        assert_eq!(ports("ports=80&x=1&ports=81,82"), "port=80&port=81&port=82");
    }

    #[test]
    fn streams_are_renamed_and_the_command_is_kept() {
        let query = "command=sh&command=-c&command=echo+a%26b&container=c&stdin=true&stdout=true&stderr=false&tty=true";
        assert_eq!(
            streams(query),
            "command=sh&command=-c&command=echo+a%26b&input=1&output=1&tty=1"
        );
    }

    #[test]
    fn an_internal_address_is_preferred() {
        let node = serde_json::json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {
            "addresses": [{"type": "Hostname", "address": "h"}, {"type": "InternalIP", "address": "10.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10251}},
        }});
        assert_eq!(
            address(&serde_json::from_value(node).unwrap()).unwrap(),
            ("10.0.0.1".to_owned(), 10251)
        );
        let bare =
            serde_json::json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}});
        let error = address(&serde_json::from_value(bare).unwrap())
            .unwrap_err()
            .message;
        assert!(
            error.contains("no preferred addresses found for node \"n\""),
            "{error}"
        );
    }
}
