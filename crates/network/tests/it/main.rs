//! The pod network against the kernel, in network namespaces of the test's own. Needs root, `ip` and `nft`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::new_without_default,
    unreachable_pub,
    missing_docs
)]

mod attach;
mod bandwidth;
mod between;
mod check;
mod cluster;
mod dns;
mod dns_settings;
mod flow_table;
mod flushed;
mod frames;
mod guarded;
mod namespaces;
mod policies;
mod recover;
mod rules;
mod services;
mod sources;
mod talk;

use std::{net::IpAddr, path::PathBuf};

use navarch_network::{Attachment, Config, Connection, HostPort, PodName, PodNetwork, PodRequest};
use tempfile::TempDir;

use namespaces::Namespace;

/// A node: a namespace for its bridge, and a directory for its state.
pub struct TestNode {
    pub host: Namespace,
    state: TempDir,
}

impl TestNode {
    pub fn new() -> Self {
        Self {
            host: Namespace::new(),
            state: TempDir::new().unwrap(),
        }
    }

    pub fn config(&self) -> Config {
        Config {
            netns: Some(self.host.path()),
            ..Config::new(
                "10.244.1.0/24".parse().unwrap(),
                vec!["10.244.0.0/16".parse().unwrap()],
                self.state_dir(),
            )
        }
    }

    pub fn state_dir(&self) -> PathBuf {
        self.state.path().join("network")
    }

    pub async fn start(&self) -> PodNetwork {
        let network = PodNetwork::start(self.config()).await.unwrap();
        assert_eq!(network.degradations().await.unwrap(), []);
        network
    }
}

/// Attaches a sandbox in a new namespace.
pub async fn attach(
    network: &PodNetwork,
    id: &str,
    ports: Vec<HostPort>,
) -> (Namespace, Attachment) {
    let pod = Namespace::new();
    let attachment = network
        .attach(id, &pod.path(), PodRequest::new(pod_name(id), ports))
        .await
        .unwrap();
    assert_eq!(network.check(id).await.unwrap(), Connection::Up);
    (pod, attachment)
}

/// The pod of a sandbox of this id.
pub fn pod_name(id: &str) -> PodName {
    PodName {
        namespace: "default".into(),
        name: id.to_owned(),
        uid: format!("uid-of-{id}"),
    }
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
