//! An object as the store keeps it: its JSON, with a place for the revision that the store fills in.

use bytes::Bytes;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::scan;
use crate::managed::Managed;
use crate::served::Served;

/// Bytes for the store.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    /// The JSON, its resourceVersion empty.
    pub(crate) value: Bytes,
    /// Where the revision goes.
    pub(crate) stamp: u32,
}

/// Writes an object with its managed fields. Its resourceVersion is empty afterwards.
pub(crate) fn encode(
    served: &Served,
    object: &mut dyn Object,
    managed: &Managed,
) -> Result<Encoded> {
    object.metadata_mut().resource_version = Some(String::new());
    object.metadata_mut().managed_fields = None;
    let mut json = Vec::with_capacity(1024);
    served.def.strategy.encode(object, &mut json);
    stamped(scan::with_managed_fields(json, managed.json()).into())
}

/// Bytes that the store returned, ready to be stamped with another revision.
pub(crate) fn restamp(json: &[u8]) -> Result<Encoded> {
    let (head, tail) = scan::without_revision(json);
    stamped([head, tail].concat().into())
}

fn stamped(value: Bytes) -> Result<Encoded> {
    let place = scan::resource_version(&value).and_then(|place| u32::try_from(place.start).ok());
    let stamp = place
        .ok_or_else(|| StatusError::internal("an encoded object has no place for its revision"))?;
    Ok(Encoded { value, stamp })
}
