//! Which nodes are looked at, and whom an asker on each asks. Pure.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod, Service};

use super::objects::NAME;
use super::task::{Named, Place, Target, Task};
use super::{OF_PLUGINS, OPEN, POD_NETWORK, SERVICE};

/// How many others an asker asks at most: with so many nodes or fewer everybody asks everybody, and with more each the next ones by name.
pub(crate) const ASKED: usize = 64;
/// How many addresses of one are asked: one of each family.
const ADDRESSES: usize = 2;

/// A node that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) name: String,
    /// Where its API is.
    pub(crate) api: Vec<SocketAddr>,
    /// Whether plugins connect its pods.
    pub(crate) of_plugins: bool,
}

/// The nodes that are looked at, by name, and what is wrong with those that are not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) nodes: Vec<Checked>,
    pub(crate) failures: Vec<String>,
}

/// Of all nodes those with these names; all, where none is named.
pub(crate) fn choose(nodes: &[Arc<Node>], names: &[String]) -> Chosen {
    let mut chosen = Chosen::default();
    let has = |name: &str| nodes.iter().any(|node| name_of(node) == name);
    let unknown = names.iter().filter(|name| !has(name));
    let unknown = unknown.map(|name| format!("nodes {name:?} not found"));
    chosen.failures.extend(unknown);
    let is_meant =
        |node: &&Arc<Node>| names.is_empty() || names.iter().any(|name| *name == name_of(node));
    for node in nodes.iter().filter(is_meant) {
        let name = name_of(node).to_owned();
        match is_ready(node) {
            true => chosen.nodes.push(Checked {
                api: api(node),
                of_plugins: is_of_plugins(node),
                name,
            }),
            false => chosen
                .failures
                .push(format!("node {name} is not Ready, and was not looked at")),
        }
    }
    chosen.nodes.sort_by(|a, b| a.name.cmp(&b.name));
    chosen
}

fn name_of(node: &Node) -> &str {
    node.metadata.name.as_deref().unwrap_or_default()
}

fn is_ready(node: &Node) -> bool {
    let status = node.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref());
    let mut conditions = conditions.unwrap_or_default().iter();
    conditions.any(|it| it.type_ == "Ready" && it.status == "True")
}

fn is_of_plugins(node: &Node) -> bool {
    let annotations = node.metadata.annotations.as_ref();
    let said = annotations.and_then(|all| all.get(POD_NETWORK));
    said.is_some_and(|of| of == OF_PLUGINS)
}

fn api(node: &Node) -> Vec<SocketAddr> {
    let Some(status) = &node.status else {
        return Vec::new();
    };
    let endpoints = status.daemon_endpoints.as_ref();
    let port = endpoints.and_then(|it| it.kubelet_endpoint.as_ref());
    let Some(port) = port.and_then(|it| u16::try_from(it.port).ok()) else {
        return Vec::new();
    };
    let addresses = status.addresses.iter().flatten();
    let internal = addresses.filter(|it| it.type_ == "InternalIP");
    internal
        .filter_map(|it| Some(SocketAddr::new(it.address.parse().ok()?, port)))
        .take(ADDRESSES)
        .collect()
}

/// Where a node's answerer answers, of both families.
pub(crate) fn answers_at((node, pod): (&Checked, &Pod)) -> Vec<Target> {
    let addresses = pod.status.iter().flat_map(|it| it.pod_ips.iter().flatten());
    let addresses = addresses.filter_map(|it| it.ip.parse::<IpAddr>().ok());
    let target = |ip| Target {
        node: node.name.clone(),
        address: SocketAddr::new(ip, OPEN),
        of_plugins: node.of_plugins,
    };
    addresses.take(ADDRESSES).map(target).collect()
}

/// Whom the asker at this place among the nodes asks: itself and those that follow, as if they stood in a ring.
pub(crate) fn asked<T>(all: &[T], at: usize) -> impl Iterator<Item = &T> {
    let from_here = all.iter().cycle().skip(at);
    from_here.take(all.len().min(ASKED + 1))
}

/// From each node two: one of the node's own, and one of a pod's.
pub(crate) fn tasks(
    nodes: &[Checked],
    answerers: &[Vec<Target>],
    (service, api): (&Service, &Service),
    patience: Duration,
) -> Vec<Task> {
    let named = |name: &str, service| Named {
        name: name.to_owned(),
        addresses: addresses(service).collect(),
    };
    let namespace = service.metadata.namespace.as_deref().unwrap_or_default();
    let names = vec![
        named(&format!("{NAME}.{namespace}"), service),
        named("kubernetes.default", api),
    ];
    let at = |service, port| {
        addresses(service)
            .map(move |ip| SocketAddr::new(ip, port))
            .collect()
    };
    let mut tasks = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        let apis = asked(nodes, number).flat_map(|node| {
            let target = |&address| Target {
                node: node.name.clone(),
                address,
                of_plugins: false,
            };
            node.api.iter().map(target)
        });
        let apis: Vec<Target> = apis.collect();
        let pods: Vec<Target> = asked(answerers, number).flatten().cloned().collect();
        for place in [Place::Node, Place::Pod] {
            tasks.push(Task {
                node: node.name.clone(),
                place,
                pods: pods.clone(),
                nodes: apis.clone(),
                services: at(service, SERVICE),
                api: at(api, port(api)),
                names: names.clone(),
                patience: patience.as_secs(),
            });
        }
    }
    tasks
}

fn addresses(service: &Service) -> impl Iterator<Item = IpAddr> {
    let spec = service.spec.as_ref();
    let ips = spec.and_then(|spec| spec.cluster_ips.as_deref());
    ips.unwrap_or_default()
        .iter()
        .filter_map(|ip| ip.parse().ok())
}

fn port(service: &Service) -> u16 {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref());
    let first = ports.and_then(|ports| ports.first());
    first
        .and_then(|it| u16::try_from(it.port).ok())
        .unwrap_or(443)
}
