//! Others' answers, for a short while.

use std::num::NonZeroUsize;
use std::time::Instant;

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{RData, RecordType};
use lru::LruCache;

/// How many answers are kept.
const ENTRIES: NonZeroUsize = NonZeroUsize::new(2048).unwrap();
/// The most records of an answer that is kept, and its most bytes.
const MAX_RECORDS: usize = 64;
const MAX_BYTES: usize = 4096;
/// For how long at most, whatever the answer says: kubeadm's `cache 30`.
const LONGEST: u32 = 30;

/// A question, whether with signatures, and whether they are not to be checked.
type Key = (Query, bool, bool);

/// Answers by question. What may be asked of it is bounded, and so is how long it holds.
pub(super) struct Cache {
    answers: LruCache<Key, (Instant, Message)>,
}

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            answers: LruCache::new(ENTRIES),
        }
    }

    /// The answer, with the time that it has left.
    pub(super) fn get(&mut self, query: &Message, now: Instant) -> Option<Message> {
        let key = key(query)?;
        let (since, answer) = self.answers.get(&key)?;
        let age = u32::try_from(now.duration_since(*since).as_secs()).ok()?;
        if age >= lifetime(answer)? {
            self.answers.pop(&key);
            return None;
        }
        let mut answer = answer.clone();
        let sections = [
            &mut answer.answers,
            &mut answer.authorities,
            &mut answer.additionals,
        ];
        for record in sections.into_iter().flatten() {
            record.decrement_ttl(age);
        }
        answer.metadata.id = query.metadata.id;
        answer.queries.clone_from(&query.queries);
        Some(answer)
    }

    pub(super) fn put(&mut self, query: &Message, answer: &Message, now: Instant) {
        let records = answer.answers.len() + answer.authorities.len() + answer.additionals.len();
        let fits = || answer.to_vec().is_ok_and(|bytes| bytes.len() <= MAX_BYTES);
        if records > MAX_RECORDS || answer.metadata.truncation || !fits() {
            return;
        }
        if let (Some(key), Some(1..)) = (key(query), lifetime(answer)) {
            self.answers.put(key, (now, answer.clone()));
        }
    }
}

/// What makes two questions the same: not the case of their letters.
fn key(query: &Message) -> Option<Key> {
    let [question] = &query.queries[..] else {
        return None;
    };
    let mut question = question.clone();
    question.name = question.name.to_lowercase();
    let signed = query
        .edns
        .as_ref()
        .is_some_and(|edns| edns.flags().dnssec_ok);
    Some((question, signed, query.metadata.checking_disabled))
}

/// For how many seconds an answer holds; one that says that there is nothing holds as long as the zone says.
fn lifetime(answer: &Message) -> Option<u32> {
    let code = answer.metadata.response_code;
    if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
        return None;
    }
    let lifetime = if answer.answers.is_empty() {
        answer
            .authorities
            .iter()
            .find_map(|record| match &record.data {
                RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
                _ => None,
            })?
    } else {
        let records = answer.answers.iter().chain(&answer.authorities);
        records
            .filter(|record| record.record_type() != RecordType::OPT)
            .map(|record| record.ttl)
            .min()?
    };
    Some(lifetime.min(LONGEST))
}
