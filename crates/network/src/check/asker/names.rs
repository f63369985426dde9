//! Whether names lead where they should, by each server that this container is told of.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RData, RecordType};

use super::super::findings::{Aspect, Finding};
use super::super::task::Named;
use crate::dns::{exchange, resolv_conf};

/// Stands for a server where there is none.
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 53);

/// A name that one server is asked for.
pub(super) struct NameQuestion {
    server: SocketAddr,
    name: String,
    kind: RecordType,
    expected: BTreeSet<IpAddr>,
}

/// Each name at each server, in both families. Where a pod is told of no server that is asked as nobody.
pub(super) fn questions(resolv_conf: &str, names: &[Named]) -> Vec<NameQuestion> {
    let servers = resolv_conf::servers(resolv_conf, |_| false);
    let domain = domain(resolv_conf).unwrap_or("svc");
    let servers = match servers.is_empty() {
        true => vec![NOBODY],
        false => servers,
    };
    let mut questions = Vec::new();
    for server in servers {
        for named in names {
            for kind in [RecordType::A, RecordType::AAAA] {
                let of_kind = |ip: &&IpAddr| ip.is_ipv4() == (kind == RecordType::A);
                questions.push(NameQuestion {
                    server,
                    name: format!("{}.{domain}.", named.name),
                    kind,
                    expected: named.addresses.iter().filter(of_kind).copied().collect(),
                });
            }
        }
    }
    questions
}

impl NameQuestion {
    pub(super) async fn ask(self) -> Vec<Finding> {
        let outcome = match self.server == NOBODY {
            true => Err(io::Error::other("no server is known (resolv.conf)")),
            false => self.leads().await,
        };
        let Self {
            server, name, kind, ..
        } = &self;
        let outcome = outcome.map_err(|error| format!("DNS ({server}): {kind} {name}: {error}"));
        vec![Finding::new(Aspect::Dns, outcome)]
    }

    /// Whether the server knows just these addresses by the name.
    async fn leads(&self) -> io::Result<()> {
        let name = Name::from_str(&self.name).map_err(io::Error::other)?;
        let mut query = Message::query();
        query.add_query(Query::query(name, self.kind));
        query.metadata.recursion_desired = true;
        let answer = exchange(None, self.server, &query).await?;
        let addresses = answer
            .answers
            .iter()
            .filter_map(|record| match &record.data {
                RData::A(address) => Some(IpAddr::V4(address.0)),
                RData::AAAA(address) => Some(IpAddr::V6(address.0)),
                _ => None,
            });
        let known: BTreeSet<IpAddr> = addresses.collect();
        match known == self.expected {
            true => Ok(()),
            false => Err(io::Error::other(format!(
                "{known:?} and not {:?} ({})",
                self.expected, answer.metadata.response_code
            ))),
        }
    }
}

/// Where services are, as `svc.cluster.local`: what the kubelet has pods look for names in.
fn domain(text: &str) -> Option<&str> {
    let search = text.lines().rev().find_map(|line| {
        line.strip_prefix("search")
            .filter(|rest| rest.starts_with([' ', '\t']))
    })?;
    let mut domains = search.split_whitespace();
    domains.find(|domain| domain.starts_with("svc."))
}

#[cfg(test)]
mod tests {
    #[test]
    fn services_are_where_pods_look_for_them() {
        let text = "search a.b\nsearch ns.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\n";
        assert_eq!(super::domain(text), Some("svc.cluster.local"));
        assert_eq!(super::domain("nameserver 10.96.0.10\n"), None);
    }
}
