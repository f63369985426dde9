//! Runs `nft`, which applies a transaction whole or not at all.

use std::{
    env,
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde::Deserialize;

use crate::error::RulesError;

/// Where `nft` is when `PATH` is a user's and lacks the system's directories.
const SYSTEM_DIRECTORIES: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/bin", "/usr/local/sbin"];
/// How much of a complaint is kept.
const MAX_COMPLAINT: usize = 500;

/// The `nft` program of this machine.
#[derive(Debug, Clone)]
pub(crate) struct Nft(PathBuf);

impl Nft {
    /// Looks for the program in `PATH`, then in the system's directories.
    pub(crate) fn find() -> Result<Self, RulesError> {
        let path = env::var_os("PATH").unwrap_or_default();
        let directories =
            env::split_paths(&path).chain(SYSTEM_DIRECTORIES.iter().map(PathBuf::from));
        let found = directories
            .map(|directory| directory.join("nft"))
            .find(|file| file.is_absolute() && file.is_file());
        found.map(Self).ok_or(RulesError::NftMissing)
    }

    /// For tests of what is when it refuses.
    #[cfg(test)]
    pub(crate) fn at(program: &str) -> Self {
        Self(program.into())
    }

    /// Applies the text in the network namespace of the calling thread, which waits for it (some milliseconds).
    pub(crate) fn apply(&self, transaction: &str) -> Result<(), RulesError> {
        if transaction.is_empty() {
            return Ok(());
        }
        run(&self.0, transaction)
    }

    /// The tables, as `ip filter`, that drop forwarded packets unless a rule of theirs lets them through.
    pub(crate) fn tables_that_drop(&self) -> Result<Vec<String>, RulesError> {
        let output = Command::new(&self.0)
            .args(["-j", "list", "chains"])
            .output()
            .map_err(|e| cannot_run(&e))?;
        accepted(&output)?;
        tables_that_drop(&output.stdout).map_err(|error| RulesError::Refused(error.to_string()))
    }
}

/// The transaction that removes a table, whether or not it is there. `table`: with its family, as `inet pods`.
pub(crate) fn removal(table: &str) -> String {
    format!("add table {table}\ndelete table {table}\n")
}

fn run(program: &Path, transaction: &str) -> Result<(), RulesError> {
    let mut command = Command::new(program);
    command
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| cannot_run(&e))?;
    // nft reads all of its input before it writes, so neither side waits for the other. A failed write shows in its status.
    let written = child
        .stdin
        .take()
        .map_or(Ok(()), |mut stdin| stdin.write_all(transaction.as_bytes()));
    let output = child.wait_with_output().map_err(|e| cannot_run(&e))?;
    accepted(&output)?;
    written.map_err(|e| cannot_run(&e))
}

fn accepted(output: &Output) -> Result<(), RulesError> {
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(RulesError::Refused(
        complaint.trim().chars().take(MAX_COMPLAINT).collect(),
    ))
}

fn cannot_run(error: &io::Error) -> RulesError {
    match error.kind() {
        ErrorKind::NotFound => RulesError::NftMissing,
        _ => RulesError::Refused(error.to_string()),
    }
}

/// From what `nft -j list chains` prints, the tables with a chain that drops what is forwarded and no rule lets through.
fn tables_that_drop(listing: &[u8]) -> Result<Vec<String>, serde_json::Error> {
    let listing: Listing = serde_json::from_slice(listing)?;
    let drops = |chain: &ChainEntry| {
        chain.hook.as_deref() == Some("forward") && chain.policy.as_deref() == Some("drop")
    };
    let chains = listing
        .nftables
        .into_iter()
        .filter_map(|entry| entry.chain)
        .filter(drops);
    Ok(chains
        .map(|chain| format!("{} {}", chain.family, chain.table))
        .collect())
}

#[derive(Deserialize)]
struct Listing {
    nftables: Vec<ListingEntry>,
}

#[derive(Deserialize)]
struct ListingEntry {
    chain: Option<ChainEntry>,
}

#[derive(Deserialize)]
struct ChainEntry {
    family: String,
    table: String,
    hook: Option<String>,
    policy: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_rules_from_being_applied_is_told_apart() {
        assert_eq!(
            run(Path::new("/nowhere/nft"), "x"),
            Err(RulesError::NftMissing)
        );
        assert_eq!(
            Nft("/bin/false".into()).apply("x"),
            Err(RulesError::Refused(String::new()))
        );
        assert_eq!(Nft("/bin/false".into()).apply(""), Ok(()));
    }

    #[test]
    fn chains_that_drop_what_is_forwarded_are_named() {
        let listing = br#"{"nftables": [
            {"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
            {"chain": {"family": "ip", "table": "filter", "name": "FORWARD", "handle": 2, "type": "filter",
                       "hook": "forward", "prio": 0, "policy": "drop"}},
            {"chain": {"family": "ip", "table": "filter", "name": "INPUT", "handle": 1, "type": "filter",
                       "hook": "input", "prio": 0, "policy": "drop"}},
            {"chain": {"family": "inet", "table": "mine", "name": "forward", "handle": 1, "type": "filter",
                       "hook": "forward", "prio": 0, "policy": "accept"}},
            {"chain": {"family": "ip", "table": "filter", "name": "DOCKER", "handle": 3}}
        ]}"#;
        assert_eq!(tables_that_drop(listing).unwrap(), ["ip filter"]);
        assert!(tables_that_drop(b"none").is_err());
    }
}
