//! Whether names lead where they should, by each server that this container is told of.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::str::FromStr;

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RData, RecordType};

use super::super::findings::{Aspect, Finding};
use super::super::task::Named;
use crate::dns::{exchange, resolv_conf};

/// One finding for each name, server and family.
pub(super) async fn resolve(resolv_conf: &Path, names: &[Named]) -> Vec<Finding> {
    let finding = |outcome| Finding::new(Aspect::Dns, outcome);
    let text = tokio::fs::read_to_string(resolv_conf)
        .await
        .unwrap_or_default();
    let servers = resolv_conf::servers(&text, |_| false);
    let Some(domain) = domain(&text).filter(|_| !servers.is_empty()) else {
        let why = "DNS: the pod is not told of the cluster's (resolv.conf)";
        return vec![finding(Err(why.to_owned()))];
    };
    let mut findings = Vec::new();
    for server in servers {
        for named in names {
            let name = format!("{}.{domain}.", named.name);
            for kind in [RecordType::A, RecordType::AAAA] {
                let outcome = leads(server, &name, kind, &named.addresses).await;
                let tell = |error| format!("DNS ({server}): {kind} {name}: {error}");
                findings.push(finding(outcome.map_err(tell)));
            }
        }
    }
    findings
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

/// Whether the server knows just those addresses by the name that are of the family.
async fn leads(
    server: SocketAddr,
    name: &str,
    kind: RecordType,
    addresses: &[IpAddr],
) -> io::Result<()> {
    let mut query = Message::query();
    query.add_query(Query::query(
        Name::from_str(name).map_err(io::Error::other)?,
        kind,
    ));
    query.metadata.recursion_desired = true;
    let answer = exchange(None, server, &query).await?;
    let known: BTreeSet<IpAddr> = answer
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        })
        .collect();
    let of_kind = |ip: &&IpAddr| ip.is_ipv4() == (kind == RecordType::A);
    let expected: BTreeSet<IpAddr> = addresses.iter().filter(of_kind).copied().collect();
    match known == expected {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "{known:?} and not {expected:?} ({})",
            answer.metadata.response_code
        ))),
    }
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
