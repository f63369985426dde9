//! The measured workloads, against any Kubernetes endpoint: one figure a line, `name value unit`.
//!
//! The client is part of what is measured, so it does little: raw requests over HTTP/2 with open windows, and bodies that are
//! counted and not read, but where a figure needs what is in them.
#![cfg_attr(test, allow(clippy::unwrap_used))]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program is run at a terminal and answers there"
)]

mod api;
mod connection;
mod cork;
mod figures;
mod kubeconfig;
mod lines;
mod load;
mod nodes;
mod objects;
mod options;
mod scope;
mod workload;

use std::process::ExitCode;

use clap::Parser;

use options::Options;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let runtime = match options.common.threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?,
        threads => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build()?,
    };
    runtime.block_on(options.workload.run(&options.common))
}
