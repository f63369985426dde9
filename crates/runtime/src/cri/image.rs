//! Images as a node sees them.

use std::collections::BTreeMap;

/// An image that is present on the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The digest of its configuration: `sha256:…`. What `imageID` falls back to.
    pub id: String,
    /// Names with tags, fully qualified: `docker.io/library/nginx:1.27`.
    pub tags: Vec<String>,
    /// Names with manifest digests: `docker.io/library/nginx@sha256:…`.
    pub digests: Vec<String>,
    /// Bytes of its unpacked layers and content.
    pub size: u64,
    /// What the image says of how to run it.
    pub config: ImageConfig,
}

/// The part of an OCI image configuration that containers start from.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImageConfig {
    /// `NAME=value` pairs.
    pub env: Vec<String>,
    /// The entrypoint, overridden by a container's `command`.
    pub entrypoint: Vec<String>,
    /// The default arguments, overridden by a container's `args` (and dropped where `command` is given).
    pub cmd: Vec<String>,
    /// The working directory; empty: `/`.
    pub working_dir: String,
    /// `user[:group]`, by name or number; empty: root.
    pub user: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The signal that asks it to stop, as `SIGTERM` or `15`; empty: SIGTERM.
    pub stop_signal: String,
}

/// What a registry is told of who pulls.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The user; empty: anonymous.
    pub username: String,
    /// The password or token.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// What a finished pull did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullProgress {
    /// The image as it is now.
    pub image: Image,
    /// Bytes that came over the network; 0 where everything was here.
    pub bytes: u64,
}
