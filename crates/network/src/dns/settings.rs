//! Who is asked for names that are not the cluster's, as its administrators say. Pure.
//!
//! The form is that of the add-on kube-dns and of Kubernetes' DNS cache for nodes: a `ConfigMap` with `stubDomains` and `upstreamNameservers`.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

use hickory_proto::rr::Name;
use k8s_openapi::api::core::v1::ConfigMap;
use navarch_machinery::names::is_dns1123_subdomain;
use serde::de::DeserializeOwned;

/// The port of DNS.
pub(super) const PORT: u16 = 53;
/// How many servers there may be in the place of the host's.
const MAX_UPSTREAM: usize = 3;
/// How many servers a stub domain may have: as many as CoreDNS forwards to.
const MAX_OF_STUB_DOMAIN: usize = 15;

/// Whom to ask.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Settings {
    stub_domains: HashMap<Name, Vec<Server>>,
    /// How many labels the longest of their names has.
    longest: u8,
    /// In the place of the host's resolvers, if there are any.
    pub(super) upstream: Vec<SocketAddr>,
}

/// A server of a stub domain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Server {
    At(SocketAddr),
    /// One whose address is looked up when it is asked.
    Named(Name, u16),
}

/// What cannot be used of a `ConfigMap`. The messages are those of the add-on, where it has one.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidSettings {
    #[error("invalid JSON in data.{key}: {error}")]
    Json {
        key: &'static str,
        error: serde_json::Error,
    },
    #[error("invalid domain name: {0:?}")]
    Domain(String),
    #[error("invalid domain name: {0:?} is the cluster's own")]
    ClusterDomain(String),
    #[error("invalid nameserver: {0:?}")]
    Server(String),
    #[error("stub domain {0:?} cannot have more than {MAX_OF_STUB_DOMAIN} nameservers")]
    TooManyOfStubDomain(String),
    #[error("upstreamNameserver cannot have more than three entries")]
    TooManyUpstream,
}

impl Settings {
    /// Reads them; `domain` is the cluster's.
    pub(super) fn read(map: &ConfigMap, domain: &Name) -> Result<Self, InvalidSettings> {
        let upstream: Vec<String> = json(map, "upstreamNameservers")?;
        if upstream.len() > MAX_UPSTREAM {
            return Err(InvalidSettings::TooManyUpstream);
        }
        let by_address = |text: String| match server(&text)? {
            Server::At(address) => Ok(address),
            Server::Named(..) => Err(InvalidSettings::Server(text)),
        };
        let upstream = upstream.into_iter().map(by_address);
        let stub_domains: BTreeMap<String, Vec<String>> = json(map, "stubDomains")?;
        let stub_domains = stub_domains
            .iter()
            // Nobody to ask is nothing said.
            .filter(|(_, servers)| !servers.is_empty())
            .map(|(stub, servers)| stub_domain(stub, servers, domain));
        let stub_domains: HashMap<Name, Vec<Server>> = stub_domains.collect::<Result<_, _>>()?;
        Ok(Self {
            upstream: upstream.collect::<Result<_, _>>()?,
            longest: stub_domains.keys().map(Name::num_labels).max().unwrap_or(0),
            stub_domains,
        })
    }

    /// Whether the name is of a stub domain within the cluster's own, which has it then.
    pub(super) fn takes_from(&self, domain: &Name, name: &Name) -> bool {
        self.closest(name)
            .is_some_and(|(stub, _)| domain.zone_of(stub))
    }

    /// The stub domains.
    pub(super) fn stub_domains(&self) -> impl Iterator<Item = &Name> {
        self.stub_domains.keys()
    }

    /// The closest stub domain that the name is in, and its servers.
    pub(super) fn closest(&self, name: &Name) -> Option<(&Name, &[Server])> {
        if self.stub_domains.is_empty() {
            return None;
        }
        let mut name = name.to_lowercase();
        if name.num_labels() > self.longest {
            name = name.trim_to(self.longest.into());
        }
        loop {
            if let Some((stub, servers)) = self.stub_domains.get_key_value(&name) {
                return Some((stub, servers));
            }
            if name.is_root() {
                return None;
            }
            name = name.base_name();
        }
    }
}

/// The value of a key; a key that is missing, empty or `null` says nothing.
fn json<T: DeserializeOwned + Default>(
    map: &ConfigMap,
    key: &'static str,
) -> Result<T, InvalidSettings> {
    let text = map.data.as_ref().and_then(|data| data.get(key));
    match text.map(|text| text.trim()) {
        None | Some("") => Ok(T::default()),
        Some(text) => serde_json::from_str(text)
            .map(Option::unwrap_or_default)
            .map_err(|error| InvalidSettings::Json { key, error }),
    }
}

fn stub_domain(
    stub: &str,
    servers: &[String],
    domain: &Name,
) -> Result<(Name, Vec<Server>), InvalidSettings> {
    let name = name(stub).ok_or_else(|| InvalidSettings::Domain(stub.to_owned()))?;
    if name == *domain {
        return Err(InvalidSettings::ClusterDomain(stub.to_owned()));
    }
    if servers.len() > MAX_OF_STUB_DOMAIN {
        return Err(InvalidSettings::TooManyOfStubDomain(stub.to_owned()));
    }
    let servers: Result<Vec<Server>, _> = servers.iter().map(|text| server(text)).collect();
    Ok((name, servers?))
}

/// As `10.0.0.1`, `10.0.0.1:5353`, `fd00::1`, `[fd00::1]:5353`, `dns.example.com` or `dns.example.com:5353`.
fn server(text: &str) -> Result<Server, InvalidSettings> {
    let invalid = || InvalidSettings::Server(text.to_owned());
    let at = |address: SocketAddr| match address.port() {
        0 => Err(invalid()),
        _ => Ok(Server::At(address)),
    };
    if let Ok(ip) = text.parse::<IpAddr>() {
        return at((ip, PORT).into());
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return at(address);
    }
    let (host, port) = match text.rsplit_once(':') {
        None => (text, PORT),
        Some((host, port)) => (host, port.parse().map_err(|_| invalid())?),
    };
    // What has only digits and dots is an address that is wrong.
    let is_address = host
        .bytes()
        .all(|byte| byte == b'.' || byte.is_ascii_digit());
    match name(host) {
        Some(name) if port > 0 && !is_address => Ok(Server::Named(name, port)),
        _ => Err(invalid()),
    }
}

fn name(text: &str) -> Option<Name> {
    if !is_dns1123_subdomain(text).is_empty() {
        return None;
    }
    let mut name = Name::from_ascii(text).ok()?;
    name.set_fqdn(true);
    Some(name)
}

#[cfg(test)]
mod tests;
