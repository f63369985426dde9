//! The work queue: each key at most once, none handled by two workers at a time, failures retried with back-off.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Backoff;

/// Longer waits are cut: a time that a user chose may be further away than a clock can count. To look too early is harmless.
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Overtaken tickets that are left where they are.
const OVERTAKEN: usize = 64;

/// Keys that await work. It holds a key at most once, so it is bounded by the number of keys there are.
///
/// As client-go's work queue: a key added while it is worked on is queued again when that work is [`done`](Queue::done).
pub struct Queue<K> {
    state: Mutex<State<K>>,
    changed: Notify,
    backoff: Backoff,
}

struct State<K> {
    ready: VecDeque<K>,
    /// In `ready`, or to be put there when the present work on it is done.
    dirty: HashSet<K>,
    working: HashSet<K>,
    later: BinaryHeap<Reverse<(Instant, u64)>>,
    /// What the tickets in `later` stand for; a ticket that is not here was overtaken by an earlier one.
    tickets: HashMap<u64, K>,
    due: HashMap<K, (Instant, u64)>,
    next_ticket: u64,
    failures: HashMap<K, u32>,
    closed: bool,
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// An empty queue.
    pub fn new(backoff: Backoff) -> Self {
        let state = State {
            ready: VecDeque::new(),
            dirty: HashSet::new(),
            working: HashSet::new(),
            later: BinaryHeap::new(),
            tickets: HashMap::new(),
            due: HashMap::new(),
            next_ticket: 0,
            failures: HashMap::new(),
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Notify::new(),
            backoff,
        }
    }

    /// Queues a key now.
    pub fn add(&self, key: K) {
        let mut state = self.state.lock();
        if state.enqueue(key) {
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Queues a key after a while; of several waits the shortest counts.
    pub fn add_after(&self, key: K, wait: Duration) {
        if wait.is_zero() {
            return self.add(key);
        }
        let at = Instant::now() + wait.min(LONGEST_WAIT);
        let mut state = self.state.lock();
        if state.closed || state.due.get(&key).is_some_and(|(due, _)| *due <= at) {
            return;
        }
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        if let Some((_, overtaken)) = state.due.insert(key.clone(), (at, ticket)) {
            state.tickets.remove(&overtaken);
        }
        state.tickets.insert(ticket, key);
        state.later.push(Reverse((at, ticket)));
        state.sweep();
        drop(state);
        self.changed.notify_one();
    }

    /// Queues a key after its back-off, which grows with each call until [`forget`](Queue::forget).
    pub fn retry(&self, key: K) {
        let failures = {
            let mut state = self.state.lock();
            let count = state.failures.entry(key.clone()).or_insert(0);
            *count = count.saturating_add(1);
            *count
        };
        self.add_after(key, self.backoff.after(failures));
    }

    /// How often in a row the key was retried.
    pub fn failures(&self, key: &K) -> u32 {
        self.state.lock().failures.get(key).copied().unwrap_or(0)
    }

    /// Ends the back-off of a key: its work succeeded.
    pub fn forget(&self, key: &K) {
        self.state.lock().failures.remove(key);
    }

    /// The next key to work on; `None` when the queue is closed and empty. Cancel-safe. Call [`done`](Queue::done) afterwards.
    pub async fn next(&self) -> Option<K> {
        loop {
            let wake = self.changed.notified();
            let due = {
                let mut state = self.state.lock();
                state.ripen(Instant::now());
                if let Some(key) = state.take() {
                    if !state.ready.is_empty() || !state.later.is_empty() {
                        // Another worker may sleep on the same notification.
                        self.changed.notify_one();
                    }
                    return Some(key);
                }
                if state.closed {
                    self.changed.notify_one();
                    return None;
                }
                state.later.peek().map(|Reverse((at, _))| *at)
            };
            match due {
                Some(at) => {
                    let _ = tokio::time::timeout_at(at, wake).await;
                }
                None => wake.await,
            }
        }
    }

    /// The work on a key has ended, well or not.
    pub fn done(&self, key: &K) {
        let mut state = self.state.lock();
        state.working.remove(key);
        if state.dirty.contains(key) {
            state.ready.push_back(key.clone());
            drop(state);
            self.changed.notify_one();
        }
    }

    /// How many keys are ready.
    pub fn len(&self) -> usize {
        self.state.lock().ready.len()
    }

    /// Whether no key is ready.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes no more keys; workers get what is ready and then `None`.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_one();
    }
}

impl<K: Clone + Eq + Hash> State<K> {
    fn enqueue(&mut self, key: K) -> bool {
        if self.closed || !self.dirty.insert(key.clone()) || self.working.contains(&key) {
            return false;
        }
        self.ready.push_back(key);
        true
    }

