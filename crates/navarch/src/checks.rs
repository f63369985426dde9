//! What can be seen to be wrong with the command line before anything is started.

use std::net::IpAddr;

use anyhow::{Context, Result, bail};
use navarch_controllers::load_balancer_addresses::Pool;
use navarch_machinery::ranges::{self, Ranges};
use navarch_node::registration;

use crate::bridge_claim;
use crate::cli::{Api, NodeArgs, PodEncryption, PodNetworkOf};
use crate::control_plane::advertised;
use crate::host::HostSettings;
use crate::layout::Layout;
use crate::parts;

/// The addresses of a cluster.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClusterRanges {
    /// Of its pods.
    pub(crate) pods: Ranges,
    /// Of its services.
    pub(crate) services: Ranges,
}

impl ClusterRanges {
    /// As they are on the command line.
    pub(crate) fn parse(pods: &str, services: &str) -> Result<Self> {
        Ok(Self {
            pods: cluster_cidr(pods)?,
            services: service_cidr(services)?,
        })
    }
}

/// Of a control plane on this data directory.
pub(crate) fn control_plane(layout: &Layout, arguments: &Api) -> Result<()> {
    parts::ranges(&arguments.cluster_cidr)?;
    let (pods, services) = (
        cluster_cidr(&arguments.cluster_cidr)?,
        service_cidr(&arguments.service_cidr)?,
    );
    if pods.overlap(&services) {
        bail!(
            "--service-cidr {services} and --cluster-cidr {pods} have addresses in common: services and pods need ranges apart"
        );
    }
    for services in services.iter() {
        if pods.of_family(services.addr().is_ipv4()).is_none() {
            bail!(
                "--service-cidr {services}: pods have no addresses of that family (--cluster-cidr {pods}), so nothing could be behind such a service"
            );
        }
    }
    load_balancer_addresses(arguments, &ClusterRanges { pods, services })?;
    layout.must_be_idle()
}

/// What load balancers get their addresses from, which are nobody else's.
pub(crate) fn load_balancer_addresses(
    arguments: &Api,
    cluster: &ClusterRanges,
) -> Result<Option<Pool>> {
    let Some(text) = &arguments.load_balancer_addresses else {
        return Ok(None);
    };
    let named = || format!("--load-balancer-addresses {text}");
    let pool: Pool = text.parse().with_context(named)?;
    for (flag, ranges) in [
        ("--cluster-cidr", &cluster.pods),
        ("--service-cidr", &cluster.services),
    ] {
        if ranges.iter().any(|range| pool.overlaps(range)) {
            bail!(
                "--load-balancer-addresses {text} and {flag} {ranges} have addresses in common: load balancers need addresses of the nodes' segments"
            );
        }
    }
    let server = advertised(arguments.bind_address);
    if pool.contains(server) {
        bail!("--load-balancer-addresses {text} has the API server's own address, {server}");
    }
    Ok(Some(pool))
}

/// Of a node on this data directory.
pub(crate) fn node(layout: &Layout, arguments: &NodeArgs, ranges: &ClusterRanges) -> Result<()> {
    node_name(arguments)?;
    node_addresses(arguments)?;
    if arguments.pod_encryption != PodEncryption::None && arguments.pod_network == PodNetworkOf::Cni
    {
        bail!(
            "--pod-encryption is for the node's own pod network: with --pod-network cni, encrypting is the plugins' affair"
        );
    }
    if arguments.cni_gc && arguments.pod_network != PodNetworkOf::Cni {
        bail!("--cni-gc is for pods that plugins connect: it goes with --pod-network cni");
    }
    registration::labels(&arguments.node_labels).map_err(anyhow::Error::msg)?;
    registration::taints(&arguments.register_with_taints).map_err(anyhow::Error::msg)?;
    let settings = HostSettings::of(layout, arguments, ranges);
    settings.must_agree(layout)?;
    bridge_claim::must_be_free(&settings, &layout.host_settings())
}

