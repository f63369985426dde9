//! The workloads, one a file.

mod cold_start;
mod crud;
mod list;
mod memory;
mod network;
mod pod_start;
mod rollout;
mod schedule;
mod stored;
mod watch;

use anyhow::Result;
use clap::Subcommand;

use crate::options::Common;

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Workload {
    /// ConfigMaps or Secrets of 1 KiB: create, get, update, merge patch and delete, each on its own.
    Crud(crud::Args),
    /// Lists of ConfigMaps of 1 KiB: all, a page, and a selector that matches none.
    List(list::Args),
    /// Deliveries of changes of 1 KiB to many watchers.
    Watch(watch::Args),
    /// Pods created and bound, on nodes that are none.
    Schedule(schedule::Args),
    /// A Deployment that comes up, and is rolled to another image, on nodes that are none.
    Rollout(rollout::Args),
    /// Pods on real nodes, from create to ready as a watch sees it.
    Podstart(pod_start::Args),
    /// Memory of a process and of its shims.
    Memory(memory::Args),
    /// Memory that stored pods take.
    Stored(stored::Args),
    /// From the start of the program to an API that is ready, and to a node that is.
    Coldstart(cold_start::Args),
    /// A node's network, services and DNS, as they are seen from within network namespaces.
    #[command(subcommand)]
    Network(network::Network),
}

impl Workload {
    pub(crate) async fn run(&self, common: &Common) -> Result<()> {
        match self {
            Self::Crud(args) => crud::run(args, common).await,
            Self::List(args) => list::run(args, common).await,
            Self::Watch(args) => watch::run(args, common).await,
            Self::Schedule(args) => schedule::run(args, common).await,
            Self::Rollout(args) => rollout::run(args, common).await,
            Self::Podstart(args) => pod_start::run(args, common).await,
            Self::Memory(args) => memory::run(args),
            Self::Stored(args) => stored::run(args, common).await,
            Self::Network(what) => what.run(common).await,
            Self::Coldstart(args) => cold_start::run(args, common).await,
        }
    }
}
