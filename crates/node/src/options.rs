//! How a node is set up.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use k8s_openapi::api::core::v1::Taint;
use navarch_runtime::logs::RotationPolicy;

use crate::addresses::Addresses;

/// How a node is set up.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// The Node object's name.
    pub name: String,
    /// The node's addresses; the first is every pod's `hostIP`.
    pub addresses: Addresses,
    /// The host name that is told; by default the node's name.
    pub hostname: String,
    /// Pods' directories and logs are under it.
    pub data_dir: PathBuf,
    /// The port of the node's HTTP API, for the Node object.
    pub port: u16,
    /// Cluster DNS; where there is none, pods with `dnsPolicy: ClusterFirst` get the node's servers.
    pub cluster_dns: Vec<IpAddr>,
    /// As `cluster.local`.
    pub cluster_domain: String,
    /// The node's own `resolv.conf`.
    pub resolv_conf: PathBuf,
    /// How many pods it takes.
    pub max_pods: u32,
    /// CPU that pods do not get, in thousandths.
    pub reserved_cpu_milli: i64,
    /// Memory that pods do not get, in bytes.
    pub reserved_memory: i64,
    /// The node's pod CIDR, where the controllers allocate none.
    pub pod_cidr: Option<String>,
    /// Labels that the node gives itself beside the usual ones.
    pub labels: BTreeMap<String, String>,
    /// What else the node's annotations say of it, whatever they said before.
    pub annotations: BTreeMap<String, String>,
    /// Taints at registration.
    pub taints: Vec<Taint>,
    /// When container logs are rotated.
    pub log_rotation: RotationPolicy,
    /// How many images are pulled at once.
    pub parallel_pulls: usize,
}

impl NodeOptions {
    /// A node with Kubernetes' defaults.
    pub fn new(name: &str, address: IpAddr, data_dir: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            addresses: vec![address].into(),
            hostname: name.to_owned(),
            data_dir,
            port: 10250,
            cluster_dns: Vec::new(),
            cluster_domain: "cluster.local".into(),
            resolv_conf: "/etc/resolv.conf".into(),
            max_pods: 110,
            reserved_cpu_milli: 0,
            reserved_memory: 100 << 20,
            pod_cidr: None,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            taints: Vec::new(),
            log_rotation: RotationPolicy::default(),
            parallel_pulls: 4,
        }
    }

    /// Where a pod's files are.
    pub fn pod_dir(&self, uid: &str) -> PathBuf {
        self.data_dir.join("pods").join(uid)
    }

    /// Where a pod's logs are: `NAMESPACE_NAME_UID`.
    pub fn log_dir(&self, namespace: &str, name: &str, uid: &str) -> PathBuf {
        self.data_dir
            .join("logs/pods")
            .join(format!("{namespace}_{name}_{uid}"))
    }
}
