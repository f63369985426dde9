//! Where a proxied request goes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Endpoints, Node, Pod, Service};
use navarch_machinery::object::{Typed, downcast};
use navarch_machinery::status::{Result, StatusError};

use super::identifier::Identifier;
use crate::ApiServer;
use crate::kubelets::address;
use crate::random;
use crate::registry::Request;

/// The backend.
#[derive(Debug)]
pub(super) enum Location {
    /// A port of a pod or a node. What it proves itself by is not looked at, as Kubernetes does not.
    Port {
        address: IpAddr,
        port: u16,
        tls: bool,
    },
    /// The HTTP API of a node itself.
    Node(Arc<Node>, String),
}

impl Location {
    /// Host and port, as a URL has them.
    pub(super) fn authority(&self) -> String {
        match self {
            Self::Port { address, port, tls } => match (port, tls) {
                (80, false) | (443, true) => host(*address),
                _ => format!("{}:{port}", host(*address)),
            },
            Self::Node(_, authority) => authority.clone(),
        }
    }
}

fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

impl ApiServer {
    /// The backend that the request's path means.
    pub(super) fn location(&self, request: &Request<'_>) -> Result<Location> {
        let info = request.info;
        let what = match &*info.resource {
            "pods" => "pod",
            "services" => "service",
            _ => "node",
        };
        let id = Identifier::parse(&info.name).ok_or_else(|| {
            StatusError::bad_request(format!("invalid {what} request {:?}", info.name))
        })?;
        match what {
            "pod" => pod(&*self.find::<Pod>("pods", &info.namespace, id.name)?, &id),
            "service" => self.service(&info.namespace, &info.name, &id),
            _ => node(
                self.find::<Node>("nodes", "", id.name)?,
                &id,
                self.advertise,
            ),
        }
    }

    fn service(&self, namespace: &str, asked: &str, id: &Identifier<'_>) -> Result<Location> {
        let mut port = id.port.to_owned();
        if let Ok(number) = port.parse::<i64>() {
            let service = self.find::<Service>("services", namespace, id.name)?;
            let ports = service
                .spec
                .iter()
                .flat_map(|spec| spec.ports.iter().flatten());
            let found = ports
                .into_iter()
                .find(|port| i64::from(port.port) == number);
            let found = found.ok_or_else(|| {
                let name = id.name;
                StatusError::unavailable(format!(
                    "no service port {number} found for service {name:?}"
                ))
            })?;
            port = found.name.clone().unwrap_or_default();
        }
        self.find::<Service>("services", namespace, id.name)?;
        let endpoints = self.find::<Endpoints>("endpoints", namespace, id.name)?;
        let none = |name: &str| {
            StatusError::unavailable(format!("no endpoints available for service {name:?}"))
        };
        if endpoints.subsets.iter().flatten().next().is_none() {
            return Err(none(id.name));
        }
        let backends = backends(&endpoints, &port, |name| {
            self.find::<Pod>("pods", namespace, name).ok()
        });
        let (address, port) = *random::one_of(&backends).ok_or_else(|| none(asked))?;
        let tls = id.tls;
        Ok(Location::Port { address, port, tls })
    }

    fn find<T: Typed>(&self, plural: &str, namespace: &str, name: &str) -> Result<Arc<T>> {
        let served = self
            .directory
            .find("", "v1", plural)
            .ok_or_else(StatusError::no_such_path)?;
        let entry = self
            .store
            .snapshot()
            .get(&served.key(namespace, name))
            .ok_or_else(|| served.not_found(name))?;
        downcast(served.decode(&entry)?).ok_or_else(|| StatusError::internal("another kind"))
    }
}

fn not_allowed() -> StatusError {
    StatusError::bad_request("address not allowed")
}

/// An address that may be reached: one that is of one host everywhere.
fn reachable(text: &str) -> Result<IpAddr> {
    let address: IpAddr = text.parse().map_err(|_| not_allowed())?;
    let own = address.to_canonical();
    let link_local = match own {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    if own.is_loopback() || own.is_unspecified() || own.is_multicast() || link_local {
        return Err(not_allowed());
    }
    Ok(address)
}

/// A port by number. Names of ports are not known here; a backend of none cannot be dialed.
fn number(port: &str, tls: bool) -> Result<u16> {
    match port {
        "" if tls => Ok(443),
        "" => Ok(80),
        port => port.parse().map_err(|_| {
            StatusError::unavailable(format!(
                "error trying to reach service: dial tcp: lookup tcp/{port}: unknown port"
            ))
        }),
    }
}

fn pod(pod: &Pod, id: &Identifier<'_>) -> Result<Location> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    let first = ports.next().map(|port| port.container_port.to_string());
    let port = match id.port {
        "" => first.unwrap_or_default(),
        port => port.to_owned(),
    };
    let address = pod.status.as_ref().and_then(|status| {
        let first = status.pod_ips.iter().flatten().next();
        first.map(|ip| &ip.ip).or(status.pod_ip.as_ref())
    });
    let address = reachable(address.map_or("", String::as_str))?;
    let (port, tls) = (number(&port, id.tls)?, id.tls);
    Ok(Location::Port { address, port, tls })
}

/// `own`: where this server is. What a node says its port is must not lead there: the server would ask itself in its own name.
fn node(node: Arc<Node>, id: &Identifier<'_>, own: SocketAddr) -> Result<Location> {
    let (host, kubelet) = address(&node)?;
    let address = reachable(&host)?;
    let is_api = id.port.is_empty() || id.port == kubelet.to_string();
    let port = if is_api {
        kubelet
    } else {
        number(id.port, id.tls)?
    };
    if (address.to_canonical(), port) == (own.ip().to_canonical(), own.port()) {
        return Err(not_allowed());
    }
    let tls = id.tls;
    Ok(match is_api {
        true => Location::Node(node, format!("{host}:{kubelet}")),
        false => Location::Port { address, port, tls },
    })
}

/// The ready endpoints that have the port and are pods of that address: others could be anything that somebody wrote into the object.
fn backends(
    endpoints: &Endpoints,
    port: &str,
    pod: impl Fn(&str) -> Option<Arc<Pod>>,
) -> Vec<(IpAddr, u16)> {
    let mut backends = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        let mut ports = subset.ports.iter().flatten();
        let found = ports.find(|each| each.name.as_deref().unwrap_or_default() == port);
        let Some(number) = found.and_then(|port| u16::try_from(port.port).ok()) else {
            continue;
        };
        for endpoint in subset.addresses.iter().flatten() {
            let named = endpoint
                .target_ref
                .as_ref()
                .and_then(|target| target.name.as_deref());
            let is_pods = named
                .and_then(&pod)
                .is_some_and(|pod| has(&pod, &endpoint.ip));
            if let (true, Ok(address)) = (is_pods, reachable(&endpoint.ip)) {
                backends.push((address, number));
            }
        }
    }
    backends
}

fn has(pod: &Pod, address: &str) -> bool {
    let status = pod.status.as_ref();
    let all = status
        .iter()
        .flat_map(|status| status.pod_ips.iter().flatten());
    all.into_iter().any(|ip| ip.ip == address)
}

#[cfg(test)]
mod tests;
