//! Writing an object: one transaction, with what must hold and change beside it.

use std::sync::Arc;

use navarch_machinery::apply::same_but_times;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Compare, Entry, Op, Transaction, TxnOutcome};

use crate::ApiServer;
use crate::encode::{Encoded, encode, scan};
use crate::errors::of_store;
use crate::managed::Managed;
use crate::reply::Output;
use crate::served::Served;

/// What must hold and what changes with a write beside the object itself.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    pub(crate) compare: Vec<Compare>,
    pub(crate) ops: Vec<Op>,
}

/// How a write ended.
pub(crate) enum Written {
    /// It is durable.
    Done(Arc<Entry>),
    /// Something else stands there by now. Holds it, unless nothing does.
    Lost(Option<Arc<Entry>>),
}

impl ApiServer {
    /// Puts an object where `expected` holds.
    pub(crate) async fn put(
        &self,
        key: &str,
        encoded: Encoded,
        expected: Compare,
        extra: Extra,
    ) -> Result<Written> {
        let put = Op::Put {
            key: key.into(),
            value: encoded.value,
            stamp: Some(encoded.stamp),
        };
        self.commit(expected, put, extra).await
    }

    /// Deletes an object where it still is `entry`. Watchers see `last`.
    pub(crate) async fn remove(
        &self,
        entry: &Entry,
        last: Encoded,
        extra: Extra,
    ) -> Result<Written> {
        let delete = Op::Delete {
            key: entry.key.clone(),
            last: Some((last.value, Some(last.stamp))),
        };
        self.commit(
            Compare::Modified(entry.key.clone(), entry.modified),
            delete,
            extra,
        )
        .await
    }

    async fn commit(&self, expected: Compare, op: Op, extra: Extra) -> Result<Written> {
        let mut compare = Vec::with_capacity(1 + extra.compare.len());
        compare.push(expected);
        compare.extend(extra.compare);
        let mut ops = Vec::with_capacity(1 + extra.ops.len());
        ops.push(op);
        ops.extend(extra.ops);
        match self
            .store
            .commit(Transaction { compare, ops })
            .await
            .map_err(of_store)?
        {
            TxnOutcome::Committed(done) => match done.entries.into_iter().next().flatten() {
                Some(entry) => Ok(Written::Done(entry)),
                None => Ok(Written::Lost(None)),
            },
            TxnOutcome::Failed(current) => Ok(Written::Lost(current)),
        }
    }
}

/// The bytes of an object in the form in which it is stored.
pub(crate) fn to_stored(
    served: &Served,
    object: &mut dyn Object,
    managed: &Managed,
) -> Result<Encoded> {
    let Some(storage) = &served.storage else {
        return encode(served, object, managed);
    };
    let stored = served.def.strategy.to_storage_kind(object);
    let mut stored = stored
        .ok_or_else(|| StatusError::internal(format!("{:?} cannot be stored", served.def)))?;
    encode(storage, &mut *stored, managed)
}

/// Whether writing `encoded` would change nothing of an entry but its revision and when its managers wrote.
pub(crate) fn is_unchanged(entry: &Entry, encoded: &Encoded) -> bool {
    let (head, tail) = encoded.value.split_at(encoded.stamp as usize);
    let (old_head, old_tail) = scan::without_revision(&entry.value);
    if old_head != head {
        return false;
    }
    // The managed fields follow the revision in the metadata; what is before and behind them must be the same.
    old_tail == tail || {
        let (old, new) = (
            scan::managed_fields(&entry.value),
            scan::managed_fields(&encoded.value),
        );
        old != new && same_but_times(old, new) && *cut(old_tail, old) == *cut(tail, new)
    }
}

fn cut(json: &[u8], managed: &[u8]) -> Vec<u8> {
    let at = memchr::memmem::find(json, managed).unwrap_or(json.len());
    let (head, tail) = json.split_at(at);
    [head, tail.get(managed.len()..).unwrap_or_default()].concat()
}

/// The answer to a write, and the written object as the decoded form of its entry.
pub(crate) fn answer(
    served: &Arc<Served>,
    entry: Arc<Entry>,
    mut object: Box<dyn Object>,
    created: bool,
) -> Output {
    object.metadata_mut().resource_version = Some(entry.modified.to_string());
    let object: Arc<dyn Object> = object.into();
    if served.storage.is_none() {
        served.remember(&entry, &object);
    }
    Output::Stored {
        served: served.clone(),
        entry,
        object: Some(object),
        created,
    }
}

/// The answer to a write that was only tried, or whose object is not stored as it is shown.
pub(crate) fn shown(
    served: &Arc<Served>,
    mut object: Box<dyn Object>,
    managed: &Managed,
    version: Option<u64>,
    created: bool,
) -> Output {
    object.metadata_mut().managed_fields = managed.entries();
    object.metadata_mut().resource_version = version.map(|version| version.to_string());
    Output::Object {
        served: served.clone(),
        object: object.into(),
        created,
    }
}
