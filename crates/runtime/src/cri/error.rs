//! Why a runtime refuses or fails, in kinds that the node acts upon.

/// The result of a runtime operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed runtime operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such sandbox, container or image. Holds what was asked for.
    #[error("{0} not found")]
    NotFound(String),
    /// The operation does not fit the state, as exec in a container that does not run.
    #[error("{0}")]
    State(String),
    /// The request cannot be carried out as it stands: the container's configuration is at fault (`CreateContainerConfigError`,
    /// `RunContainerError`). The text is shown to the user.
    #[error("{0}")]
    Invalid(String),
    /// The image reference cannot be parsed (`InvalidImageName`).
    #[error("couldn't parse image name {reference:?}: {reason}")]
    InvalidImageName {
        /// What was given.
        reference: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A registry could not be reached, or refused (`ErrImagePull`).
    #[error("failed to pull image {reference:?}: {reason}")]
    Pull {
        /// What was to be pulled.
        reference: String,
        /// What happened.
        reason: String,
    },
    /// It did not end within the time given.
    #[error("{0} timed out")]
    Timeout(String),
    /// The host failed us: a system call, a file.
    #[error("{context}: {source}")]
    Host {
        /// What was being done.
        context: String,
        /// What the host said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// A host failure, with what was being done.
    pub fn host(
        context: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Host {
            context: context.into(),
            source: source.into(),
        }
    }
}
