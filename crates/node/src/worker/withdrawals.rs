//! Pods that have left the endpoint slices, while some node's service rules still lead to them. And what this node says of its own rules.

use std::collections::HashMap;
use std::time::Duration;

use navarch_api::endpoints_applied::Everywhere;
use parking_lot::Mutex;
use tokio::sync::watch;

/// For how long a node's word is young, for each node there is: all of them together then say 4,000 in a second at most while pods leave
/// one after the other, which is a fraction of what the API server can write.
const YOUNG: Duration = Duration::from_micros(250);
/// And never for longer.
const YOUNG_AT_MOST: Duration = Duration::from_secs(2);

/// Up to which revision of endpoint slices rules are applied, here and everywhere, and who waits for that.
pub(crate) struct Withdrawals {
    applied: Option<watch::Receiver<u64>>,
    /// `None`: nobody says it, so this node's own rules have to do.
    everywhere: watch::Sender<Option<Everywhere>>,
    /// Up to which revision this node sees that pods have left, here or elsewhere: some node waits for all to be so far.
    awaited: watch::Sender<u64>,
    /// By uid, the pods of this node that left. Each stays until it is forgotten.
    left: Mutex<HashMap<String, Left>>,
}

/// A pod that has left the slices.
struct Left {
    revision: u64,
    /// Whether some node's rules led to it when it was last looked. They do not come back to it.
    is_served: bool,
}

impl Withdrawals {
    /// `applied`: of this node's rules. Without any, those of others alone are waited for.
    pub(crate) fn new(applied: Option<watch::Receiver<u64>>) -> Self {
        Self {
            applied,
            everywhere: watch::Sender::new(None),
            awaited: watch::Sender::new(0),
            left: Mutex::default(),
        }
    }

    /// Takes in how far all nodes are.
    pub(crate) fn hear(&self, everywhere: Option<Everywhere>) {
        self.everywhere.send_replace(everywhere);
    }

    /// Notes that pods, of whichever node, have left the slices at a revision.
    pub(crate) fn await_all(&self, revision: u64) {
        self.awaited.send_if_modified(|awaited| {
            let is_later = revision > *awaited;
            *awaited = revision.max(*awaited);
            is_later
        });
    }

    /// Notes that a pod of this node has left the slices, at the latest at a revision. The first note of it counts.
    pub(crate) fn leaves(&self, uid: &str, revision: u64) {
        let mut left = self.left.lock();
        if !left.contains_key(uid) {
            let is_served = self.is_behind(revision);
            left.insert(
                uid.to_owned(),
                Left {
                    revision,
                    is_served,
                },
            );
        }
    }

    /// Whether some node's rules may still lead to a pod that has left.
    pub(crate) fn is_served(&self, uid: &str) -> bool {
        let left = self.left.lock();
        left.get(uid)
            .is_some_and(|left| left.is_served && self.is_behind(left.revision))
    }

    /// Notes that pods are sent traffic. One that had left may leave again.
    pub(crate) fn come(&self, uids: &[String]) {
        let mut left = self.left.lock();
        if !left.is_empty() {
            left.retain(|uid, _| !uids.contains(uid));
        }
    }

    /// Forgets a pod that is gone.
    pub(crate) fn forget(&self, uid: &str) {
        self.left.lock().remove(uid);
    }

    /// Waits until there are pods that all rules have let go of, and says which.
    pub(crate) async fn next(&self) -> Vec<String> {
        let mut everywhere = self.everywhere.subscribe();
        let mut applied = self.applied.clone();
        loop {
            let mut gone = Vec::new();
            for (uid, left) in &mut *self.left.lock() {
                if left.is_served && !self.is_behind(left.revision) {
                    left.is_served = false;
                    gone.push(uid.clone());
                }
            }
            if !gone.is_empty() {
                return gone;
            }
            tokio::select! {
                () = change(applied.as_mut()) => {}
                () = change(Some(&mut everywhere)) => {}
            }
        }
    }

    /// What this node has to say of its rules, if that is anything new. `told`: what it has said last.
    pub(crate) fn word(&self, told: Option<u64>) -> Option<u64> {
        let applied = self.applied.as_ref().map_or(0, |applied| *applied.borrow());
        let awaited = *self.awaited.borrow();
        let has_new = match told {
            None => applied > 0,
            // Where nobody else is, nobody waits for this node.
            Some(told) => told < awaited && awaited <= applied && self.others() > 0,
        };
        has_new.then_some(applied)
    }

    /// Waits until there is something new to say; not for as long as the last word is young, so that not all nodes speak all the time.
    pub(crate) async fn has_word(&self, told: Option<u64>) {
        let (mut everywhere, mut awaited) = (self.everywhere.subscribe(), self.awaited.subscribe());
        let mut applied = self.applied.clone();
        let others = u32::try_from(self.others()).unwrap_or(u32::MAX);
        tokio::time::sleep(YOUNG.saturating_mul(others).min(YOUNG_AT_MOST)).await;
        while self.word(told).is_none() {
            tokio::select! {
                () = change(applied.as_mut()) => {}
                () = change(Some(&mut everywhere)) => {}
                () = change(Some(&mut awaited)) => {}
            }
        }
    }

