//! Starting shims.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use crate::cri::{Error, Result};

/// How long a shim may take to be ready.
const READY: Duration = Duration::from_secs(30);
/// The longest line of one.
const LINE: u64 = 16 * 1024;

/// Starts a shim on its directory and waits until it is ready: namespaces made, socket open.
pub(super) async fn spawn(program: &Path, args: &[String], directory: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::host("start the sandbox's shim", error);
    let log = File::create(directory.join("shim.log")).map_err(failed)?;
    let mut child = Command::new(program)
        .args(args)
        .arg(directory)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(failed)?;
    let stdout = child.stdout.take();
    // It outlives us, or else is reaped here.
    let reaper = tokio::spawn(async move { child.wait().await });
    let Some(stdout) = stdout else {
        return Err(failed(std::io::Error::other("no standard output")));
    };
    let mut line = String::new();
    let mut reader = BufReader::new(stdout.take(LINE));
    match tokio::time::timeout(READY, reader.read_line(&mut line)).await {
        Ok(Ok(_)) if line.trim_end() == "ready" => Ok(()),
        Ok(Ok(_)) => {
            // It has ended, or is about to, having said why.
            let _ = reaper.await;
            let said = std::fs::read_to_string(directory.join("shim.log")).unwrap_or_default();
            Err(Error::Invalid(format!(
                "failed to create sandbox: {}{}",
                line.trim_end(),
                said.trim_end()
            )))
        }
        Ok(Err(error)) => Err(failed(error)),
        Err(_) => Err(Error::Timeout("the start of the sandbox's shim".to_owned())),
    }
}
