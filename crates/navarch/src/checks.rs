//! What can be seen to be wrong with the command line before anything is started.

use std::net::IpAddr;

use anyhow::{Context, Result, bail};
use navarch_machinery::ranges::{self, Ranges};
use navarch_node::registration;

use crate::bridge_claim;
use crate::cli::{Api, NodeArgs};
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
    layout.must_be_idle()
}

/// Of a node on this data directory.
pub(crate) fn node(layout: &Layout, arguments: &NodeArgs, ranges: &ClusterRanges) -> Result<()> {
    node_name(arguments)?;
    node_addresses(arguments)?;
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
