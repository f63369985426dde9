//! Sandboxes from beginning to end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::records::{Sandbox, new_id, now, write};
use super::{Embedded, spawn};
use crate::cri::{
    ContainerEvent, DnsConfig, Error, NamespaceMode, Result, SandboxConfig, SandboxRecord,
    SandboxState,
};
use crate::shim::{Request, SETUP_FILE, SandboxSetup};

impl Embedded {
    pub(super) async fn make_sandbox(&self, config: SandboxConfig) -> Result<SandboxRecord> {
        let id = new_id().map_err(|error| Error::host("make an id", error))?;
        let made = self.make_sandbox_as(&id, config).await;
        if made.is_err() {
            let failed = id.clone();
            // The failure that is reported is the first one.
            let _ = self.blocking(move |me| me.clear_sandbox(&failed)).await;
        }
        made
    }

    async fn make_sandbox_as(&self, id: &str, config: SandboxConfig) -> Result<SandboxRecord> {
        let netns =
            (config.network != NamespaceMode::Node).then(|| self.layout.namespace(id, "net"));
        let record = SandboxRecord {
            id: id.to_owned(),
            config,
            state: SandboxState::Ready,
            created_at: now(),
            netns,
        };
        let prepared = record.clone();
        self.blocking(move |me| me.prepare_sandbox(&prepared))
            .await?;
        let directory = self.layout.shim(id);
        // The pod's cgroup is made while the shim starts: its first container needs both.
        let (path, resources) = (
            self.layout.pod_cgroup(id, &record.config),
            record.config.resources.clone(),
        );
        let cgroup = self.blocking(move |me| {
            let cgroup = me.cgroup(&path)?;
            cgroup
                .create()
                .and_then(|()| cgroup.set(&resources))
                .map_err(|error| Error::host("make the pod's cgroup", error))
        });
        let program = self.shim_program();
        let (cgroup, spawned) = tokio::join!(
            cgroup,
            spawn::spawn(&program, &self.options.shim.args, &directory)
        );
        cgroup?;
        spawned?;
        let sandbox = Sandbox::new(record.clone(), None);
        self.sandboxes
            .lock()
            .insert(id.to_owned(), Arc::clone(&sandbox));
        self.connect(&sandbox)
            .map_err(|error| Error::host("connect to the shim", error))?;
        self.emit(ContainerEvent::Sandbox {
            sandbox_id: id.to_owned(),
        });
        Ok(record)
    }

    /// Its directories, files and record.
    fn prepare_sandbox(&self, record: &SandboxRecord) -> Result<()> {
        let config = &record.config;
        let write_all = || -> io::Result<()> {
            let directory = self.layout.shim(&record.id);
            std::fs::create_dir(&directory)?;
            std::fs::write(
                self.layout.hostname(&record.id),
                format!("{}\n", host_name(config)),
            )?;
            if let Some(dns) = &config.dns {
                std::fs::write(self.layout.resolv_conf(&record.id), resolv_conf(dns))?;
            }
            let setup = SandboxSetup {
                hostname: config.hostname.clone(),
                network: config.network != NamespaceMode::Node,
                ipc: config.ipc != NamespaceMode::Node,
                shared_pid: config.pid == NamespaceMode::Pod,
                sysctls: config.sysctls.clone(),
                hierarchy: self.hierarchy.clone(),
                shim_cgroup: self.layout.shim_cgroup(),
            };
            std::fs::write(directory.join(SETUP_FILE), serde_json::to_vec(&setup)?)?;
            write(&self.layout.sandbox_record(&record.id), record)
        };
        write_all().map_err(|error| Error::host("write the sandbox's files", error))
    }

    /// Ends all processes; the namespaces stay.
    pub(super) async fn end_sandbox(&self, id: &str) -> Result<()> {
        let Ok(sandbox) = self.find_sandbox(id) else {
            return Ok(());
        };
        let _gate = sandbox.gate.lock().await;
        self.end_processes(&sandbox).await
    }

    pub(super) async fn halt_sandbox(&self, id: &str) -> Result<()> {
        let Ok(sandbox) = self.find_sandbox(id) else {
            return Ok(());
        };
        let _gate = sandbox.gate.lock().await;
        self.end_processes(&sandbox).await?;
        let id = id.to_owned();
        self.blocking(move |me| {
            crate::sandbox::unpin(&me.layout.shim(&id))
                .map_err(|error| Error::host("unmount the sandbox's namespaces", error))
        })
        .await
    }

