//! What is asked of the cluster's domain, and its answers. Pure.

use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::rr::rdata::{CNAME, NS, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use navarch_client::{ObjectKey, Snapshot};

use super::records::{
    address, address_of, addresses, external_name, host_of, is_headless, is_ready, of_kind, pod,
    record,
};
use crate::service_proxy::{ServiceView, cluster_ips, service_of};

/// For how long an answer may be kept, in seconds: CoreDNS' own.
pub(super) const TTL: u32 = 5;
/// The version of the specification, which is itself an answer.
const VERSION: &str = "1.1.0";
/// The most records of an answer: as many fit into the largest message.
const MAX_RECORDS: usize = 1000;

/// The cluster's domain with what is in it.
pub(super) struct Zone<'a> {
    /// As `cluster.local.`.
    pub(super) domain: &'a Name,
    pub(super) services: &'a Snapshot<Service>,
    pub(super) slices: &'a Snapshot<EndpointSlice>,
}

/// What there is for a name and a type.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// These, with what goes along with them. No answers: the name is there, but has nothing of that type.
    Records {
        answers: Vec<Record>,
        additionals: Vec<Record>,
    },
    /// Another name, which is to be looked for in its place.
    Alias(Box<Record>, Name),
    /// There is no such name in the cluster's domain.
    NoSuchName,
    /// It is of no concern to the cluster.
    NotOurs,
}

impl Outcome {
    pub(super) fn records(answers: Vec<Record>) -> Self {
        Self::Records {
            answers,
            additionals: Vec::new(),
        }
    }
}

