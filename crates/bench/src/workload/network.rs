//! A node's network: what it carries, how soon services are there, and how fast names are answered.
//!
//! Everything is seen from within network namespaces that are named by their files, as a host's or a pod's (`/run/netns/NAME`,
//! `/proc/PID/ns/net`): so the same measures bare devices, this program's nodes and those of others. Rules are seen in what they do: a
//! service is programmed on a node when a packet that is sent there is answered by one of its endpoints.

mod cluster;
mod dns;
mod echo;
mod endpoints;
mod lane;
mod latency;
mod message;
mod namespace;
mod path;
mod probe;
mod program;
mod services;
mod spread;
mod throughput;

use anyhow::Result;
use clap::Subcommand;

use crate::options::Common;

/// What of it is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Network {
    /// What one TCP connection carries by each of several paths, in turn, and which share of the first that is.
    Throughput(throughput::Args),
    /// How long an octet takes there and back by each of several paths, in turn, on a connection that is there and on a new one.
    Latency(latency::Args),
    /// From the start of a program to many services that it has programmed, and from one more service to its first answer.
    Services(services::Args),
    /// From an endpoint's change to the rules of every node.
    Endpoints(endpoints::Args),
    /// Answers of cluster DNS to names of services.
    Dns(dns::Args),
}

impl Network {
    pub(super) async fn run(&self, common: &Common) -> Result<()> {
        match self {
            Self::Throughput(args) => throughput::run(args, common),
            Self::Latency(args) => latency::run(args, common),
            Self::Services(args) => services::run(args, common).await,
            Self::Endpoints(args) => endpoints::run(args, common).await,
            Self::Dns(args) => dns::run(args, common).await,
        }
    }
}
