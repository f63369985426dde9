//! What goes wrong with certificates, keys and tokens.

use std::path::PathBuf;

/// The result of an operation on identities.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a proof of identity could not be made, read or believed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A certificate or key could not be made or read.
    #[error("certificate: {0}")]
    Certificate(String),
    /// The same, of a file.
    #[error("{path}: {reason}")]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The token file is not as it should be.
    #[error("token file, line {line}: {reason}")]
    TokenFile {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A token is not one of ours, is spoilt, or its time is over.
    #[error("invalid bearer token: {0}")]
    Token(&'static str),
}

impl Error {
    /// Says which file a certificate or key came from.
    pub(crate) fn of(self, path: &std::path::Path) -> Self {
        match self {
            Self::Certificate(reason) => Self::InFile {
                path: path.to_owned(),
                reason,
            },
            other => other,
        }
    }
}

impl From<rcgen::Error> for Error {
    fn from(error: rcgen::Error) -> Self {
        Self::Certificate(error.to_string())
    }
}
