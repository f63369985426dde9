//! A pod network by plugins that others have put on the host (Cilium, Calico, the reference plugins), in the place of this node's own: the
//! Container Network Interface, as its specification 1.1 has it and older ones down to 0.2.

mod capabilities;
mod configuration;
mod error;
mod garbage;
mod invocation;
mod network;
mod orphans;
mod program;
mod record;
mod removal;
mod result;
#[cfg(test)]
mod tests;
mod turns;
mod version;

pub use error::CniError;
pub use network::{CniConfig, CniNetwork};
