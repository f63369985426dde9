//! The node's addresses, which may become others while it runs.

use std::fmt;
use std::net::IpAddr;

use tokio::sync::watch;

/// The node's addresses, the first its main one.
#[derive(Clone)]
pub struct Addresses(watch::Receiver<Vec<IpAddr>>);

impl Addresses {
    /// Those of the moment.
    pub fn now(&self) -> Vec<IpAddr> {
        self.0.borrow().clone()
    }

    /// Waits until they are others than when this has waited last; for ever where they stay what they are.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.borrow().fmt(f)
    }
}

impl From<watch::Receiver<Vec<IpAddr>>> for Addresses {
    fn from(followed: watch::Receiver<Vec<IpAddr>>) -> Self {
        Self(followed)
    }
}

/// Those that stay.
impl From<Vec<IpAddr>> for Addresses {
    fn from(addresses: Vec<IpAddr>) -> Self {
        Self(watch::channel(addresses).1)
    }
}