    /// To be called with the sandbox's gate.
    async fn end_processes(&self, sandbox: &Sandbox) -> Result<()> {
        let id = &sandbox.id;
        if sandbox.ended.load(Ordering::Relaxed) {
            return Ok(());
        }
        if std::mem::replace(&mut sandbox.record.lock().state, SandboxState::NotReady)
            == SandboxState::Ready
        {
            self.emit(ContainerEvent::Sandbox {
                sandbox_id: id.to_owned(),
            });
        }
        let shim = sandbox.shim.lock().take();
        if let Some(shim) = shim {
            // It answers, kills, tells how each container ended, and is gone; if it is gone before, so much the better.
            let mut ends: Vec<_> = self
                .containers_of(id)
                .iter()
                .map(|container| container.ended.subscribe())
                .collect();
            if shim.tell(Request::Shutdown).await.is_ok() {
                for (container, end) in self.containers_of(id).iter().zip(&mut ends) {
                    if container.state() == crate::cri::ContainerState::Running {
                        let _ = tokio::time::timeout(
                            super::lifecycle::KILL,
                            end.wait_for(|ended| *ended),
                        )
                        .await;
                    }
                }
            }
        }
        let record = sandbox.record.lock().clone();
        self.blocking(move |me| me.remove_cgroups(&record)).await?;
        sandbox.ended.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Removes cgroups, with whatever still runs in them. The pod's own cgroup stays as long as a newer sandbox of the same pod uses it.
    fn remove_cgroups(&self, record: &SandboxRecord) -> Result<()> {
        let id = &record.id;
        for container in self.containers_of(id) {
            let cgroup = self.cgroup(&self.layout.container_cgroup(
                id,
                &record.config,
                &container.id,
            ))?;
            cgroup
                .remove()
                .map_err(|error| Error::host("remove a container's cgroup", error))?;
        }
        let pod = self.cgroup(&self.layout.pod_cgroup(id, &record.config))?;
        pod.remove_if_unused()
            .map_err(|error| Error::host("remove the pod's cgroup", error))?;
        if self.layout.sandbox_record(id).exists()
            && let Err(error) = write(&self.layout.sandbox_record(id), record)
        {
            // A disk that is full must not keep from ending what fills it. After a restart the missing shim tells the same.
            tracing::warn!(sandbox = id, %error, "that the sandbox has ended is not on disk");
        }
        Ok(())
    }

    pub(super) async fn drop_sandbox(&self, id: &str) -> Result<()> {
        if self.find_sandbox(id).is_err() {
            return Ok(());
        }
        self.halt_sandbox(id).await?;
        for container in self.containers_of(id) {
            self.drop_container(&container.id).await?;
        }
        let removed = id.to_owned();
        self.blocking(move |me| me.clear_sandbox(&removed)).await?;
        self.emit(ContainerEvent::Sandbox {
            sandbox_id: id.to_owned(),
        });
        Ok(())
    }

    /// Removes all traces of a sandbox that is stopped or was never whole.
    fn clear_sandbox(&self, id: &str) -> Result<()> {
        let record = super::records::read::<SandboxRecord>(&self.layout.sandbox_record(id));
        let clear = || -> io::Result<()> {
            super::teardown::end_shim(&self.layout.shim(id))?;
            if let Some(record) = record {
                let pod = self.layout.pod_cgroup(id, &record.config);
                crate::cgroup::Cgroup::new(self.hierarchy.clone(), &pod)?.remove_if_unused()?;
            }
            absent(std::fs::remove_file(self.layout.sandbox_record(id)))
        };
        self.sandboxes.lock().remove(id);
        clear().map_err(|error| Error::host("remove the sandbox", error))
    }
}

/// What is not there needs no removal.
pub(super) fn absent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn host_name(config: &SandboxConfig) -> String {
    if config.network == NamespaceMode::Node {
        let node = nix::unistd::gethostname().unwrap_or_default();
        return node.to_string_lossy().into_owned();
    }
    config.hostname.clone()
}

fn resolv_conf(dns: &DnsConfig) -> String {
    let mut text = String::new();
    if !dns.searches.is_empty() {
        text.push_str(&format!("search {}\n", dns.searches.join(" ")));
    }
    for server in &dns.servers {
        text.push_str(&format!("nameserver {server}\n"));
    }
    if !dns.options.is_empty() {
        text.push_str(&format!("options {}\n", dns.options.join(" ")));
    }
    text
}
