//! The command line and the wiring of all parts. No logic lives here.
#![cfg_attr(test, allow(clippy::unwrap_used))]
// This is the one crate that talks to a terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bridge_claim;
mod checks;
mod cli;
mod commands;
mod config_file;
mod control;
mod control_plane;
mod early_ways;
mod host;
mod layout;
mod leaves;
mod node_addresses;
mod node_identity;
mod node_network;
mod node_plane;
mod node_server;
mod node_services;
mod parts;
mod pinning;
mod pod_network;
mod private;
mod program_image;
mod progress;
mod remote;
mod signals;
mod signer;
mod table;
mod wireguard_key;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::cli::Cli;
use crate::host::SHIM;

/// How long work on blocking threads may go on after the command is over. What must be finished the command has waited for.
const LAST_TASKS: Duration = Duration::from_secs(5);

/// Requests are many small allocations on one thread that another frees: glibc's allocator took a fifth of the API server's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What no log tells, however much of it is asked for: what is typed into a container, and what it says.
const SILENT: [&str; 3] = [
    "tungstenite=debug",
    "tokio_tungstenite=debug",
    // To it, a node that is down or has nothing to say is an error.
    "boringtun=off",
];

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == SHIM) {
        // A shim is one thread and no more: no runtime, no logging to a terminal that may be gone, no command line to take apart.
        navarch_runtime::shim::main(words);
    }
    let arguments = match config_file::arguments(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return fail(&error),
    };
    let cli = Cli::parse_from(arguments);
    if let Err(error) = log(&cli.log) {
        return fail(&error);
    }
    let run = || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let ended = runtime.block_on(commands::run(cli.command));
        runtime.shutdown_timeout(LAST_TASKS);
        ended
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {}", told(error));
    ExitCode::FAILURE
}

/// An error with its causes; a cause that the words before it hold already is not said again.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

fn log(filter: &str) -> anyhow::Result<()> {
    use tracing_subscriber::EnvFilter;
    let wrong = |error| anyhow::anyhow!("--log {filter}: {error}");
    let mut filter = EnvFilter::try_new(filter).map_err(wrong)?;
    for silent in SILENT {
        filter = filter.add_directive(silent.parse()?);
    }
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        // It would tell of them on standard error, which panics where that is a file on a full disk.
        .log_internal_errors(false)
        .init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    #[test]
    fn no_cause_is_said_twice() {
        let error = anyhow!("no such file")
            .context("cannot read: no such file")
            .context("certificates");
        assert_eq!(
            super::told(&error),
            "certificates: cannot read: no such file"
        );
    }
}
