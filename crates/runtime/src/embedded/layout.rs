//! Where files are.

use std::io;
use std::path::{Path, PathBuf};

use super::Options;
use crate::cri::SandboxConfig;
use crate::sandbox::{NAMESPACES, SHM};
use crate::spec::SandboxFiles;

/// The paths below the data and run directories.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    data: PathBuf,
    run: PathBuf,
    cgroup: PathBuf,
}

impl Layout {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            data: options.data.clone(),
            run: options.run.clone(),
            cgroup: PathBuf::from(&options.cgroup),
        }
    }

    pub(super) fn create(&self) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&self.run)?;
        super::memory::put(&self.run)?;
        for directory in [
            self.sandboxes(),
            self.containers(),
            self.shims(),
            self.state(),
            self.bundles(),
            self.filters(),
            self.no_cgroup(),
        ] {
            builder.create(directory)?;
        }
        let sink = self.no_cgroup().join("cgroup.procs");
        if sink.is_symlink() {
            Ok(())
        } else {
            std::os::unix::fs::symlink("/dev/null", sink)
        }
    }

    /// Records of sandboxes.
    pub(super) fn sandboxes(&self) -> PathBuf {
        self.data.join("sandboxes")
    }

    pub(super) fn sandbox_record(&self, id: &str) -> PathBuf {
        self.sandboxes().join(format!("{id}.json"))
    }

    /// Records of containers: a directory for each.
    pub(super) fn containers(&self) -> PathBuf {
        self.data.join("containers")
    }

    pub(super) fn container(&self, id: &str) -> PathBuf {
        self.containers().join(id)
    }

    pub(super) fn container_record(&self, id: &str) -> PathBuf {
        self.container(id).join("record.json")
    }

    pub(super) fn exit(&self, id: &str) -> PathBuf {
        self.container(id).join("exit.json")
    }

    /// The directories of shims.
    pub(super) fn shims(&self) -> PathBuf {
        self.run.join("sandboxes")
    }

    pub(super) fn shim(&self, sandbox_id: &str) -> PathBuf {
        self.shims().join(sandbox_id)
    }

    /// libcontainer's state.
    pub(super) fn state(&self) -> PathBuf {
        self.run.join("state")
    }

    pub(super) fn bundles(&self) -> PathBuf {
        self.run.join("bundles")
    }

    pub(super) fn bundle(&self, container_id: &str) -> PathBuf {
        self.bundles().join(container_id)
    }

    /// Compiled seccomp filters.
    pub(super) fn filters(&self) -> PathBuf {
        self.run.join("filters")
    }

    /// What libcontainer takes for a cgroup; see [`crate::spec::Input::no_cgroup`].
    pub(super) fn no_cgroup(&self) -> PathBuf {
        self.run.join("no-cgroup")
    }

    pub(super) fn namespace(&self, sandbox_id: &str, name: &str) -> PathBuf {
        self.shim(sandbox_id).join(NAMESPACES).join(name)
    }

    pub(super) fn hostname(&self, sandbox_id: &str) -> PathBuf {
        self.shim(sandbox_id).join("hostname")
    }

    pub(super) fn resolv_conf(&self, sandbox_id: &str) -> PathBuf {
        self.shim(sandbox_id).join("resolv.conf")
    }

    pub(super) fn files(&self, sandbox_id: &str, config: &SandboxConfig) -> SandboxFiles {
        let own_ipc = config.ipc != crate::cri::NamespaceMode::Node;
        SandboxFiles {
            namespaces: self.shim(sandbox_id).join(NAMESPACES),
            shm: if own_ipc {
                self.shim(sandbox_id).join(SHM)
            } else {
                PathBuf::from("/dev/shm")
            },
            hostname: self.hostname(sandbox_id),
            resolv_conf: config.dns.as_ref().map(|_| self.resolv_conf(sandbox_id)),
        }
    }

    /// The cgroup that shims are in.
    pub(super) fn shim_cgroup(&self) -> PathBuf {
        self.cgroup.join("shims")
    }

    /// A pod's cgroup; pods that name none have one by their sandbox's id.
    pub(super) fn pod_cgroup(&self, sandbox_id: &str, config: &SandboxConfig) -> PathBuf {
        let parent = Path::new(config.cgroup_parent.trim_start_matches('/'));
        if parent.as_os_str().is_empty() {
            self.cgroup.join(sandbox_id)
        } else {
            self.cgroup.join(parent)
        }
    }

    pub(super) fn container_cgroup(
        &self,
        sandbox_id: &str,
        config: &SandboxConfig,
        id: &str,
    ) -> PathBuf {
        self.pod_cgroup(sandbox_id, config).join(id)
    }
}
