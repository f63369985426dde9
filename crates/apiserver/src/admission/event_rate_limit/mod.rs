//! EventRateLimit, an option: so many events a second, of all, of a namespace, of a user, or about one thing from one source.
//!
//! Follows Kubernetes' plugin of that name and its `Configuration`.

mod bucket;
mod configuration;

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::time::Instant;

use k8s_openapi::api::core::v1::Event;
use lru::LruCache;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use parking_lot::Mutex;

use bucket::Bucket;
pub(super) use configuration::Configuration;
use configuration::{Kind, Limit};

use super::{Admitted, Attributes, Layer, Operation};

/// Kubernetes' name for the rule.
pub(super) const NAME: &str = "EventRateLimit";
/// The buckets that a limit keeps where its configuration does not say.
const BUCKETS: usize = 4096;

pub(super) struct EventRateLimit(Vec<Enforcer>);

/// One limit, with a bucket for each of those that it counts apart: as many as it keeps, and each by a number, so that what is kept
/// does not grow with the names that strangers send.
struct Enforcer {
    limit: Limit,
    buckets: Mutex<LruCache<u64, Bucket>>,
    /// Nobody can know which names have one number, and so share another's bucket.
    seed: RandomState,
}

impl EventRateLimit {
    pub(super) fn new(configuration: Configuration) -> Self {
        let limits = configuration.limits.into_iter();
        Self(limits.map(Enforcer::new).collect())
    }
}

impl Layer for EventRateLimit {
    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        _: Option<&dyn Object>,
        _: &mut Admitted,
    ) -> Result<()> {
        // Only those of the core group: the others are stored as such, and Kubernetes' plugin does not know them.
        let is_event =
            attributes.served.def.kind == "Event" && attributes.served.def.group.is_empty();
        if !is_event || attributes.dry_run || attributes.operation == Operation::Delete {
            return Ok(());
        }
        let now = Instant::now();
        let refused: Vec<String> = self
            .0
            .iter()
            .filter_map(|it| it.refuse(attributes, object, now))
            .collect();
        let why = match refused.as_slice() {
            [] => return Ok(()),
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        Err(StatusError::new(
            429,
            "TooManyRequests",
            format!("Too many requests: {why}"),
        ))
    }
}

impl Enforcer {
    fn new(limit: Limit) -> Self {
        let size = usize::try_from(limit.cache_size).unwrap_or_default();
        let size = match limit.kind {
            Kind::Server => 1,
            _ if size == 0 => BUCKETS,
            _ => size,
        };
        let size = NonZeroUsize::new(size).unwrap_or(NonZeroUsize::MIN);
        Self {
            limit,
            buckets: Mutex::new(LruCache::new(size)),
            seed: RandomState::new(),
        }
    }

    fn refuse(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        now: Instant,
    ) -> Option<String> {
        let key = match self.limit.kind {
            Kind::Server => String::new(),
            Kind::Namespace => attributes.namespace.to_owned(),
            Kind::User => attributes.user.name.clone(),
            Kind::SourceAndObject => source_and_object(object),
        };
        self.count(&key, now)
    }

    /// Counts one of a name; what is said where it is one too many.
    fn count(&self, key: &str, now: Instant) -> Option<String> {
        let mut buckets = self.buckets.lock();
        let number = self.seed.hash_one(key);
        let bucket = buckets.get_or_insert_mut(number, || Bucket::full(self.limit.burst, now));
        if bucket.take(self.limit.qps, self.limit.burst, now) {
            return None;
        }
        let kind = self.limit.kind;
        Some(format!("limit reached on type {kind:?} for key {key}"))
    }
}

fn source_and_object(object: &dyn Object) -> String {
    let Some(event) = object.as_any().downcast_ref::<Event>() else {
        return String::new();
    };
    let (source, about) = (
        event.source.clone().unwrap_or_default(),
        &event.involved_object,
    );
    let parts = [
        &source.component,
        &source.host,
        &about.kind,
        &about.namespace,
        &about.name,
        &about.uid,
        &about.api_version,
    ];
    parts.into_iter().flatten().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neither with how many names strangers send nor with how long these are.
    #[test]
    fn what_is_kept_does_not_grow_with_names() {
        let limit = Limit {
            kind: Kind::User,
            qps: 1,
            burst: 1,
            cache_size: 2,
        };
        let enforcer = Enforcer::new(limit);
        let now = Instant::now();
        for name in 0..100 {
            let name = format!("{name}").repeat(1000);
            assert_eq!(enforcer.count(&name, now), None);
        }
        let kept = enforcer.buckets.lock();
        assert_eq!(kept.len(), 2);
        let per_name = size_of_val(kept.iter().next().unwrap().0);
        assert_eq!(per_name, 8);
        drop(kept);
        // The last name's bucket is still the one it was.
        let refused = enforcer.count(&"99".repeat(1000), now).unwrap();
        assert!(refused.starts_with("limit reached on type User for key 9999"));
    }
}
