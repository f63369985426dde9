//! What one service is in the tables of one node. Pure: kube-proxy's rules, as elements.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use navarch_api::segment_addresses;

use super::element::{Family, Frontend, Key, Scope, SourceRule, Value};
use super::endpoints::{self, Endpoint, Usable};
use super::service::{self, ServicePort};
use crate::Protocol;

/// Namespace and name of the service of cluster DNS.
const CLUSTER_DNS: (&str, &str) = ("kube-system", "kube-dns");

/// What a plan must know of the node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NodeView {
    pub(crate) name: String,
    /// Empty where it has none.
    pub(crate) zone: String,
    /// Its addresses, as its object has them.
    pub(crate) addresses: Vec<IpAddr>,
    /// Where this node itself answers cluster DNS.
    pub(crate) dns: Option<SocketAddr>,
    /// The addresses of services: nobody has one but by the cluster's own choice.
    pub(crate) services: Vec<IpNet>,
}

/// Who has a key that several services claim: what is more the cluster's own goes first, so that nobody takes a service's address
/// by naming it among external addresses of a service of their own (CVE-2020-8554, for what can be done about it here).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    ClusterIp,
    NodePort,
    LoadBalancer,
    ExternalIp,
}

/// A service on a node.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) elements: BTreeMap<Key, (Rank, Value)>,
    pub(crate) health_check: Option<HealthCheck>,
    /// Where its UDP ports are asked for, and the endpoints that serve them.
    pub(crate) flows: Vec<Flows>,
}

/// What a load balancer is told of a service on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HealthCheck {
    pub(crate) port: u16,
    /// How many of its endpoints are here and ready.
    pub(crate) local_endpoints: usize,
}

/// The flows that may go on when endpoints change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flows {
    pub(crate) frontends: Vec<Frontend>,
    pub(crate) endpoints: BTreeSet<SocketAddr>,
}

/// What `service` is on `node`, with all of its slices.
pub(crate) fn plan(service: &Service, slices: &[Arc<EndpointSlice>], node: &NodeView) -> Plan {
    let mut draft = Draft {
        node,
        plan: Plan::default(),
    };
    let mut local = BTreeSet::new();
    for family in [Family::V4, Family::V6] {
        for port in service::ports(service, family) {
            let mut endpoints = endpoints::of_port(slices, &port, node);
            if endpoints.is_empty() {
                endpoints.extend(own_dns(service, node, family));
            }
            let here = endpoints.iter().filter(|e| e.is_local && e.is_ready);
            local.extend(here.map(|e| e.address.ip()));
            draft.port(&port, &endpoints);
        }
    }
    for ip in segment_addresses::announced(service) {
        draft.put(Rank::LoadBalancer, Key::Announced(ip), Value::Present);
    }
    draft.plan.health_check = service::health_check_port(service).map(|port| HealthCheck {
        port,
        local_endpoints: local.len(),
    });
    draft.plan
}

/// Cluster DNS is answered by every node itself, unless somebody runs it as pods: then it has a selector.
fn own_dns(service: &Service, node: &NodeView, family: Family) -> Option<Endpoint> {
    let metadata = &service.metadata;
    let name = (metadata.namespace.as_deref()?, metadata.name.as_deref()?);
    let address = node.dns.filter(|dns| Family::of(dns.ip()) == family)?;
    (name == CLUSTER_DNS && !service::has_selector(service)).then(|| Endpoint {
        address,
        // It is no pod of this node, and needs no hairpin.
        is_local: false,
        is_ready: true,
        is_serving: true,
        is_terminating: false,
        for_nodes: Vec::new(),
        for_zones: Vec::new(),
    })
}

struct Draft<'a> {
    node: &'a NodeView,
    plan: Plan,
}

/// A place where a port is asked for, with the traffic that comes there.
#[derive(Clone, Copy)]
struct Place {
    frontend: Frontend,
    rank: Rank,
}

