//! The program that programs a node: started by the workload, so that its start is seen.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::time::timeout;

use super::namespace;
use crate::figures::float;
use crate::workload::memory::Memory;

/// How long it may take to stop.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Program(Child);

impl Program {
    /// Starts it within a namespace.
    pub(super) fn start(netns: &Path, words: &[String]) -> Result<Self> {
        let (program, arguments) = words.split_first().context("no command")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let mut command = tokio::process::Command::from(command);
        command.kill_on_drop(true);
        let runtime = tokio::runtime::Handle::current();
        // A child is in the namespace of the thread that has started it.
        let start = move || {
            let _runtime = runtime.enter();
            command.spawn().map_err(anyhow::Error::from)
        };
        let child = namespace::within(netns, start).with_context(|| program.clone())?;
        Ok(Self(child))
    }

    /// What it takes, in MiB.
    pub(super) fn memory(&self) -> Result<f64> {
        let pid = self.0.id().context("it has ended")?;
        let memory = Memory::of(pid)?;
        Ok(float(memory.proportional) / 1024.0)
    }

    /// Ends it as an administrator would.
    pub(super) async fn stop(mut self) -> Result<()> {
        if let Some(pid) = self.0.id() {
            kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGTERM)?;
        }
        timeout(PATIENCE, self.0.wait())
            .await
            .context("it did not stop")??;
        Ok(())
    }
}

/// Where this program runs.
const OWN: &str = "/proc/self/ns/net";

/// Takes all rules off a namespace, if it is not the one that this program runs in.
pub(super) fn flush(netns: &Path) -> Result<()> {
    let of = |path: &Path| Ok::<_, std::io::Error>(std::fs::metadata(path)?.ino());
    if of(netns)? == of(Path::new(OWN))? {
        bail!(
            "the rules of where this runs are not flushed: a node in a namespace of its own is needed"
        );
    }
    let flush = || Ok(Command::new("nft").args(["flush", "ruleset"]).status()?);
    let status = namespace::within(netns, flush).context("nft")?;
    if !status.success() {
        bail!("`nft flush ruleset` ended: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_flushes_their_own_rules() {
        let refused = flush(Path::new(OWN)).unwrap_err();
        assert!(refused.to_string().contains("not flushed"), "{refused}");
    }
}
