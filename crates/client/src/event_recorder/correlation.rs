//! Which events are worth writing: what an object keeps saying is counted or combined, and one that never stops is cut short.
//!
//! The numbers are those of client-go's event correlator.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroUsize;

use jiff::{SignedDuration, Timestamp};
use lru::LruCache;

use super::{EventType, Same};

/// From so many different messages of a reason on, those that follow are combined into one event.
const DIFFERENT: usize = 10;
/// A reason that was silent for so long begins anew.
const FORGETS: SignedDuration = SignedDuration::from_secs(600);
/// So many events of an object are written at once.
const BURST: u32 = 25;
/// And one more in this time.
const REFILL: SignedDuration = SignedDuration::from_secs(300);

/// What an object has told, by reason and all in all. Bounded: the objects that were silent for longest are forgotten.
pub(super) struct Correlation {
    reasons: LruCache<(String, EventType, String), Told>,
    objects: LruCache<(String, EventType), Bucket>,
}

/// The different messages of a reason, by their hashes.
struct Told {
    messages: BTreeSet<u64>,
    last: Timestamp,
}

struct Bucket {
    left: u32,
    filled: Timestamp,
}

/// What becomes of an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is written, or counted up where it was written before.
    Write(Same),
    /// It is written with this message over the one event that stands for all that are like it.
    Combine(Same, String),
    /// Its object has told too much.
    Drop,
}

impl Correlation {
    /// Remembers `capacity` objects and as many reasons.
    pub(super) fn new(capacity: NonZeroUsize) -> Self {
        Self {
            reasons: LruCache::new(capacity),
            objects: LruCache::new(capacity),
        }
    }

    /// Takes in an event.
    pub(super) fn judge(&mut self, now: Timestamp, same: Same) -> Verdict {
        let combined = self.is_one_of_many(now, &same);
        if !self.may_tell(now, &same) {
            return Verdict::Drop;
        }
        if !combined {
            return Verdict::Write(same);
        }
        let message = format!("(combined from similar events): {}", same.message);
        let all = Same {
            field_path: String::new(),
            message: String::new(),
            ..same
        };
        Verdict::Combine(all, message)
    }

    fn is_one_of_many(&mut self, now: Timestamp, same: &Same) -> bool {
        let key = (same.uid.clone(), same.kind, same.reason.clone());
        let told = self.reasons.get_or_insert_mut(key, || Told {
            messages: BTreeSet::new(),
            last: now,
        });
        if now.duration_since(told.last) > FORGETS {
            told.messages.clear();
        }
        told.last = now;
        let mut hasher = DefaultHasher::new();
        same.message.hash(&mut hasher);
        let message = hasher.finish();
        if told.messages.len() < DIFFERENT - 1 {
            told.messages.insert(message);
        }
        !told.messages.contains(&message)
    }

    fn may_tell(&mut self, now: Timestamp, same: &Same) -> bool {
        let key = (same.uid.clone(), same.kind);
        let bucket = self.objects.get_or_insert_mut(key, || Bucket {
            left: BURST,
            filled: now,
        });
        let passed = now.duration_since(bucket.filled).as_secs() / REFILL.as_secs();
        if let Some(more) = u32::try_from(passed).ok().filter(|more| *more > 0) {
            bucket.left = bucket.left.saturating_add(more).min(BURST);
            bucket.filled += SignedDuration::from_secs(passed * REFILL.as_secs());
        }
        let may = bucket.left > 0;
        bucket.left = bucket.left.saturating_sub(1);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(uid: &str, message: &str) -> Same {
        Same {
            uid: uid.into(),
            field_path: "spec".into(),
            kind: EventType::Normal,
            reason: "Did".into(),
            message: message.into(),
        }
    }

    fn correlation() -> Correlation {
        Correlation::new(NonZeroUsize::new(8).unwrap())
    }

    #[test]
    fn many_different_messages_of_a_reason_are_combined_until_it_was_silent() {
        let (mut all, now) = (correlation(), Timestamp::UNIX_EPOCH);
        for n in 0..9 {
            let one = same("a", &n.to_string());
            assert_eq!(all.judge(now, one.clone()), Verdict::Write(one));
        }
        let many = Verdict::Combine(
            Same {
                field_path: String::new(),
                ..same("a", "")
            },
            "(combined from similar events): 9".into(),
        );
        assert_eq!(all.judge(now, same("a", "9")), many);
        // What was told on its own goes on to be counted so, and others are none of its kind.
        assert_eq!(
            all.judge(now, same("a", "3")),
            Verdict::Write(same("a", "3"))
        );
        assert_eq!(
            all.judge(now, same("b", "9")),
            Verdict::Write(same("b", "9"))
        );
        let later = now + SignedDuration::from_secs(601);
        assert_eq!(
            all.judge(later, same("a", "9")),
            Verdict::Write(same("a", "9"))
        );
    }

    #[test]
    fn an_object_that_never_stops_is_cut_short() {
        let (mut all, now) = (correlation(), Timestamp::UNIX_EPOCH);
        for _ in 0..25 {
            assert_ne!(all.judge(now, same("a", "m")), Verdict::Drop);
        }
        assert_eq!(all.judge(now, same("a", "m")), Verdict::Drop);
        assert_ne!(all.judge(now, same("b", "m")), Verdict::Drop);
        let later = now + SignedDuration::from_secs(300);
        assert_ne!(all.judge(later, same("a", "m")), Verdict::Drop);
        assert_eq!(all.judge(later, same("a", "m")), Verdict::Drop);
    }

    #[test]
    fn what_it_remembers_is_bounded() {
        let (mut all, now) = (correlation(), Timestamp::UNIX_EPOCH);
        for n in 0..100 {
            all.judge(now, same(&n.to_string(), "m"));
        }
        assert_eq!((all.reasons.len(), all.objects.len()), (8, 8));
    }
}
