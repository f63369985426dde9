//! Whose turn it is: a sandbox is connected or disconnected by one at a time, and of all sandboxes so many at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// As many pods as are connected at once, and as many as are disconnected beside: each is several programs. Apart, so that plugins that
/// hang when they are to disconnect keep no pod from being connected.
const AT_ONCE: usize = 16;
/// How long whoever wants to be alone waits for those who are under way, and keeps others waiting with it.
const ALONE: Duration = Duration::from_secs(5);

/// All turns.
#[derive(Debug)]
pub(super) struct Turns {
    adding: Semaphore,
    deleting: Semaphore,
    of_sandboxes: Mutex<HashMap<String, Arc<AsyncMutex<()>>>>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            adding: Semaphore::new(AT_ONCE),
            deleting: Semaphore::new(AT_ONCE),
            of_sandboxes: Mutex::default(),
        }
    }

    /// Waits for a turn to connect a sandbox; nobody closes what is waited for.
    pub(super) async fn to_add(&self) -> Option<SemaphorePermit<'_>> {
        self.adding.acquire().await.ok()
    }

    /// Waits for a turn to disconnect one.
    pub(super) async fn to_delete(&self) -> Option<SemaphorePermit<'_>> {
        self.deleting.acquire().await.ok()
    }

    /// Waits until no sandbox is connected or disconnected, and none is until what is returned is dropped. `None`: it would take too long.
    pub(super) async fn alone(&self) -> Option<[SemaphorePermit<'_>; 2]> {
        let all = async {
            // What hangs is more often what disconnects: meanwhile pods are connected all the same.
            let deleting = self.deleting.acquire_many(AT_ONCE as u32).await.ok()?;
            let adding = self.adding.acquire_many(AT_ONCE as u32).await.ok()?;
            Some([deleting, adding])
        };
        timeout(ALONE, all).await.ok().flatten()
    }

    /// Waits until nobody else does anything with the sandbox.
    pub(super) async fn of_sandbox(&self, id: &str) -> SandboxTurn<'_> {
        let lock = self
            .of_sandboxes
            .lock()
            .entry(id.to_owned())
            .or_default()
            .clone();
        // Made before the wait: one that is given up leaves nothing behind either.
        let mut turn = SandboxTurn {
            turns: self,
            id: id.to_owned(),
            held: None,
        };
        turn.held = Some(lock.lock_owned().await);
        turn
    }
}

/// A sandbox that nobody else does anything with.
#[derive(Debug)]
pub(super) struct SandboxTurn<'a> {
    turns: &'a Turns,
    id: String,
    held: Option<OwnedMutexGuard<()>>,
}

impl Drop for SandboxTurn<'_> {
    fn drop(&mut self) {
        let mut all = self.turns.of_sandboxes.lock();
        self.held = None;
        // Whoever waits for it has it, too.
        if all
            .get(&self.id)
            .is_some_and(|lock| Arc::strong_count(lock) == 1)
        {
            all.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_sandbox_is_one_s_at_a_time_and_nothing_is_left_of_it() {
        let turns = Turns::new();
        let first = turns.of_sandbox("a").await;
        let _other = turns.of_sandbox("b").await;
        let second = turns.of_sandbox("a");
        tokio::pin!(second);
        let soon = Duration::from_secs(1);
        assert!(tokio::time::timeout(soon, &mut second).await.is_err());
        drop(first);
        drop(second.await);
        // One that waits is given up.
        let held = turns.of_sandbox("a").await;
        assert!(
            tokio::time::timeout(soon, turns.of_sandbox("a"))
                .await
                .is_err()
        );
        drop(held);
        let left: Vec<String> = turns.of_sandboxes.lock().keys().cloned().collect();
        assert_eq!(left, ["b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_disconnects_keeps_nobody_from_connecting() {
        let turns = Turns::new();
        let mut held = Vec::new();
        for _ in 0..AT_ONCE {
            held.push(turns.to_delete().await);
        }
        let soon = Duration::from_secs(1);
        assert!(tokio::time::timeout(soon, turns.to_delete()).await.is_err());
        assert!(tokio::time::timeout(soon, turns.to_add()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_alone_has_waited_for_all_and_not_for_ever() {
        let turns = Turns::new();
        for busy in [turns.to_add().await, turns.to_delete().await] {
            assert!(turns.alone().await.is_none());
            drop(busy);
        }
        let soon = Duration::from_secs(1);
        let alone = turns.alone().await.unwrap();
        assert!(timeout(soon, turns.to_add()).await.is_err());
        assert!(timeout(soon, turns.to_delete()).await.is_err());
        drop(alone);
        assert!(turns.to_add().await.is_some() && turns.to_delete().await.is_some());
    }
}
