//! The runtime without a daemon besides ours: sandboxes and containers on Linux itself, each pod under its [shim](crate::shim).
//!
//! What this keeps in memory can be lost at any time: shims hold what runs, files what was asked for and how it ended, and
//! [`Embedded::open`] finds both again.

mod attach;
mod client;
mod container;
mod events;
mod exec;
mod filters;
mod layout;
mod lifecycle;
mod memory;
mod pipes;
mod port_forward;
mod records;
mod resize;
mod restore;
mod runtime;
mod sandbox;
mod seal;
mod spawn;
mod start;
mod teardown;

use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::cgroup::{Cgroup, Hierarchy};
use crate::cri::{ContainerEvent, Error, Result};
use crate::images::Images;
use layout::Layout;
use records::{Container, Sandbox};
pub use teardown::{end_everything, remove_everything};

/// Where the runtime keeps things, and how it starts shims.
#[derive(Debug, Clone)]
pub struct Options {
    /// Records and exit codes; survives a reboot.
    pub data: PathBuf,
    /// Sockets, namespaces and bundles; `/run/navarch`.
    pub run: PathBuf,
    /// The top of our control groups: `navarch`.
    pub cgroup: String,
    /// The control groups to use; `None`: those that the host has mounted.
    pub hierarchy: Option<Hierarchy>,
    /// What to execute for a shim.
    pub shim: ShimCommand,
}

/// A program that calls [`crate::shim::main`] with the arguments that follow its own.
#[derive(Debug, Clone)]
pub struct ShimCommand {
    /// `/proc/self/exe` for the calling program itself.
    pub program: PathBuf,
    /// `["shim"]`.
    pub args: Vec<String>,
}

impl Options {
    fn hierarchy(&self) -> std::io::Result<Hierarchy> {
        self.hierarchy.clone().map_or_else(Hierarchy::detect, Ok)
    }
}

/// Events that a consumer may be behind before it is told that it lags.
const EVENTS: usize = 1024;

/// The runtime. Made by [`Embedded::open`]; implements [`crate::cri::Runtime`].
pub struct Embedded {
    me: Weak<Self>,
    options: Options,
    layout: Layout,
    hierarchy: Hierarchy,
    /// The shims' program, sealed.
    program: Option<OwnedFd>,
    images: Images,
    sandboxes: Mutex<HashMap<String, Arc<Sandbox>>>,
    containers: Mutex<HashMap<String, Arc<Container>>>,
    events: broadcast::Sender<ContainerEvent>,
}

impl Embedded {
    /// Opens the runtime and takes up what runs already.
    ///
    /// # Errors
    /// Where the directories cannot be made or the host has no control groups.
    pub async fn open(options: Options, images: Images) -> Result<Arc<Self>> {
        let mut options = options;
        for directory in [&mut options.data, &mut options.run] {
            *directory = std::path::absolute(&*directory)
                .map_err(|error| Error::host("find the runtime's directories", error))?;
        }
        let layout = Layout::new(&options);
        layout
            .create()
            .map_err(|error| Error::host("make the runtime's directories", error))?;
        let hierarchy = options
            .hierarchy()
            .map_err(|error| Error::host("find control groups", error))?;
        let program = seal::open(&options.shim.program);
        if let Err(error) = &program {
            tracing::warn!(%error, "containers are kept from the shim's program by its permissions alone");
        }
        let runtime = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            options,
            layout,
            hierarchy,
            program: program.ok(),
            images,
            sandboxes: Mutex::default(),
            containers: Mutex::default(),
            events: broadcast::channel(EVENTS).0,
        });
        runtime.restore().await?;
        Ok(runtime)
    }

    /// The images that containers are made from.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// The path to execute for a shim.
    fn shim_program(&self) -> PathBuf {
        match &self.program {
            Some(sealed) => format!("/proc/self/fd/{}", sealed.as_raw_fd()).into(),
            None => self.options.shim.program.clone(),
        }
    }

    fn find_sandbox(&self, id: &str) -> Result<Arc<Sandbox>> {
        self.sandboxes
            .lock()
            .get(id)
            .cloned()
            .ok_or_else(|| Error::NotFound(format!("sandbox {id}")))
    }

    fn find_container(&self, id: &str) -> Result<Arc<Container>> {
        self.containers
            .lock()
            .get(id)
            .cloned()
            .ok_or_else(|| Error::NotFound(format!("container {id}")))
    }

    /// The containers of a sandbox.
    fn containers_of(&self, sandbox_id: &str) -> Vec<Arc<Container>> {
        self.containers
            .lock()
            .values()
            .filter(|container| container.sandbox_id == sandbox_id)
            .cloned()
            .collect()
    }

    fn cgroup(&self, path: &std::path::Path) -> Result<Cgroup> {
        Cgroup::new(self.hierarchy.clone(), path).map_err(|error| Error::Invalid(error.to_string()))
    }

    /// Runs what waits for the disk or the kernel where waiting is allowed.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(me) = self.me.upgrade() else {
            return Err(Error::State("the runtime is closing".to_owned()));
        };
        tokio::task::spawn_blocking(move || work(&me))
            .await
            .map_err(|error| Error::host("a runtime task", error))?
    }

    fn emit(&self, event: ContainerEvent) {
        // Nobody listening is fine.
        let _ = self.events.send(event);
    }

    fn emit_container(&self, container: &Container) {
        self.emit(ContainerEvent::Container {
            sandbox_id: container.sandbox_id.clone(),
            container_id: container.id.clone(),
        });
    }
}
