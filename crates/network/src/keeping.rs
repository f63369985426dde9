//! Has the network's thread look after its tables, when others change them and from time to time.

use std::sync::Arc;
use std::time::Duration;

use navarch_client::Backoff;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::netfilter::watch::{SETTLE, Watch};
use crate::node::Node;
use crate::pod_network::Job;
use crate::task::Task;

/// How often the tables are compared with what they should be, where nobody was seen to change them.
const COMPARISON: Duration = Duration::from_secs(300);

/// Does so until what is returned is dropped, or the thread is gone.
pub(crate) fn start(watch: Option<Watch>, jobs: mpsc::WeakSender<Job>) -> Task {
    let foreign = Arc::new(Notify::new());
    let followed = watch.map(|watch| watch.follow(foreign.clone()));
    if let Some(Err(error)) = &followed {
        tracing::warn!(%error, "what others change of the tables of pods is seen late");
    }
    Task::spawn(async move {
        let _followed = followed;
        let mut failures = 0;
        loop {
            let wait = match failures {
                0 => COMPARISON,
                _ => Backoff::REFLECTOR.after(failures),
            };
            // Either is a reason to look.
            let _ = tokio::time::timeout(wait, foreign.notified()).await;
            tokio::time::sleep(SETTLE).await;
            let (told, looked) = oneshot::channel();
            let look: Job = Box::new(move |node: &mut Node| {
                // Nobody waits for it any more: nothing to tell.
                let _ = told.send(node.repair());
            });
            let Some(jobs) = jobs.upgrade() else {
                return;
            };
            if jobs.send(look).await.is_err() {
                return;
            }
            drop(jobs);
            match looked.await {
                Ok(true) => failures = 0,
                Ok(false) => failures += 1,
                Err(_) => return,
            }
        }
    })
}
