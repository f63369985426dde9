//! `navarch node`: what an administrator does with nodes.

use std::sync::Arc;

use anyhow::{Context, Result};
use navarch_client::{Client, Https};
use navarch_node::drain::{self, DrainOptions, Permitted};

use crate::cli::{Drain, Node};
use crate::layout::Layout;
use crate::remote;

pub(super) async fn run(arguments: Node) -> Result<()> {
    let (drain, remove) = match arguments {
        Node::Drain(drain) => (drain, false),
        Node::Remove(drain) => (drain, true),
    };
    let kubeconfig = Layout::existing(&drain.data.data_dir)?.kubeconfig();
    let client = remote::client(&kubeconfig).await?;
    let client = Client::new(Arc::new(Https::new(client)));
    let tell = |line: &str| println!("{line}");
    let (name, options) = (&drain.name, options(&drain)?);
    let drained = drain::drain(&client, name, &options, &tell).await;
    drained.with_context(|| format!("node {name} is not drained"))?;
    if remove {
        drain::remove(&client, name, &tell).await?;
    }
    Ok(())
}

fn options(arguments: &Drain) -> Result<DrainOptions> {
    let timeout = arguments.timeout;
    Ok(DrainOptions {
        permitted: Permitted {
            force: arguments.force,
            ignore_daemon_sets: arguments.ignore_daemonsets,
            empty_dir_data: arguments.delete_emptydir_data,
        },
        grace_period: Some(arguments.grace_period).filter(|seconds| *seconds >= 0),
        timeout: match timeout.is_zero() {
            true => None,
            false => Some(timeout.try_into().context("--timeout")?),
        },
        disable_eviction: arguments.disable_eviction,
    })
}
