//! The pods of this node, as its own network knows them: before the API does.

use std::net::IpAddr;

use navarch_client::ObjectKey;
use serde::{Deserialize, Serialize};

/// Which pod a sandbox is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PodName {
    /// Its namespace.
    pub namespace: String,
    /// Its name there.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

impl PodName {
    pub(crate) fn key(&self) -> ObjectKey {
        ObjectKey::new(&self.namespace, &self.name)
    }
}

/// A pod of this node with its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalPod {
    pub(crate) pod: PodName,
    pub(crate) ips: Vec<IpAddr>,
}
