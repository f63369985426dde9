//! What a node makes on its host, by name: kept in the data directory, so that `navarch down` finds it whatever `up` was told.

use std::path::PathBuf;

use anyhow::{Context, Result};
use ipnet::IpNet;
use navarch_network::Config;
use navarch_runtime::embedded::{Options, ShimCommand};
use serde::{Deserialize, Serialize};

use crate::bridge_claim;
use crate::cli::NodeArgs;
use crate::layout::Layout;

/// The first word of a shim's command line. It is no command for people.
pub(crate) const SHIM: &str = "shim";

/// Names of what is made on the host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HostSettings {
    /// The bridge.
    pub(crate) bridge: String,
    /// The nftables table.
    pub(crate) table: String,
    /// The addresses of the cluster's pods; `None` in what an older version has written.
    #[serde(default)]
    pub(crate) cluster_cidr: Option<IpNet>,
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
    /// Of a node that is about to start; written down before anything is made.
    pub(crate) fn record(
        layout: &Layout,
        arguments: &NodeArgs,
        cluster_cidr: IpNet,
    ) -> Result<Self> {
        let settings = Self {
            bridge: arguments.bridge.clone(),
            // One bridge, one table: nodes that share a host are told apart by their bridges.
            table: arguments.bridge.replace(['-', '.'], "_"),
            cluster_cidr: Some(cluster_cidr),
            cgroup: layout.cgroup(),
            run: layout.run(),
            runtime: layout.runtime(),
            images: layout.images(),
            network: layout.network(),
            node: layout.node(),
        };
        let path = layout.host_settings();
        bridge_claim::take(&settings, &path)?;
        let text = serde_json::to_string_pretty(&settings)?;
        navarch_auth::pki::write(&path, &text, 0o600).context("host settings")?;
        Ok(settings)
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

    /// The network's configuration.
    pub(crate) fn network(&self, range: IpNet, cluster: Vec<IpNet>) -> Config {
        let mut config = Config::new(range, cluster, self.network.clone());
        config.bridge.clone_from(&self.bridge);
        config.table.clone_from(&self.table);
        config
    }
}
