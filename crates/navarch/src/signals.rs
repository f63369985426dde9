//! When to stop.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that come so soon after the first are the same asking: `timeout` signals its child and then the group that the child is in.
const ONE_ASKING: Duration = Duration::from_millis(500);

/// Ctrl-C and SIGTERM, heard from the moment this is made: one that comes between two waits ends the next.
///
/// One is made for all of a command. The first listener takes the signals from the kernel for good, so with a listener for each wait
/// a signal that comes between two of them would be nobody's.
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// From now on the signals do not end the process by themselves.
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("SIGINT")?,
        })
    }

    /// Waits for one of them.
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for one of them, or for a part's failure, which is the error.
    pub(crate) async fn asked_or(
        &mut self,
        failure: impl Future<Output = anyhow::Error>,
    ) -> Result<()> {
        tokio::select! {
            () = self.asked() => Ok(()),
            failure = failure => Err(failure),
        }
    }

    /// Stops as `stopping` does. Whoever asks a second time does not want to wait for it.
    pub(crate) async fn unless_asked_again(
        mut self,
        stopping: impl Future<Output = ()>,
    ) -> Result<()> {
        let asked_again = async {
            let first = tokio::time::Instant::now();
            while first.elapsed() < ONE_ASKING {
                self.asked().await;
            }
        };
        tokio::select! {
            () = stopping => Ok(()),
            () = asked_again => Err(anyhow!("stopped at once, without waiting for what was under way")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nix::sys::signal::{Signal, raise};

    use super::{ONE_ASKING, Stop};

    #[tokio::test]
    async fn a_signal_that_comes_while_nobody_waits_ends_the_next_wait() {
        let mut stop = Stop::listen().unwrap();
        for signal in [Signal::SIGTERM, Signal::SIGINT] {
            let failure = std::future::pending::<anyhow::Error>();
            drop(stop.asked_or(failure));
            raise(signal).unwrap();
            let heard = tokio::time::timeout(Duration::from_secs(30), stop.asked()).await;
            assert!(heard.is_ok(), "{signal}");
        }
        raise(Signal::SIGINT).unwrap();
        let stopping = tokio::time::sleep(ONE_ASKING / 5);
        assert!(stop.unless_asked_again(stopping).await.is_ok());

        let asking = tokio::spawn(async {
            tokio::time::sleep(ONE_ASKING).await;
            raise(Signal::SIGTERM)
        });
        let never = std::future::pending();
        assert!(
            Stop::listen()
                .unwrap()
                .unless_asked_again(never)
                .await
                .is_err()
        );
        asking.await.unwrap().unwrap();
    }
}
