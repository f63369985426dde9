//! Where everything is kept below the data directory, and what belongs to it elsewhere on the host.

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::private;

/// What Navarch makes in a data directory.
const OWN: [&str; 11] = [
    "pki",
    "store",
    "images",
    "runtime",
    "node",
    "network",
    "admin.kubeconfig",
    "host.json",
    "control.sock",
    "server.sock",
    "agent.sock",
];
/// Those of them that hold what only some may read.
const SECRETS: [&str; 5] = ["pki", "store", "images", "runtime", "node"];

/// The places of one data directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Of a data directory, which is made if it is not there. Only its owner can look into it.
    pub(crate) fn open(data_dir: &Path) -> Result<Self> {
        private::make(data_dir, &OWN, &SECRETS)
            .with_context(|| format!("data directory {}", data_dir.display()))?;
        let root = data_dir
            .canonicalize()
            .with_context(|| format!("data directory {}", data_dir.display()))?;
        Ok(Self { root })
    }

    /// Of a data directory that must be there already.
    pub(crate) fn existing(data_dir: &Path) -> Result<Self> {
        let root = data_dir
            .canonicalize()
            .with_context(|| format!("data directory {}", data_dir.display()))?;
        Ok(Self { root })
    }

    /// The data directory itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Keys and certificates.
    pub(crate) fn pki(&self) -> PathBuf {
        self.root.join("pki")
    }

    /// The cluster's state.
    pub(crate) fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// Fails while another process has the cluster's state open.
    pub(crate) fn must_be_idle(&self) -> Result<()> {
        // The store's own lock; it is taken for good where the store is opened.
        let Ok(lock) = std::fs::File::open(self.store().join("LOCK")) else {
            return Ok(());
        };
        if matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)) {
            bail!(
                "a cluster runs on the data directory {} already: another process has it; stop that first, or give another --data-dir",
                self.root.display()
            );
        }
        Ok(())
    }

    /// The administrator's kubeconfig, unless another place is asked for.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.root.join("admin.kubeconfig")
    }

    /// Images and root file systems.
    pub(crate) fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// The runtime's records.
    pub(crate) fn runtime(&self) -> PathBuf {
        self.root.join("runtime")
    }

    /// The pods' directories and logs.
    pub(crate) fn node(&self) -> PathBuf {
        self.root.join("node")
    }

    /// Who was asked last for names that are not the cluster's.
    pub(crate) fn dns_settings(&self) -> PathBuf {
        self.root.join("dns.settings")
    }

    /// Pod addresses that are given out.
    pub(crate) fn network(&self) -> PathBuf {
        self.root.join("network")
    }

    /// The settings by which `down` finds what was made on the host.
    pub(crate) fn host_settings(&self) -> PathBuf {
        self.root.join("host.json")
    }

    /// The socket by which other commands reach the process that has this data directory open.
    pub(crate) fn control(&self) -> PathBuf {
        self.root.join("control.sock")
    }

    /// The socket by which a control plane is told to renew its certificates.
    pub(crate) fn server_socket(&self) -> PathBuf {
        self.root.join("server.sock")
    }

    /// The socket by which a node is told the same.
    pub(crate) fn agent_socket(&self) -> PathBuf {
        self.root.join("agent.sock")
    }

    /// What this node is known by to the API, where it asked for it.
    pub(crate) fn client_certificate(&self) -> PathBuf {
        self.pki().join("kubelet-client-current.pem")
    }

    /// What this node serves with, where it asked for it.
    pub(crate) fn serving_certificate(&self) -> PathBuf {
        self.pki().join("kubelet-server-current.pem")
    }

    /// The key that packets to this node's pods are encrypted for, where they are.
    pub(crate) fn wireguard_key(&self) -> PathBuf {
        self.pki().join("wireguard.key")
    }

    /// Which nodes packets were encrypted for last.
    pub(crate) fn wireguard_nodes(&self) -> PathBuf {
        self.pki().join("wireguard.nodes")
    }

    /// Names this data directory among others on the host: eight hexadecimal digits.
    pub(crate) fn id(&self) -> String {
        let digest = Sha256::digest(self.root.as_os_str().as_encoded_bytes());
        digest
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// By what the process that has this data directory's store holds leases. It is the same after a restart, so that one that was killed is
    /// not waited for: there is one such process at a time, which the store's lock sees to, and nothing that it did outlives it.
    pub(crate) fn identity(&self) -> String {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        format!("{}_{}", host.trim(), self.id())
    }

    /// By what a process that is apart from the API holds leases: another each time. There may be several of one data directory, or on hosts
    /// of one name, and what one that was killed has asked of the API may still be done; its lease is waited for.
    pub(crate) fn identity_apart(&self) -> io::Result<String> {
        let random = std::fs::read_to_string("/proc/sys/kernel/random/uuid")?;
        Ok(format!("{}_{}", self.identity(), random.trim()))
    }

    /// Sockets and namespaces: gone with a reboot.
    pub(crate) fn run(&self) -> PathBuf {
        Path::new("/run/navarch").join(self.id())
    }

    /// The top of this data directory's control groups.
    pub(crate) fn cgroup(&self) -> String {
        format!("navarch-{}", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_apart_from_the_api_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (Layout::open(dir.path()), Layout::open(dir.path()));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first.identity(), second.identity());
        let apart = [&first, &second].map(|layout| layout.identity_apart().unwrap());
        assert_ne!(apart[0], apart[1]);
        assert!(apart[0].starts_with(&first.identity()));
    }
}
