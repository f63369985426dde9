//! What can be done with the network.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::SignedDuration;

use super::DataDir;
use super::certificates::lifetime;
use crate::program_image;

#[derive(Debug, Subcommand)]
pub(crate) enum Net {
    /// Look from every node, and from a pod on each, whether pods, nodes, names, services and network policies are as they should be.
    ///
    /// It makes pods in a namespace of its own, and deletes it. It fails if anything is wrong.
    Check(Check),
    /// Say which node this is: what runs in the pods that are asked.
    #[command(hide = true)]
    Answer(Answer),
    /// Ask others: what runs in the pods that ask.
    #[command(hide = true)]
    Ask(Ask),
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Only these nodes [default: all].
    #[arg(
        long,
        env = "NAVARCH_NODES",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub(crate) nodes: Vec<String>,
    /// The image of the pods: this program's. Every node of Navarch has it.
    #[arg(long, env = "NAVARCH_IMAGE", default_value = program_image::NAME, value_name = "IMAGE")]
    pub(crate) image: String,
    /// How long pods may take to start, and again to ask.
    #[arg(
        long,
        env = "NAVARCH_TIMEOUT",
        default_value = "1m",
        value_parser = lifetime,
        value_name = "DURATION"
    )]
    pub(crate) timeout: SignedDuration,
}

#[derive(Debug, Args)]
pub(crate) struct Answer {
    /// The name that is answered.
    #[arg(long = "as", env = "NAVARCH_AS", value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Ask {
    /// What is asked, as `navarch net check` writes it.
    #[arg(long, env = "NAVARCH_TASK", value_name = "JSON")]
    pub(crate) task: String,
    /// Where what was found is written.
    #[arg(long, env = "NAVARCH_TO", value_name = "FILE")]
    pub(crate) to: PathBuf,
}
