//! Pods that have left the endpoint slices, while some node's service rules still lead to them. And what this node says of its own rules.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use navarch_api::endpoints_applied::Everywhere;
use navarch_client::ObjectKey;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

/// For how long a node's word is young, for each node there is: all of them together then say 4,000 in a second at most while pods leave
/// one after the other, which is a fraction of what the API server can write.
const YOUNG: Duration = Duration::from_micros(250);
/// And never for longer.
const YOUNG_AT_MOST: Duration = Duration::from_secs(2);
/// As many revisions as are waited for at once; of more, those between the oldest and the newest are not remembered.
const AWAITED: usize = 1024;

/// Up to which revision of endpoint slices rules are applied, here and everywhere, and who waits for that.
pub(crate) struct Withdrawals {
    applied: Option<watch::Receiver<u64>>,
    /// `None`: nobody says it, so this node's own rules have to do.
    everywhere: watch::Sender<Option<Everywhere>>,
    /// At which revisions this node sees that pods have left, here or elsewhere, since it last spoke: some node waits for all to be so far.
    awaited: watch::Sender<BTreeSet<u64>>,
    /// By uid, the pods of this node that left, each from how many slices it was in: those of several services, and of both families. Each
    /// stays until it is forgotten.
    left: Mutex<HashMap<String, HashMap<ObjectKey, Left>>>,
}

