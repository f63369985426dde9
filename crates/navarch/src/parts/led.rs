//! What is done by one of several processes: under a lease, which is given back when nothing is done under it any more.

use std::sync::Arc;
use std::time::Duration;

use navarch_client::{Client, Elector, LeaseSettings, SystemClock};
use tokio_util::sync::CancellationToken;

/// How long is waited for what is under way when a part is to stop: stopping stays quick. It is much less than what a lost lease still holds.
const ENDING: Duration = Duration::from_secs(2);

/// Runs a part whenever this process holds its lease, so that of several processes one does the work. `run` is to return when it is told to
/// stop and all that it had begun has ended.
///
/// When this is told to stop it gives the lease back, and another process takes over at once. So nothing may be under way by then: a
/// binding that comes late would meet those of the other process. What does not end in time keeps the lease, which runs out by itself.
pub(super) async fn led<F: Future<Output = ()>>(
    client: Client,
    lease: LeaseSettings,
    stop: CancellationToken,
    run: impl Fn(CancellationToken) -> F,
) {
    let name = lease.name.clone();
    let mut elector = Elector::new(client, Arc::new(SystemClock), lease);
    let mut all_ended = true;
    loop {
        match in_time(&stop, elector.lead(&stop)).await {
            Some(true) => {}
            Some(false) => break,
            None => {
                all_ended = false;
                break;
            }
        }
        let under_way = stop.child_token();
        let holding = async {
            elector.hold(&under_way).await;
            if !under_way.is_cancelled() {
                tracing::warn!(name, "the lease is lost");
            }
            under_way.cancel();
        };
        let working = async {
            run(under_way.clone()).await;
            under_way.cancel();
        };
        let both = Box::pin(async { tokio::join!(holding, working) });
        // What has once been left to itself may go on for as long as the process does.
        all_ended &= in_time(&under_way, both).await.is_some();
    }
    match all_ended {
        true => elector.release().await,
        false => {
            tracing::warn!(
                name,
                "the lease is not given back: what was done under it has not ended within {ENDING:?}"
            );
        }
    }
}

/// What comes of this; `None` where it goes on for too long after it was told to stop.
async fn in_time<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(ENDING).await;
    };
    tokio::select! {
        done = work => Some(done),
        () = late => None,
    }
}

#[cfg(test)]
mod tests;
