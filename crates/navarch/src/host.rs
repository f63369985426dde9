//! What a node makes on its host, by name: kept in the data directory, so that `navarch down` finds it whatever `up` was told.

use std::num::NonZeroU16;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use ipnet::IpNet;
use navarch_machinery::ranges::Ranges;
use navarch_network::{
    CniConfig, Config, FlowTableConfig, NetworkPoliciesConfig, NodeRoutesConfig,
    ServiceProxyConfig, check,
};
use navarch_runtime::embedded::{Options, ShimCommand};
use serde::{Deserialize, Serialize};

use crate::bridge_claim;
use crate::checks::ClusterRanges;
use crate::cli::{NodeArgs, PodEncryption, PodNetworkOf};
use crate::layout::Layout;

/// The first word of a shim's command line. It is no command for people.
pub(crate) const SHIM: &str = "shim";

/// Where plugins are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plugins {
    /// Their configurations.
    pub(crate) configurations: PathBuf,
    /// Their programs.
    pub(crate) programs: Vec<PathBuf>,
    /// Whether they are told to forget all pods but this node's.
    #[serde(default)]
    pub(crate) collects_garbage: bool,
}

/// Names of what is made on the host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HostSettings {
    /// The bridge.
    pub(crate) bridge: String,
    /// The nftables table.
    pub(crate) table: String,
    /// The addresses of the cluster's pods; `None` in what an older version has written.
    #[serde(default)]
    pub(crate) cluster_cidr: Option<Ranges>,
    /// The addresses of the cluster's services; `None` in what an older version has written.
    #[serde(default)]
    pub(crate) service_cidr: Option<Ranges>,
    /// The plugins that pods are connected by; `None` where it is the node's own network, and in what an older version has written.
    #[serde(default)]
    pub(crate) plugins: Option<Plugins>,
    /// The UDP port that encrypted packets come to; `None` where packets are not, and in what an older version has written.
    #[serde(default)]
    pub(crate) wireguard_port: Option<NonZeroU16>,
    /// The control group.
    pub(crate) cgroup: String,
    /// Sockets, namespaces and bundles.
    pub(crate) run: PathBuf,
    /// The runtime's records.
    pub(crate) runtime: PathBuf,
    /// The images.
    pub(crate) images: PathBuf,
    /// The pod addresses.
    pub(crate) network: PathBuf,
    /// The pods' directories.
    pub(crate) node: PathBuf,
}

impl HostSettings {
    /// Of a node on this data directory.
    pub(crate) fn of(layout: &Layout, arguments: &NodeArgs, ranges: &ClusterRanges) -> Self {
        Self {
            bridge: arguments.bridge.clone(),
            // One bridge, one table: nodes that share a host are told apart by their bridges.
            table: arguments.bridge.replace(['-', '.'], "_"),
            cluster_cidr: Some(ranges.pods),
            service_cidr: Some(ranges.services),
            plugins: (arguments.pod_network == PodNetworkOf::Cni).then(|| Plugins {
                configurations: arguments.cni_conf_dir.clone(),
                programs: arguments.cni_bin_dir.clone(),
                collects_garbage: arguments.cni_gc,
            }),
            wireguard_port: (arguments.pod_encryption == PodEncryption::Wireguard)
                .then_some(arguments.wireguard_port),
            cgroup: layout.cgroup(),
            run: layout.run(),
            runtime: layout.runtime(),
            images: layout.images(),
            network: layout.network(),
            node: layout.node(),
        }
    }

    /// Writes them down, before anything is made by them.
    pub(crate) fn record(&self, layout: &Layout) -> Result<()> {
        self.must_agree(layout)?;
        let path = layout.host_settings();
        bridge_claim::take(self, &path)?;
        let text = serde_json::to_string_pretty(self)?;
        navarch_auth::pki::write(&path, &text, 0o600).context("host settings")
    }

