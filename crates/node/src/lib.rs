//! The pod lifecycle on a node, and the node's HTTP API: what the kubelet does.
//!
//! [`lifecycle::plan`] says, without any effect, what is to be done for a pod; the workers carry it out on [`Runtime`],
//! [`Network`], [`Volumes`] and [`Clock`]. [`Agent`] puts them together.
//!
//! [`Runtime`]: navarch_runtime::cri::Runtime
//! [`Clock`]: navarch_client::Clock
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod addresses;
mod admission;
mod agent;
mod allocation;
mod blocking;
pub mod certificates;
mod container_config;
mod container_log;
pub mod drain;
mod env;
mod error;
mod files;
mod hooks;
mod http_get;
mod images;
pub mod lifecycle;
mod log_files;
mod node_object;
mod objects;
mod options;
mod pod_files;
pub mod ports;
mod probes;
mod quantity;
pub mod registration;
pub mod resources;
pub mod server;
mod spdy;
mod spec;
mod storage_limits;
mod target;
mod token;
pub mod volumes;
mod worker;

pub use addresses::Addresses;
pub use agent::{Agent, NodeParts, service_view};
pub use container_log::LogOptions;
pub use error::Error;
/// The words of the port [`Runtime`](navarch_runtime::cri::Runtime), for those who give a node another.
pub use navarch_runtime::cri;
pub use objects::Objects;
pub use options::NodeOptions;
pub use ports::{Network, Volumes};
pub use token::Token;
pub use volumes::HostVolumes;
