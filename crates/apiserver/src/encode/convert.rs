//! The bytes of one object, as its own kind.

use bytes::Bytes;
use navarch_machinery::object::Object;
use navarch_machinery::status::Result;
use navarch_store::Entry;

use super::scan;
use crate::served::Served;

/// The JSON of an entry's object: the stored bytes, unless it is stored as another kind.
pub(crate) fn object_bytes(served: &Served, entry: &Entry) -> Result<Bytes> {
    if served.storage.is_none() {
        return Ok(entry.value.clone());
    }
    let json = encoded(served, &*served.decode(entry)?);
    let managed = scan::managed_fields(&entry.value);
    Ok(scan::with_managed_fields(json.into(), managed).into())
}

/// The JSON of an object.
pub(crate) fn encoded(served: &Served, object: &dyn Object) -> Bytes {
    let mut json = Vec::with_capacity(1024);
    served.def.strategy.encode(object, &mut json);
    json.into()
}
