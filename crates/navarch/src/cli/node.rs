//! What can be done with nodes.

use clap::{Args, Subcommand};
use jiff::SignedDuration;

use super::DataDir;
use super::certificates::lifetime;

#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    /// Have no new pods come to a node, and evict those that it has as their disruption budgets allow.
    Drain(Drain),
    /// Drain a node, and delete it: the other nodes forget the way to it. Stop its agent; when that is started again, it joins again.
    Remove(Drain),
}

#[derive(Debug, Args)]
pub(crate) struct Drain {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// The node.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Evict pods without a controller too, which nobody makes again.
    #[arg(long, env = "NAVARCH_FORCE")]
    pub(crate) force: bool,
    /// Leave the pods of daemon sets, which would be made again at once.
    #[arg(long, env = "NAVARCH_IGNORE_DAEMONSETS")]
    pub(crate) ignore_daemonsets: bool,
    /// Evict pods with emptyDir volumes too, whose data goes with them.
    #[arg(long, env = "NAVARCH_DELETE_EMPTYDIR_DATA")]
    pub(crate) delete_emptydir_data: bool,
    /// Seconds that each pod gets to end; negative: what it asks for itself.
    #[arg(
        long,
        env = "NAVARCH_GRACE_PERIOD",
        default_value_t = -1,
        allow_negative_numbers = true,
        value_name = "SECONDS"
    )]
    pub(crate) grace_period: i64,
    /// How long it may take; 0: for ever.
    #[arg(
        long,
        env = "NAVARCH_TIMEOUT",
        default_value = "0s",
        value_parser = lifetime,
        value_name = "DURATION"
    )]
    pub(crate) timeout: SignedDuration,
    /// Delete the pods, whatever their disruption budgets say.
    #[arg(long, env = "NAVARCH_DISABLE_EVICTION")]
    pub(crate) disable_eviction: bool,
}
