//! Many alike at a time: a closed loop that keeps a number of requests under way.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use crate::figures::{self, Latencies};

/// When a loop ends: at this many, or at this time, whichever is first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Until {
    pub(crate) count: usize,
    pub(crate) time: Option<Duration>,
}

impl Until {
    /// This many.
    pub(crate) fn count(count: usize) -> Self {
        Self { count, time: None }
    }

    /// `count` of them if it is given, else as many as there are in `time`.
    pub(crate) fn either(count: Option<usize>, time: Duration) -> Self {
        Self {
            count: count.unwrap_or(usize::MAX),
            time: count.is_none().then_some(time),
        }
    }

    /// Whether that is so.
    pub(crate) fn is_over(&self, count: usize, begin: Instant) -> bool {
        count >= self.count || self.time.is_some_and(|time| begin.elapsed() >= time)
    }
}

/// What a loop did.
pub(crate) struct Done {
    pub(crate) elapsed: Duration,
    pub(crate) latencies: Latencies,
}

impl Done {
    pub(crate) fn count(&self) -> usize {
        self.latencies.len()
    }

    /// Prints `NAME_rate`, `NAME_p50` and `NAME_p99`.
    pub(crate) fn print(self, name: &str) {
        figures::print(
            &format!("{name}_rate"),
            figures::rate(self.count(), self.elapsed),
            "ops/s",
        );
        self.latencies.print(name);
    }
}

/// Calls `work` with 0, 1, 2… and keeps `in_flight` of its futures under way. The first error ends it.
pub(crate) async fn run<F, W>(in_flight: usize, until: Until, work: W) -> Result<Done>
where
    F: Future<Output = Result<()>> + Send + 'static,
    W: Fn(usize) -> F + Send + Sync + 'static,
{
    let work = Arc::new(work);
    let next = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now();
    let mut lanes = JoinSet::new();
    for _ in 0..in_flight {
        let (work, next) = (work.clone(), next.clone());
        lanes.spawn(async move {
            let mut latencies = Latencies::default();
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if until.is_over(turn, begin) {
                    return Ok::<_, anyhow::Error>(latencies);
                }
                let began = Instant::now();
                work(turn).await?;
                latencies.add(began.elapsed());
            }
        });
    }
    let mut latencies = Latencies::default();
    while let Some(lane) = lanes.join_next().await {
        latencies.merge(lane??);
    }
    Ok(Done {
        elapsed: begin.elapsed(),
        latencies,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use anyhow::bail;

    use super::*;

    #[tokio::test]
    async fn each_turn_is_taken_once() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let taken = seen.clone();
        let work = move |turn| {
            taken.lock().unwrap().push(turn);
            std::future::ready(Ok(()))
        };
        let done = run(7, Until::count(100), work).await.unwrap();
        let mut seen = seen.lock().unwrap().clone();
        seen.sort_unstable();
        assert_eq!((seen, done.count()), ((0..100).collect(), 100));
    }

    #[tokio::test]
    async fn an_error_ends_the_loop() {
        let work = |turn| async move {
            tokio::task::yield_now().await;
            if turn == 5 { bail!("five") } else { Ok(()) }
        };
        assert!(
            run(2, Until::either(None, Duration::from_secs(60)), work)
                .await
                .is_err()
        );
    }
}
