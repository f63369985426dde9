//! House rules and generated tables.
#![cfg_attr(test, allow(clippy::unwrap_used))]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program is run at a terminal and answers there"
)]

mod schema;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["schema", dir, sources] => {
            schema::generate(Path::new(dir), Path::new(sources), Path::new(schema::TABLE))
        }
        ["tidy"] => tidy::run(root()),
        _ => bail!(
            "usage:\n  cargo xtask tidy        check the house rules (docs/ARCHITECTURE.md says what they are)\n  \
             cargo xtask schema DIR SOURCES\n                          make the schema table; DIR holds openapi-v2.json and openapi-v3/ of a Kubernetes release, \
             SOURCES is its staging/src/k8s.io"
        ),
    }
}

/// The workspace's directory.
fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}