    fn ripen(&mut self, now: Instant) {
        while let Some(Reverse((at, ticket))) = self.later.peek().copied() {
            if at > now {
                return;
            }
            self.later.pop();
            if let Some(key) = self.tickets.remove(&ticket) {
                self.due.remove(&key);
                self.enqueue(key);
            }
        }
    }

    /// Takes overtaken tickets out once they are most of the heap.
    fn sweep(&mut self) {
        if self.later.len() > 2 * self.tickets.len() + OVERTAKEN {
            let tickets = &self.tickets;
            self.later
                .retain(|Reverse((_, ticket))| tickets.contains_key(ticket));
        }
    }

    fn take(&mut self) -> Option<K> {
        let key = self.ready.pop_front()?;
        self.dirty.remove(&key);
        self.working.insert(key.clone());
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_queued_once() {
        let q = Queue::new(Backoff::CONTROLLER);
        q.add("a");
        q.add("a");
        assert_eq!(q.next().await, Some("a"));
        assert!(q.is_empty());
    }

    #[tokio::test]
    async fn a_key_added_during_its_work_comes_again_when_done() {
        let q = Queue::new(Backoff::CONTROLLER);
        q.add("a");
        assert_eq!(q.next().await, Some("a"));
        q.add("a");
        assert!(q.is_empty());
        q.done(&"a");
        assert_eq!(q.next().await, Some("a"));
        q.done(&"a");
        assert!(q.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_shortest_wait_counts() {
        let q = Queue::new(Backoff::CONTROLLER);
        let start = Instant::now();
        q.add_after("a", Duration::from_secs(10));
        q.add_after("a", Duration::from_secs(2));
        q.add_after("a", Duration::from_secs(5));
        assert_eq!(q.next().await, Some("a"));
        assert_eq!(start.elapsed().as_secs(), 2);
        q.done(&"a");
        assert!(
            tokio::time::timeout(Duration::from_secs(20), q.next())
                .await
                .is_err()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_all_clocks_is_cut() {
        let q = Queue::new(Backoff::CONTROLLER);
        q.add_after("a", Duration::MAX);
        assert_eq!(q.next().await, Some("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn overtaken_waits_are_not_kept() {
        let q = Queue::new(Backoff::CONTROLLER);
        for seconds in (0..10_000).rev() {
            q.add_after("a", Duration::from_secs(1 + seconds));
        }
        assert!(q.state.lock().later.len() < 100);
        assert_eq!(q.next().await, Some("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_back_off_until_forgotten() {
        let q = Queue::new(Backoff {
            base: Duration::from_secs(1),
            max: Duration::from_secs(4),
        });
        for wait in [1, 2, 4, 4] {
            let start = Instant::now();
            q.retry("a");
            assert_eq!(q.next().await, Some("a"));
            assert_eq!(start.elapsed().as_secs(), wait);
            q.done(&"a");
        }
        q.forget(&"a");
        assert_eq!(q.failures(&"a"), 0);
    }

    #[tokio::test]
    async fn a_closed_queue_ends_all_workers() {
        let q = std::sync::Arc::new(Queue::<u8>::new(Backoff::CONTROLLER));
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let q = q.clone();
                tokio::spawn(async move { q.next().await })
            })
            .collect();
        tokio::task::yield_now().await;
        q.close();
        for worker in workers {
            assert_eq!(worker.await.unwrap(), None);
        }
    }
}
