//! `cargo xtask tidy`: the house rules that the compiler does not know.
//!
//! Each rule is a pure function from text to findings, in a file of its own. This file reads the tree and prints.

mod architecture;
mod dependencies;
mod files;
mod manifest;
mod source;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What is wrong, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// The file, from the workspace's directory, with `:line` where there is one.
    place: String,
    /// One sentence of what is wrong, one of what to do.
    message: String,
}

impl Finding {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }
}

/// Checks the workspace at `root`, prints what it finds, and fails if that is more than advice.
pub(crate) fn run(root: &Path) -> Result<()> {
    let metadata = metadata(root)?;
    let crates = files::crate_names(root)?;
    let mut findings = dependencies::check(&metadata, dependencies::ALLOWED);
    for directory in crates
        .iter()
        .map(|name| format!("crates/{name}"))
        .chain(["xtask".to_owned()])
    {
        let path = format!("{directory}/Cargo.toml");
        findings.extend(manifest::check(&path, &read(root, &path)?));
    }
    let map = "docs/ARCHITECTURE.md";
    findings.extend(architecture::check(map, &read(root, map)?, &crates));

    let mut long = Vec::new();
    for path in files::sources(root)? {
        let text = read(root, &path)?;
        findings.extend(source::check(&path, &text));
        match source::length(&path, &text) {
            source::Length::Fine => {}
            source::Length::WorthALook(lines) => long.push(format!("{path} ({lines} lines)")),
            source::Length::TooLong(finding) => findings.push(finding),
        }
    }
    report(&findings, &long)
}

fn report(findings: &[Finding], long: &[String]) -> Result<()> {
    if !long.is_empty() {
        println!(
            "worth a look, over {} lines: {}",
            source::LONG,
            long.join(", ")
        );
    }
    for finding in findings {
        println!("{}: {}", finding.place, finding.message);
    }
    if !findings.is_empty() {
        bail!("{} house rules broken", findings.len());
    }
    println!("tidy");
    Ok(())
}

/// What cargo knows of the workspace's own crates.
fn metadata(root: &Path) -> Result<Value> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root)
        .output()
        .context("cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata")
}

fn read(root: &Path, path: &str) -> Result<String> {
    std::fs::read_to_string(root.join(path)).with_context(|| path.to_owned())
}
