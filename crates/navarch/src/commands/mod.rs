//! The subcommands.

mod agent;
mod certs;
mod demo;
mod down;
mod hello;
mod image;
mod kubeconfig;
mod net;
mod node;
mod server;
mod status;
mod token;
mod up;
mod version;

use anyhow::Result;

use crate::cli::Command;

/// Runs a subcommand to its end.
pub(crate) async fn run(command: Command) -> Result<()> {
    match command {
        Command::Up(arguments) => Box::pin(up::run(arguments)).await,
        Command::Down(arguments) => down::run(&arguments).await,
        Command::Server(arguments) => Box::pin(server::run(arguments)).await,
        Command::Agent(arguments) => Box::pin(agent::run(arguments)).await,
        Command::Image(arguments) => image::run(arguments).await,
        Command::Token(arguments) => Box::pin(token::run(arguments)).await,
        Command::Node(arguments) => Box::pin(node::run(arguments)).await,
        Command::Net(arguments) => Box::pin(net::run(arguments)).await,
        Command::Certs(arguments) => certs::run(arguments).await,
        Command::Kubeconfig(arguments) => kubeconfig::run(&arguments),
        Command::Status(arguments) => status::run(&arguments).await,
        Command::Version => {
            version::print();
            Ok(())
        }
        Command::Hello(arguments) => hello::run(&arguments).await,
    }
}
