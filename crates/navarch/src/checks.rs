//! What can be seen to be wrong with the command line before anything is started.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, anyhow, bail};
use ipnet::{IpNet, Ipv4Net};
use navarch_node::registration;

use crate::bridge_claim;
use crate::cli::{Api, NodeArgs};
use crate::host::HostSettings;
use crate::layout::Layout;
use crate::parts;

/// The addresses of a cluster.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ranges {
    /// Of its pods.
    pub(crate) pods: IpNet,
    /// Of its services.
    pub(crate) services: Ipv4Net,
}

impl Ranges {
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
    if overlap(&pods, &IpNet::V4(services)) {
        bail!(
            "--service-cidr {services} and --cluster-cidr {pods} have addresses in common: services and pods need ranges apart"
        );
    }
    layout.must_be_idle()
}

/// Of a node on this data directory.
pub(crate) fn node(layout: &Layout, arguments: &NodeArgs, ranges: &Ranges) -> Result<()> {
    node_name(arguments)?;
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

/// The addresses of the cluster's pods.
pub(crate) fn cluster_cidr(text: &str) -> Result<IpNet> {
    text.parse()
        .map_err(|_| anyhow!("--cluster-cidr {text} is no range of addresses"))
}

/// The address of cluster DNS, the tenth of the services', as kubeadm gives it; none where there are fewer.
pub(crate) fn cluster_dns(services: Ipv4Net) -> Option<Ipv4Addr> {
    services.hosts().nth(9)
}

/// The addresses of the cluster's services.
pub(crate) fn service_cidr(text: &str) -> Result<Ipv4Net> {
    text.parse()
        .map_err(|_| anyhow!("--service-cidr {text}: an IPv4 range is expected, as 10.96.0.0/16"))
}

/// Of two ranges that have an address in common one holds the other.
fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_overlap_where_one_holds_the_other() {
        let check =
            |one: &str, other: &str| overlap(&one.parse().unwrap(), &other.parse().unwrap());
        assert!(check("10.0.0.0/8", "10.96.0.0/16"));
        assert!(check("10.96.0.0/16", "10.0.0.0/8"));
        assert!(check("10.96.0.0/16", "10.96.0.0/16"));
        assert!(!check("10.96.0.0/16", "10.97.0.0/16"));
        assert!(!check("fd00::/8", "10.0.0.0/8"));
    }
}