    /// Fails if what the node made on this host before, and was not taken down, goes by other settings: `down` would not find it.
    pub(crate) fn must_agree(&self, layout: &Layout) -> Result<()> {
        let Some(before) = Self::read(layout)? else {
            return Ok(());
        };
        let Some((flag, was, asked)) = self.difference(&before) else {
            return Ok(());
        };
        let data = layout.root().display();
        bail!(
            "the node in {data} was started with {flag} {was} and not taken down since, and is now to have {flag} {asked}: \
             take it down first (`navarch down --data-dir {data}`), or start it as before"
        )
    }

    /// Whose its pods' network is, as `--pod-network` has it.
    pub(crate) fn pod_network(&self) -> String {
        let whose = match self.plugins {
            Some(_) => check::OF_PLUGINS,
            None => "navarch",
        };
        whose.to_owned()
    }

    /// The first flag that differs: its name, what it was, and what it is.
    fn difference(&self, before: &Self) -> Option<(&'static str, String, String)> {
        if before.bridge != self.bridge {
            return Some(("--bridge", before.bridge.clone(), self.bridge.clone()));
        }
        if before.pod_network() != self.pod_network() {
            return Some(("--pod-network", before.pod_network(), self.pod_network()));
        }
        let ranges = [
            ("--cluster-cidr", before.cluster_cidr, self.cluster_cidr),
            ("--service-cidr", before.service_cidr, self.service_cidr),
        ];
        ranges.into_iter().find_map(|(flag, was, asked)| {
            let (was, asked) = (was?, asked?);
            (was != asked).then(|| (flag, was.to_string(), asked.to_string()))
        })
    }

    /// Of the node that last ran in this data directory; `None` if none ever did.
    pub(crate) fn read(layout: &Layout) -> Result<Option<Self>> {
        let path = layout.host_settings();
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .with_context(|| path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// The runtime's options.
    pub(crate) fn runtime(&self) -> Options {
        Options {
            data: self.runtime.clone(),
            run: self.run.clone(),
            cgroup: self.cgroup.clone(),
            hierarchy: None,
            shim: ShimCommand {
                program: "/proc/self/exe".into(),
                args: vec![SHIM.into()],
            },
        }
    }

    /// The service proxy's configuration, for the node of this name.
    pub(crate) fn service_proxy(&self, node: &str) -> ServiceProxyConfig {
        ServiceProxyConfig {
            node: node.to_owned(),
            table: format!("{}_services", self.table),
            cluster_cidrs: self.cluster_cidrs(),
            wireguard_port: None,
            netns: None,
        }
    }

    /// The network by plugins, where it is one.
    pub(crate) fn cni(&self) -> Option<CniConfig> {
        let plugins = self.plugins.clone()?;
        Some(CniConfig {
            configurations: plugins.configurations,
            programs: plugins.programs,
            state_dir: self.network.join("cni"),
            collects_garbage: plugins.collects_garbage,
        })
    }

    /// The configuration of network policies.
    pub(crate) fn policies(&self) -> NetworkPoliciesConfig {
        NetworkPoliciesConfig {
            table: format!("{}_policies", self.table),
            netns: None,
        }
    }

    /// The configuration of the flow table.
    pub(crate) fn flow_table(&self) -> FlowTableConfig {
        let table = format!("{}_flows", self.table);
        FlowTableConfig::new(&table, &self.bridge, self.cluster_cidrs())
    }

    /// The configuration of the ways to other nodes' pods, for a node that has these ranges; where the node is comes on top.
    pub(crate) fn node_routes(&self, ranges: Ranges) -> NodeRoutesConfig {
        NodeRoutesConfig::new(
            ranges,
            self.cluster_cidrs(),
            &self.bridge,
            &format!("{}_hosts", self.table),
        )
    }

    fn cluster_cidrs(&self) -> Vec<IpNet> {
        let ranges = self.cluster_cidr.iter();
        ranges.flat_map(Ranges::iter).collect()
    }

    /// The network's configuration.
    pub(crate) fn network(&self, ranges: Ranges, cluster: Vec<IpNet>) -> Config {
        let mut config = Config::new(ranges, cluster, self.network.clone());
        config.bridge.clone_from(&self.bridge);
        config.table.clone_from(&self.table);
        config
    }
}