impl Draft<'_> {
    fn port(&mut self, port: &ServicePort, endpoints: &[Endpoint]) {
        let usable = endpoints::usable(endpoints, port, self.node);
        let reachable: BTreeSet<SocketAddr> = usable
            .cluster
            .iter()
            .chain(&usable.local)
            .copied()
            .collect();
        for endpoint in endpoints.iter().filter(|e| e.is_local) {
            if reachable.contains(&endpoint.address) {
                let key = Key::Hairpin(endpoint.address.ip());
                self.put(Rank::ClusterIp, key, Value::Present);
            }
        }
        let mut places = places(port);
        let cluster_ip = places.remove(0);
        // Whoever names a service's address among external ones would get what is meant for it (CVE-2020-8554).
        places.retain(|place| !self.is_services(*place));
        places.insert(0, cluster_ip);
        let (cluster_ip, external) = places.split_at(1);
        for place in cluster_ip {
            self.internal(port, *place, &usable);
        }
        for place in external {
            self.external(port, *place, &usable);
        }
        self.firewall(port);
        self.flows(port, &places, endpoints);
    }

    fn is_services(&self, place: Place) -> bool {
        let Frontend::Address(ip, ..) = place.frontend else {
            return false;
        };
        self.node.services.iter().any(|range| range.contains(&ip))
    }

    fn internal(&mut self, port: &ServicePort, place: Place, usable: &Usable) {
        self.put(place.rank, Key::ClusterIp(port.cluster_ip), Value::Present);
        let endpoints = match port.internal_local {
            true => &usable.local,
            false => &usable.cluster,
        };
        self.dispatch(port, place, Scope::All, endpoints);
        if endpoints.is_empty() {
            self.unserved(place, usable);
        } else {
            self.source(port, place, SourceRule::Pods);
        }
    }

    /// Traffic from inside has endpoints on all nodes whatever the policy: it is no traffic from outside.
    fn external(&mut self, port: &ServicePort, place: Place, usable: &Usable) {
        let (endpoints, rule) = match port.external_local {
            true => (&usable.local, SourceRule::Others),
            false => (&usable.cluster, SourceRule::Nobody),
        };
        if let Frontend::Address(ip, ..) = place.frontend {
            self.put(place.rank, Key::ExternalIp(ip), Value::Present);
        }
        self.dispatch(port, place, Scope::All, endpoints);
        if port.external_local {
            self.dispatch(port, place, Scope::Inside, &usable.cluster);
        }
        if endpoints.is_empty() {
            self.unserved(place, usable);
        }
        if usable.is_anywhere {
            self.source(port, place, rule);
        }
    }

    fn dispatch(&mut self, port: &ServicePort, place: Place, scope: Scope, to: &[SocketAddr]) {
        if to.is_empty() {
            return;
        }
        let (mut count, sticky) = (0, port.affinity.is_some());
        for (index, endpoint) in (0..).zip(to) {
            let key = Key::Endpoint(scope, place.frontend, index);
            self.put(place.rank, key, Value::Endpoint(*endpoint));
            count = index + 1;
        }
        let key = Key::Dispatch(scope, place.frontend);
        self.put(place.rank, key, Value::Choose { count, sticky });
    }

    fn source(&mut self, port: &ServicePort, place: Place, rule: SourceRule) {
        let (rank, frontend) = (place.rank, place.frontend);
        self.put(rank, Key::Source(frontend), Value::Source(rule));
        if let Some(seconds) = port.affinity {
            self.put(rank, Key::Remember(frontend), Value::Remember(seconds));
        }
    }

    /// Refused where there is no endpoint at all. Where there are some, but none that this traffic may go to, it is dropped: another
    /// node may answer the next try.
    fn unserved(&mut self, place: Place, usable: &Usable) {
        let value = match usable.is_anywhere {
            true => Value::Drop,
            false => Value::Reject,
        };
        self.put(place.rank, Key::Unserved(place.frontend), value);
    }

    fn firewall(&mut self, port: &ServicePort) {
        if port.source_ranges.is_empty() {
            return;
        }
        let mut allowed = port.source_ranges.clone();
        let of_node = |range: &IpNet| self.node.addresses.iter().any(|ip| range.contains(ip));
        if port.source_ranges.iter().any(of_node) {
            // Where the balancer's address is also the node's, the node asks with that as its own.
            allowed.extend(port.load_balancer_ips.iter().map(|ip| IpNet::from(*ip)));
        }
        let allowed = IpNet::aggregate(&allowed);
        for ip in &port.load_balancer_ips {
            let frontend = Frontend::Address(*ip, port.protocol, port.port);
            let rank = Rank::LoadBalancer;
            self.put(rank, Key::Firewalled(frontend), Value::Present);
            for range in &allowed {
                self.put(rank, Key::Allowed(frontend, *range), Value::Present);
            }
        }
    }

    /// UDP has no end by which the kernel would forget where a client's packets go. While nothing serves, they are left: the endpoint
    /// may come back.
    fn flows(&mut self, port: &ServicePort, places: &[Place], endpoints: &[Endpoint]) {
        let serving = endpoints.iter().filter(|endpoint| endpoint.is_serving);
        let endpoints: BTreeSet<_> = serving.map(|endpoint| endpoint.address).collect();
        if port.protocol == Protocol::Udp && !endpoints.is_empty() {
            self.plan.flows.push(Flows {
                frontends: places.iter().map(|place| place.frontend).collect(),
                endpoints,
            });
        }
    }

    fn put(&mut self, rank: Rank, key: Key, value: Value) {
        let claim = (rank, value);
        self.plan.elements.entry(key).or_insert(claim);
    }
}

/// Where a port is asked for; the first is the ClusterIP.
fn places(port: &ServicePort) -> Vec<Place> {
    let at = |ip: IpAddr, rank| Place {
        frontend: Frontend::Address(ip, port.protocol, port.port),
        rank,
    };
    let mut places = vec![at(port.cluster_ip, Rank::ClusterIp)];
    let ips = |ips: &[IpAddr], rank| -> Vec<Place> { ips.iter().map(|ip| at(*ip, rank)).collect() };
    places.extend(ips(&port.load_balancer_ips, Rank::LoadBalancer));
    places.extend(ips(&port.external_ips, Rank::ExternalIp));
    places.extend(port.node_port.map(|number| Place {
        frontend: Frontend::NodePort(Family::of(port.cluster_ip), port.protocol, number),
        rank: Rank::NodePort,
    }));
    places
}