    /// How many other nodes there are, about.
    fn others(&self) -> u64 {
        let everywhere = *self.everywhere.borrow();
        everywhere.map_or(0, |everywhere| everywhere.nodes.saturating_sub(1))
    }

    fn is_behind(&self, revision: u64) -> bool {
        let applied = self.applied.as_ref();
        let everywhere = self.everywhere.borrow().filter(|_| self.others() > 0);
        applied.is_some_and(|applied| *applied.borrow() < revision)
            || everywhere.is_some_and(|everywhere| everywhere.revision < revision)
    }
}

/// Waits for a change; of what is not there, or has ended, there is none.
async fn change<T>(of: Option<&mut watch::Receiver<T>>) {
    let changed = match of {
        Some(receiver) => receiver.changed().await.is_ok(),
        None => false,
    };
    if !changed {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(revision: u64, nodes: u64) -> Option<Everywhere> {
        Some(Everywhere { revision, nodes })
    }

    #[tokio::test]
    async fn a_pod_is_served_until_the_rules_have_let_go_of_it() {
        let (applying, applied) = watch::channel(5);
        let withdrawals = Withdrawals::new(Some(applied));
        withdrawals.leaves("done", 5);
        // What a slice is later does not bring it back.
        withdrawals.leaves("done", 6);
        withdrawals.leaves("soon", 6);
        withdrawals.leaves("later", 8);
        assert!(!withdrawals.is_served("done"));
        assert!(withdrawals.is_served("soon") && withdrawals.is_served("later"));
        let next = withdrawals.next();
        applying.send_replace(7);
        assert_eq!(next.await, ["soon"]);
        assert!(!withdrawals.is_served("soon") && withdrawals.is_served("later"));
    }

    #[tokio::test]
    async fn a_pod_is_served_until_all_nodes_have_let_go_of_it() {
        let (_applying, applied) = watch::channel(9);
        for applied in [None, Some(applied)] {
            let withdrawals = Withdrawals::new(applied);
            withdrawals.hear(all(5, 2));
            withdrawals.leaves("a", 6);
            assert!(withdrawals.is_served("a"));
            let next = withdrawals.next();
            withdrawals.hear(all(6, 2));
            assert_eq!(next.await, ["a"]);
            assert!(!withdrawals.is_served("a"));
            // What it says of this node alone this node knows better.
            withdrawals.hear(all(6, 1));
            withdrawals.leaves("b", 7);
            assert!(!withdrawals.is_served("b"));
        }
    }

    #[test]
    fn a_pod_that_comes_back_may_leave_again() {
        let withdrawals = Withdrawals::new(Some(watch::channel(5).1));
        withdrawals.leaves("a", 5);
        withdrawals.come(&["a".into(), "b".into()]);
        withdrawals.leaves("a", 6);
        assert!(withdrawals.is_served("a"));
        withdrawals.forget("a");
        assert!(!withdrawals.is_served("a"));
    }

    #[test]
    fn without_rules_nobody_waits() {
        let withdrawals = Withdrawals::new(None);
        withdrawals.leaves("a", 6);
        assert!(!withdrawals.is_served("a"));
        withdrawals.await_all(6);
        assert_eq!(withdrawals.word(None), None);
    }

    #[test]
    fn a_node_speaks_once_and_then_when_somebody_waits() {
        let (applying, applied) = watch::channel(0);
        let withdrawals = Withdrawals::new(Some(applied));
        assert_eq!(withdrawals.word(None), None, "before its rules are there");
        applying.send_replace(5);
        assert_eq!(withdrawals.word(None), Some(5));
        assert_eq!(withdrawals.word(Some(5)), None);
        withdrawals.await_all(7);
        withdrawals.hear(all(5, 2));
        assert_eq!(
            withdrawals.word(Some(5)),
            None,
            "before its rules are so far"
        );
        applying.send_replace(8);
        assert_eq!(withdrawals.word(Some(5)), Some(8));
        assert_eq!(withdrawals.word(Some(8)), None);
        applying.send_replace(9);
        assert_eq!(withdrawals.word(Some(8)), None, "nobody waits");
        withdrawals.await_all(9);
        withdrawals.hear(all(8, 1));
        assert_eq!(withdrawals.word(Some(8)), None, "there is nobody else");
    }

    #[tokio::test(start_paused = true)]
    async fn the_more_nodes_there_are_the_seldomer_each_speaks() {
        let (_applying, applied) = watch::channel(9);
        let withdrawals = Withdrawals::new(Some(applied));
        withdrawals.await_all(9);
        for (nodes, least) in [(2, 0), (4096, 1000)] {
            withdrawals.hear(all(5, nodes));
            let begun = tokio::time::Instant::now();
            withdrawals.has_word(Some(5)).await;
            let took = begun.elapsed().as_millis();
            assert!((least..least + 100).contains(&took), "{nodes}: {took} ms");
        }
    }
}
