//! The port between a node and whatever runs its containers: the Container Runtime Interface's operations as a Rust trait.
//!
//! Names and meanings are those of the Kubernetes CRI (`runtime.v1`). Every operation is idempotent where CRI says so:
//! stopping what is stopped and removing what is gone succeed.

mod container;
mod error;
mod image;
mod runtime;
mod sandbox;
mod stream;

pub use container::{
    ContainerConfig, ContainerRecord, ContainerState, DeviceMapping, ExitStatus, Mount,
    MountPropagation, Resources, SecurityContext, UserSpec,
};
pub use error::{Error, Result};
pub use image::{Credentials, Image, ImageConfig, PullProgress};
pub use runtime::{ContainerEvent, Duplex, EventStream, Runtime};
pub use sandbox::{DnsConfig, NamespaceMode, SandboxConfig, SandboxRecord, SandboxState};
pub use stream::{ExecOutput, ExecRequest, ExecStreams, TerminalSize};
