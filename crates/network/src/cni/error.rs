//! What goes wrong with plugins.

use std::io;
use std::path::PathBuf;

use crate::InvalidBandwidth;

/// Why a pod was not connected, or not disconnected, by plugins.
#[derive(Debug, thiserror::Error)]
pub enum CniError {
    /// Nobody has put a configuration there yet, or none that can be read. In the words by which it is known.
    #[error("cni plugin not initialized: no network configuration in {0}")]
    NotInitialized(PathBuf),
    /// The program is in none of the directories.
    #[error("plugin type={kind:?} not found in {directories}")]
    NoPlugin {
        /// Its type: the program's name.
        kind: String,
        /// Where it was looked for.
        directories: String,
    },
    /// A plugin has refused, or ended otherwise.
    #[error("plugin type={kind:?} failed ({command}): {message}")]
    Failed {
        /// Its type.
        kind: String,
        /// What it was to do: `add`, `delete`, `status`, `gc`.
        command: &'static str,
        /// What it said.
        message: String,
    },
    /// The last plugin has given the pod no address.
    #[error("the plugins of network {0:?} gave no address")]
    NoAddress(String),
    /// A pod asks for a bandwidth that there is not.
    #[error(transparent)]
    Bandwidth(#[from] InvalidBandwidth),
    /// A sandbox's id that is no name of a file.
    #[error(transparent)]
    Id(#[from] crate::Error),
    /// This program ends.
    #[error("the network is stopped: {0}")]
    Stopped(String),
    /// A file of the network's own.
    #[error("{path}: {source}")]
    State {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
