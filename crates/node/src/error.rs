//! Why a node does not start.

use crate::ports::{NetworkError, VolumeError};

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The runtime failed.
    #[error("container runtime: {0}")]
    Runtime(#[from] navarch_runtime::cri::Error),
    /// The network failed.
    #[error("pod network: {0}")]
    Network(#[from] NetworkError),
    /// Volumes failed.
    #[error("volumes: {0}")]
    Volumes(#[from] VolumeError),
    /// The API refused the node.
    #[error("the node could not be registered: {0}")]
    Register(navarch_machinery::status::StatusError),
    /// The host does not tell what it has.
    #[error("{what}: {source}")]
    Host {
        /// What was read.
        what: String,
        /// What the host said.
        source: std::io::Error,
    },
    /// The node's certificates cannot be used.
    #[error("certificates: {0}")]
    Certificates(String),
}
