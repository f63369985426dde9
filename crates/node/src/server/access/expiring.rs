//! What is remembered for a while, of so many keys.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::time::Instant;

use lru::LruCache;

/// Values by key, each until its time is over or the key is the one that was asked for longest ago.
pub(super) struct Expiring<K: Hash + Eq, V>(LruCache<K, (V, Instant)>);

impl<K: Hash + Eq, V: Clone> Expiring<K, V> {
    pub(super) fn new(most: usize) -> Self {
        let most = NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN);
        Self(LruCache::new(most))
    }

    pub(super) fn get(&mut self, key: &K, now: Instant) -> Option<V> {
        let (value, until) = self.0.get(key)?;
        (now < *until).then(|| value.clone())
    }

    pub(super) fn put(&mut self, key: K, value: V, until: Instant) {
        self.0.put(key, (value, until));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn nothing_is_kept_beyond_its_time_or_beyond_so_many() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut kept = Expiring::new(2);
        kept.put("a", 1, at(10));
        assert_eq!(kept.get(&"a", at(9)), Some(1));
        assert_eq!(kept.get(&"a", at(10)), None);
        kept.put("a", 2, at(20));
        kept.put("b", 3, at(20));
        assert_eq!(kept.get(&"a", at(11)), Some(2));
        kept.put("c", 4, at(20));
        assert_eq!(kept.get(&"b", at(11)), None);
        assert_eq!(kept.get(&"a", at(11)), Some(2));
    }
}