/// The node's name: the one given, or the host's.
pub(crate) fn node_name(arguments: &NodeArgs) -> Result<String> {
    let host = || {
        std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_lowercase())
    };
    let name = arguments
        .node_name
        .clone()
        .map_or_else(host, Ok)
        .context("the host's name")?;
    let complaints = navarch_machinery::names::is_dns1123_subdomain(&name);
    if let Some(complaint) = complaints.first() {
        bail!(
            "the node's name {name:?} cannot be used ({complaint}); give another with --node-name"
        );
    }
    Ok(name)
}

/// Refuses more than one address of a family.
fn node_addresses(arguments: &NodeArgs) -> Result<()> {
    match arguments.node_ip.as_slice() {
        [] | [_] => Ok(()),
        [one, other] if one.is_ipv4() != other.is_ipv4() => Ok(()),
        all => bail!(
            "--node-ip has {} addresses: one is expected, or one of each family",
            all.len()
        ),
    }
}

/// The addresses of the cluster's pods.
pub(crate) fn cluster_cidr(text: &str) -> Result<Ranges> {
    text.parse()
        .with_context(|| format!("--cluster-cidr {text}"))
}

/// The address of cluster DNS, the tenth of the services', as kubeadm gives it; none where there are fewer.
pub(crate) fn cluster_dns(services: Ranges) -> Option<IpAddr> {
    ranges::nth(services.first(), 10)
}

/// The addresses of the cluster's services.
pub(crate) fn service_cidr(text: &str) -> Result<Ranges> {
    text.parse()
        .with_context(|| format!("--service-cidr {text}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    /// Whether load balancers can have these addresses; why not.
    fn refused(pool: &str) -> Option<String> {
        let pool = format!("--load-balancer-addresses={pool}");
        let flags = [
            "navarch",
            "server",
            "--bind-address=198.51.100.7",
            "--cluster-cidr=10.244.0.0/16,fd00:10:244::/56",
            "--service-cidr=10.96.0.0/16",
            &pool,
        ];
        let Command::Server(server) = Cli::parse_from(flags).command else {
            panic!("another command");
        };
        let api = server.api;
        let cluster = ClusterRanges::parse(&api.cluster_cidr, &api.service_cidr).unwrap();
        let read = load_balancer_addresses(&api, &cluster);
        read.err().map(|error| format!("{error:#}"))
    }

    #[test]
    fn plugins_encrypt_themselves() {
        let flags = ["--pod-network=cni", "--pod-encryption=wireguard"];
        let words = ["navarch", "agent", "--server=https://192.0.2.1:6443"];
        let Command::Agent(agent) = Cli::parse_from(words.into_iter().chain(flags)).command else {
            panic!("another command");
        };
        let place = tempfile::tempdir().unwrap();
        let layout = Layout::existing(place.path()).unwrap();
        let ranges = ClusterRanges::parse("10.244.0.0/16", "10.96.0.0/16").unwrap();
        let refused = node(&layout, &agent.node, &ranges).unwrap_err();
        assert!(
            refused.to_string().contains("the plugins' affair"),
            "{refused}"
        );
    }

    #[test]
    fn load_balancers_have_addresses_that_are_nobody_else_s() {
        assert_eq!(refused("198.51.100.8-198.51.100.20,fd01::/112"), None);
        for (pool, why) in [
            ("10.244.7.0/24", "and --cluster-cidr 10.244.0.0/16,fd00:"),
            ("fd00:10:244:1::1-fd00:10:244:1::2", "and --cluster-cidr"),
            ("192.0.2.0/24,10.96.0.0/12", "and --service-cidr 10.96"),
            ("198.51.100.0/24", "API server's own address, 198.51.100.7"),
            ("198.51.100.9", "is no range of addresses"),
        ] {
            let refused = refused(pool).unwrap_or_default();
            assert!(refused.contains(why), "{pool}: {refused}");
        }
    }
}
