//! Runs `nft`, which applies a transaction whole or not at all.

use std::{
    env,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

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

    /// Applies the text in the network namespace of the calling thread, which waits for it (some milliseconds).
    pub(crate) fn apply(&self, transaction: &str) -> Result<(), RulesError> {
        if transaction.is_empty() {
            return Ok(());
        }
        run(&self.0, transaction)
    }
}

fn run(program: &Path, transaction: &str) -> Result<(), RulesError> {
    let refused = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => RulesError::NftMissing,
        _ => RulesError::Refused(error.to_string()),
    };
    let mut child = Command::new(program)
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(refused)?;
    // nft reads all of its input before it writes, so neither side waits for the other. A failed write shows in its status.
    let written = child
        .stdin
        .take()
        .map_or(Ok(()), |mut stdin| stdin.write_all(transaction.as_bytes()));
    let output = child.wait_with_output().map_err(refused)?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(RulesError::Refused(
            complaint.trim().chars().take(MAX_COMPLAINT).collect(),
        ));
    }
    written.map_err(refused)
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
}