/// That a pod has left a slice.
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
            awaited: watch::Sender::new(BTreeSet::new()),
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
            if awaited.len() >= AWAITED && awaited.last().is_some_and(|last| *last < revision) {
                awaited.pop_last();
            }
            awaited.len() < AWAITED && awaited.insert(revision)
        });
    }

    /// Notes that a pod of this node has left a slice, at the latest at a revision. The first note of each slice counts.
    pub(crate) fn leaves(&self, uid: &str, slice: &ObjectKey, revision: u64) {
        let mut left = self.left.lock();
        let slices = left.entry(uid.to_owned()).or_default();
        slices.entry(slice.clone()).or_insert_with(|| Left {
            revision,
            is_served: self.is_behind(revision),
        });
    }

    /// Whether some node's rules may still lead to a pod that has left.
    pub(crate) fn is_served(&self, uid: &str) -> bool {
        let left = self.left.lock();
        let mut slices = left.get(uid).into_iter().flat_map(HashMap::values);
        slices.any(|left| left.is_served && self.is_behind(left.revision))
    }

    /// Notes that a slice sends pods traffic. One that had left it may leave again.
    pub(crate) fn come(&self, uids: &[String], slice: &ObjectKey) {
        let mut left = self.left.lock();
        if left.is_empty() {
            return;
        }
        for uid in uids {
            if let Some(slices) = left.get_mut(uid) {
                slices.remove(slice);
            }
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
            for (uid, slices) in &mut *self.left.lock() {
                let mut has_changed = false;
                for left in slices.values_mut() {
                    if left.is_served && !self.is_behind(left.revision) {
                        left.is_served = false;
                        has_changed = true;
                    }
                }
                if has_changed && !slices.values().any(|left| left.is_served) {
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
        let has_new = match told {
            None => applied > 0,
            // Where nobody else is, nobody waits for this node.
            Some(told) => {
                let awaited = self.awaited.borrow();
                let since = told.saturating_add(1);
                since <= applied
                    && awaited.range(since..=applied).next().is_some()
                    && self.others() > 0
            }
        };
        has_new.then_some(applied)
    }

    /// Whether this node has rules, of which it can say anything.
    pub(crate) fn has_rules(&self) -> bool {
        self.applied.is_some()
    }

    /// Takes in that this node has said so.
    pub(crate) fn said(&self, revision: u64) {
        self.awaited.send_if_modified(|awaited| {
            *awaited = awaited.split_off(&revision.saturating_add(1));
            false
        });
    }

    /// Waits until there is something new to say; not for as long as the last word is young, so that not all nodes speak all the time, and then
    /// for a part of that time which is another for each node, so that they do not all speak at once. `last`: when it spoke last.
    pub(crate) async fn has_word(&self, node: &str, told: Option<u64>, last: Option<Instant>) {
        let (mut everywhere, mut awaited) = (self.everywhere.subscribe(), self.awaited.subscribe());
        let mut applied = self.applied.clone();
        let others = u32::try_from(self.others()).unwrap_or(u32::MAX);
        let young = YOUNG.saturating_mul(others).min(YOUNG_AT_MOST);
        if let Some(last) = last {
            tokio::time::sleep_until(last + young).await;
        }
        while self.word(told).is_none() {
            tokio::select! {
                () = change(applied.as_mut()) => {}
                () = change(Some(&mut everywhere)) => {}
                () = change(Some(&mut awaited)) => {}
            }
        }
        if told.is_some() {
            tokio::time::sleep(young.mul_f64(share(node, told))).await;
        }
    }

    /// How many other nodes there are, about.
    fn others(&self) -> u64 {
        let everywhere = self.everywhere.borrow();
        let nodes = everywhere.as_ref().map_or(0, |everywhere| everywhere.nodes);
        nodes.saturating_sub(1)
    }

    /// Whose rules are the furthest behind: the node's name, where another is known; this node's own, where they are it.
    pub(crate) fn slowest(&self, own: &str) -> String {
        let applied = self.applied.as_ref().map(|applied| *applied.borrow());
        let everywhere = self.everywhere.borrow();
        let other = everywhere.as_ref().filter(|all| {
            !all.slowest.is_empty() && applied.is_none_or(|applied| applied >= all.revision)
        });
        other.map_or(own, |all| &all.slowest).to_owned()
    }

    fn is_behind(&self, revision: u64) -> bool {
        let applied = self.applied.as_ref();
        let is_so_far = |all: &Everywhere| all.nodes <= 1 || all.revision >= revision;
        applied.is_some_and(|applied| *applied.borrow() < revision)
            || !self.everywhere.borrow().as_ref().is_none_or(is_so_far)
    }
}

/// A number from 0 to 1 that is another for each node, and each time.
fn share(node: &str, told: Option<u64>) -> f64 {
    let mut hasher = DefaultHasher::new();
    (node, told).hash(&mut hasher);
    f64::from(u16::try_from(hasher.finish() >> 48).unwrap_or_default()) / f64::from(u16::MAX)
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

    fn slice(name: &str) -> ObjectKey {
        ObjectKey::new("default", name)
    }

    #[tokio::test]
    async fn a_pod_in_several_slices_is_served_until_the_last_has_let_go_of_it() {
        let (applying, applied) = watch::channel(5);
        let withdrawals = Withdrawals::new(Some(applied));
        withdrawals.leaves("a", &slice("of-v4"), 6);
        withdrawals.leaves("a", &slice("of-v6"), 9);
        applying.send_replace(6);
        assert!(withdrawals.is_served("a"));
        applying.send_replace(9);
        assert_eq!(withdrawals.next().await, ["a"]);
        assert!(!withdrawals.is_served("a"));
        // It comes back to one of them, and leaves that again.
        withdrawals.come(&["a".into()], &slice("of-v6"));
        withdrawals.leaves("a", &slice("of-v6"), 12);
        assert!(withdrawals.is_served("a"));
    }

    fn all(revision: u64, nodes: u64) -> Option<Everywhere> {
        let slowest = "slow".to_owned();
        Some(Everywhere {
            revision,
            nodes,
            slowest,
        })
    }

    #[test]
    fn whose_rules_are_behind_is_known() {
        let (applying, applied) = watch::channel(4);
        let withdrawals = Withdrawals::new(Some(applied));
        assert_eq!(withdrawals.slowest("own"), "own");
        withdrawals.hear(all(5, 2));
        assert_eq!(withdrawals.slowest("own"), "own");
        applying.send_replace(6);
        assert_eq!(withdrawals.slowest("own"), "slow");
    }

    #[tokio::test]
    async fn a_pod_is_served_until_the_rules_have_let_go_of_it() {
        let (applying, applied) = watch::channel(5);
        let withdrawals = Withdrawals::new(Some(applied));
        let slice = slice("a");
        withdrawals.leaves("done", &slice, 5);
        // What a slice is later does not bring it back.
        withdrawals.leaves("done", &slice, 6);
        withdrawals.leaves("soon", &slice, 6);
        withdrawals.leaves("later", &slice, 8);
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
            withdrawals.leaves("a", &slice("a"), 6);
            assert!(withdrawals.is_served("a"));
            let next = withdrawals.next();
            withdrawals.hear(all(6, 2));
            assert_eq!(next.await, ["a"]);
            assert!(!withdrawals.is_served("a"));
            // What it says of this node alone this node knows better.
            withdrawals.hear(all(6, 1));
            withdrawals.leaves("b", &slice("a"), 7);
            assert!(!withdrawals.is_served("b"));
        }
    }

    #[test]
    fn a_pod_that_comes_back_may_leave_again() {
        let withdrawals = Withdrawals::new(Some(watch::channel(5).1));
        withdrawals.leaves("a", &slice("a"), 5);
        withdrawals.come(&["a".into(), "b".into()], &slice("a"));
        withdrawals.leaves("a", &slice("a"), 6);
        assert!(withdrawals.is_served("a"));
        withdrawals.forget("a");
        assert!(!withdrawals.is_served("a"));
    }

    #[test]
    fn without_rules_nobody_waits() {
        let withdrawals = Withdrawals::new(None);
        withdrawals.leaves("a", &slice("a"), 6);
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
        // Where slices change faster than rules do, each step is said.
        withdrawals.hear(all(8, 2));
        withdrawals.await_all(99);
        assert_eq!(withdrawals.word(Some(8)), Some(9));
        withdrawals.said(9);
        assert_eq!(withdrawals.word(Some(9)), None);
        applying.send_replace(99);
        assert_eq!(withdrawals.word(Some(9)), Some(99));
    }

    #[tokio::test(start_paused = true)]
    async fn the_more_nodes_there_are_the_seldomer_each_speaks() {
        let (_applying, applied) = watch::channel(9);
        let withdrawals = Withdrawals::new(Some(applied));
        withdrawals.await_all(9);
        let took = async |nodes, name: &str, last| {
            withdrawals.hear(all(5, nodes));
            let begun = Instant::now();
            withdrawals.has_word(name, Some(5), last).await;
            begun.elapsed().as_millis()
        };
        assert!(took(2, "a", Some(Instant::now())).await < 5);
        let soon = took(4096, "a", Some(Instant::now())).await;
        assert!((1000..2100).contains(&soon), "{soon} ms");
        // One that has not spoken for long waits for no more than its turn, which is not all nodes'.
        let one = took(4096, "a", None).await;
        let other = took(4096, "b", None).await;
        assert!(one < 1030 && other < 1030 && one != other, "{one} {other}");
    }
}
