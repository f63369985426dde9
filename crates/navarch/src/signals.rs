//! When to stop.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn stop() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Waits for one of them, or for a part's failure, which is the error.
pub(crate) async fn stop_or(failure: impl Future<Output = anyhow::Error>) -> Result<()> {
    tokio::select! {
        stopped = stop() => stopped,
        failure = failure => Err(failure),
    }
}