impl Zone<'_> {
    /// Looks a name up, whatever its case.
    pub(super) fn look_up(&self, name: &Name, kind: RecordType) -> Outcome {
        let name = name.to_lowercase();
        if self.domain.zone_of(&name) {
            let below = usize::from(name.num_labels() - self.domain.num_labels());
            let labels: Vec<String> = name
                .iter()
                .take(below)
                .map(|label| String::from_utf8_lossy(label).into_owned())
                .collect();
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            return self.within(&name, &labels, kind);
        }
        match name.parse_arpa_name() {
            Ok(network) if network.prefix_len() == network.max_prefix_len() => {
                self.reverse(&name, network.addr(), kind)
            }
            _ => Outcome::NotOurs,
        }
    }

    /// The record that says how long it holds that there is nothing.
    pub(super) fn start_of_authority(&self) -> Record {
        let names = (self.named(&["ns", "dns"]), self.named(&["hostmaster"]));
        // The serial number would have to follow every change; nobody transfers this zone.
        let soa = SOA::new(names.0, names.1, 1, 7200, 1800, 86_400, TTL);
        Record::from_rdata(self.domain.clone(), TTL, RData::SOA(soa))
    }

    fn within(&self, name: &Name, labels: &[&str], kind: RecordType) -> Outcome {
        match labels {
            [] => Outcome::records(match kind {
                RecordType::SOA => vec![self.start_of_authority()],
                RecordType::NS => vec![record(name, RData::NS(NS(self.named(&["ns", "dns"]))))],
                _ => Vec::new(),
            }),
            ["dns-version"] => {
                let version = RData::TXT(TXT::new(vec![VERSION.to_owned()]));
                Outcome::records(of_kind(vec![record(name, version)], kind))
            }
            ["svc" | "pod" | "dns"] => Outcome::records(Vec::new()),
            ["ns", "dns"] => {
                let own = self
                    .services
                    .get(&ObjectKey::new("kube-system", "kube-dns"));
                let ips = own.map(|service| cluster_ips(service)).unwrap_or_default();
                addresses(name, &ips, kind)
            }
            [namespace, "svc"] => match self.services.in_namespace(namespace).next() {
                Some(_) => Outcome::records(Vec::new()),
                None => Outcome::NoSuchName,
            },
            [address, _namespace, "pod"] => pod(name, address, kind),
            [service, namespace, "svc"] => self.service(name, (namespace, service), kind),
            [host, service, namespace, "svc"] => {
                self.endpoint(name, host, (namespace, service), kind)
            }
            [port, protocol, service, namespace, "svc"] => {
                let (Some(port), Some(protocol)) =
                    (port.strip_prefix('_'), protocol.strip_prefix('_'))
                else {
                    return Outcome::NoSuchName;
                };
                self.port(name, (port, protocol), (namespace, service), kind)
            }
            _ => Outcome::NoSuchName,
        }
    }

    fn service(&self, name: &Name, key: (&str, &str), kind: RecordType) -> Outcome {
        let Some(service) = self.find(key) else {
            return Outcome::NoSuchName;
        };
        if let Some(target) = external_name(service) {
            let alias = record(name, RData::CNAME(CNAME(target.clone())));
            return match kind {
                RecordType::CNAME => Outcome::records(vec![alias]),
                _ => Outcome::Alias(Box::new(alias), target),
            };
        }
        if kind == RecordType::SRV {
            return self.ports(name, service, |_, _| true);
        }
        let ips = match is_headless(service) {
            true => self
                .ready(service)
                .iter()
                .filter_map(|(_, endpoint)| address_of(endpoint))
                .collect(),
            false => cluster_ips(service),
        };
        if ips.is_empty() && is_headless(service) {
            // A service that nobody is behind is as if it were not there; CoreDNS says so too.
            return Outcome::NoSuchName;
        }
        addresses(name, &ips, kind)
    }

    /// One endpoint of a service without an address of its own, by its host name or its address.
    fn endpoint(&self, name: &Name, host: &str, key: (&str, &str), kind: RecordType) -> Outcome {
        let Some(service) = self.find(key) else {
            return Outcome::NoSuchName;
        };
        if let Some(protocol) = host.strip_prefix('_') {
            // Above the names of ports there is nothing, but they are there.
            let has = |_: &str, of: &str| of.eq_ignore_ascii_case(protocol);
            return match self.ports(name, service, has) {
                Outcome::Records { answers, .. } if !answers.is_empty() => {
                    Outcome::records(Vec::new())
                }
                _ => Outcome::NoSuchName,
            };
        }
        let endpoints = self.ready(service);
        let of_host = endpoints
            .iter()
            .filter(|(_, endpoint)| host_of(endpoint).as_deref() == Some(host));
        let ips: Vec<IpAddr> = of_host
            .filter_map(|(_, endpoint)| address_of(endpoint))
            .collect();
        match ips.is_empty() {
            true => Outcome::NoSuchName,
            false => addresses(name, &ips, kind),
        }
    }

    fn port(
        &self,
        name: &Name,
        (port, protocol): (&str, &str),
        key: (&str, &str),
        kind: RecordType,
    ) -> Outcome {
        let Some(service) = self.find(key) else {
            return Outcome::NoSuchName;
        };
        let wanted =
            |of: &str, by: &str| of.eq_ignore_ascii_case(port) && by.eq_ignore_ascii_case(protocol);
        match self.ports(name, service, wanted) {
            Outcome::Records { answers, .. } if answers.is_empty() => Outcome::NoSuchName,
            found if kind == RecordType::SRV => found,
            _ => Outcome::records(Vec::new()),
        }
    }

    /// The ports of a service, each at whatever has it: the service, or every endpoint of one without an address.
    fn ports(
        &self,
        name: &Name,
        service: &Service,
        wanted: impl Fn(&str, &str) -> bool,
    ) -> Outcome {
        let own = self.name_of(service);
        let (mut answers, mut additionals) = (Vec::new(), Vec::new());
        let mut add = |port: Option<i32>, target: &Name| {
            if let Some(port) = port.and_then(|port| u16::try_from(port).ok()) {
                let srv = SRV::new(0, 100, port, target.clone());
                answers.push(record(name, RData::SRV(srv)));
            }
        };
        if is_headless(service) {
            for (slice, endpoint) in self.ready(service) {
                let host = host_of(&endpoint).unwrap_or_default();
                let Ok(target) = own.prepend_label(host.as_str()) else {
                    continue;
                };
                for port in slice.ports.iter().flatten() {
                    let protocol = port.protocol.as_deref().unwrap_or("TCP");
                    if wanted(port.name.as_deref().unwrap_or(""), protocol) {
                        add(port.port, &target);
                    }
                }
                let ip = address_of(&endpoint);
                additionals.extend(ip.map(|ip| record(&target, address(ip))));
            }
        } else {
            let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref());
            for port in ports.into_iter().flatten() {
                let protocol = port.protocol.as_deref().unwrap_or("TCP");
                if wanted(port.name.as_deref().unwrap_or(""), protocol) {
                    add(Some(port.port), &own);
                }
            }
            let ips = cluster_ips(service).into_iter();
            additionals.extend(ips.map(|ip| record(&own, address(ip))));
        }
        Outcome::Records {
            answers,
            additionals,
        }
    }

    /// The name that an address has: of the service that it is of, or of the endpoints of those without addresses.
    fn reverse(&self, name: &Name, ip: IpAddr, kind: RecordType) -> Outcome {
        let text = ip.to_string();
        let services = self.services.by_index(ServiceView::by_address(), &text);
        let mut names: Vec<Name> = services.map(|service| self.name_of(service)).collect();
        if names.is_empty() {
            let slices = self.slices.by_index(ServiceView::by_endpoint(), &text);
            for slice in slices {
                names.extend(self.names_of_endpoints(slice, ip));
            }
            names.sort();
            names.dedup();
        }
        if names.is_empty() {
            return Outcome::NotOurs;
        }
        let answers = names
            .into_iter()
            .map(|target| record(name, RData::PTR(PTR(target))));
        Outcome::records(of_kind(answers.collect(), kind))
    }

    fn names_of_endpoints(&self, slice: &EndpointSlice, ip: IpAddr) -> Vec<Name> {
        let key = service_of(slice);
        let service = key.and_then(|key| self.services.get(&key));
        let Some(service) = service.filter(|service| is_headless(service)) else {
            return Vec::new();
        };
        let own = self.name_of(service);
        let endpoints = slice.endpoints.iter().flatten();
        let here = endpoints.filter(|e| is_ready(e) && address_of(e) == Some(ip));
        here.filter_map(|endpoint| own.prepend_label(host_of(endpoint)?.as_str()).ok())
            .collect()
    }

    fn find(&self, (namespace, name): (&str, &str)) -> Option<&Arc<Service>> {
        self.services.get(&ObjectKey::new(namespace, name))
    }

    /// The endpoints that may be named, with the slices that they are in.
    fn ready(&self, service: &Service) -> Vec<(Arc<EndpointSlice>, Endpoint)> {
        let key = ObjectKey::of(&service.metadata).to_string();
        let slices = self.slices.by_index(ServiceView::by_service(), &key);
        let mut endpoints = Vec::new();
        for slice in slices {
            let ready = slice.endpoints.iter().flatten().filter(|e| is_ready(e));
            endpoints.extend(ready.map(|endpoint| (slice.clone(), endpoint.clone())));
        }
        endpoints.truncate(MAX_RECORDS);
        endpoints
    }

    fn name_of(&self, service: &Service) -> Name {
        let metadata = &service.metadata;
        let (name, namespace) = (metadata.name.as_deref(), metadata.namespace.as_deref());
        self.named(&[name.unwrap_or(""), namespace.unwrap_or(""), "svc"])
    }

    /// A name in this domain. Names of objects are labels, so it can be made.
    fn named(&self, labels: &[&str]) -> Name {
        let name = Name::from_labels(labels.iter().map(|label| label.as_bytes()));
        name.and_then(|name| name.append_domain(self.domain))
            .unwrap_or_else(|_| self.domain.clone())
    }
}
