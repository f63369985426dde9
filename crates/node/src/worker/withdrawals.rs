//! Pods that have left the endpoint slices, while the node's own service rules still lead to them.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::watch;

/// Up to which revision of endpoint slices the node's rules are applied, and who waits for that.
#[derive(Default)]
pub(crate) struct Withdrawals {
    applied: Option<watch::Receiver<u64>>,
    /// By uid, the revision at which a pod left. None stays longer than the rules are behind.
    left: Mutex<HashMap<String, u64>>,
}

impl Withdrawals {
    /// `applied`: without one, the slices alone say who is served.
    pub(crate) fn new(applied: Option<watch::Receiver<u64>>) -> Self {
        Self {
            applied,
            left: Mutex::default(),
        }
    }

    /// Notes that a pod has left the slices at a revision.
    pub(crate) fn leaves(&self, uid: &str, revision: u64) {
        if self.is_behind(revision) {
            self.left.lock().insert(uid.to_owned(), revision);
        }
    }

    /// Whether the rules may still lead to a pod that has left.
    pub(crate) fn is_served(&self, uid: &str) -> bool {
        let left = self.left.lock().get(uid).copied();
        left.is_some_and(|revision| self.is_behind(revision))
    }

    /// Waits until rules are applied, and says of which pods they have let go.
    pub(crate) async fn next(&self) -> Vec<String> {
        let Some(mut applied) = self.applied.clone() else {
            return std::future::pending().await;
        };
        loop {
            if applied.changed().await.is_err() {
                // The proxy has ended: nobody is waited for any more.
                return std::future::pending().await;
            }
            let mut gone = Vec::new();
            self.left.lock().retain(|uid, revision| {
                let stays = self.is_behind(*revision);
                if !stays {
                    gone.push(uid.clone());
                }
                stays
            });
            if !gone.is_empty() {
                return gone;
            }
        }
    }

    fn is_behind(&self, revision: u64) -> bool {
        let applied = self.applied.as_ref();
        applied.is_some_and(|applied| *applied.borrow() < revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pod_is_served_until_the_rules_have_let_go_of_it() {
        let (applying, applied) = watch::channel(5);
        let withdrawals = Withdrawals::new(Some(applied));
        withdrawals.leaves("done", 5);
        withdrawals.leaves("soon", 6);
        withdrawals.leaves("later", 8);
        assert!(!withdrawals.is_served("done"));
        assert!(withdrawals.is_served("soon") && withdrawals.is_served("later"));
        let next = withdrawals.next();
        applying.send_replace(7);
        assert_eq!(next.await, ["soon"]);
        assert!(!withdrawals.is_served("soon") && withdrawals.is_served("later"));
    }

    #[test]
    fn without_rules_nobody_waits() {
        let withdrawals = Withdrawals::new(None);
        withdrawals.leaves("a", 6);
        assert!(!withdrawals.is_served("a"));
    }
}
