//! Managed fields after an update: whoever wrote owns what it changed.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use navarch_api::strategy::Part;
use navarch_machinery::apply::{Entry as Owner, Tree, of_client, update};
use navarch_machinery::object::Object;
use navarch_store::Entry;

use super::{Managed, Writer, versions};
use crate::ApiServer;
use crate::encode::{encoded, scan};
use crate::served::Served;

impl ApiServer {
    /// Who owns what of an object that is created or updated.
    ///
    /// `new` has its defaults and nothing yet of what admission and the strategy do to it: that is nobody's. `given`: what the
    /// client said of the managers.
    pub(crate) fn updated_managers(
        &self,
        served: &Served,
        writer: &Writer<'_>,
        part: Part,
        old: Option<&Entry>,
        new: &dyn Object,
        given: Option<&[ManagedFieldsEntry]>,
    ) -> Managed {
        let before = old.map(Managed::of).unwrap_or_default();
        let Some(ty) = served.ty else {
            return Managed::default();
        };
        let owners = given
            .filter(|_| part == Part::Main)
            .and_then(stated)
            .unwrap_or_else(|| before.owners());
        if owners.is_empty() && old.is_some() {
            return Managed::default();
        }
        let mut json = Vec::with_capacity(1024);
        served.def.strategy.encode_given(new, &mut json);
        let old_json = old.map(|old| live_json(served, old));
        let old_json = old_json.as_deref().map(Tree::parse).transpose();
        let (Ok(new), Ok(live)) = (Tree::parse(&json), old_json) else {
            return before;
        };
        let write = writer.write(ty, served.def.strategy.scope(part));
        let owners = update(&write, live.as_ref(), &new, owners, &|version, new| {
            versions::diff_in(&self.directory, served, version, old, new)
        });
        Managed::encoded(owners)
    }
}

/// The managers that a client states. `None`: those of the object hold. None of them, so that there are none from now on: `[]` or
/// one that says nothing.
fn stated(given: &[ManagedFieldsEntry]) -> Option<Vec<Owner<'_>>> {
    if given.is_empty() || matches!(given, [one] if *one == ManagedFieldsEntry::default()) {
        return Some(Vec::new());
    }
    of_client(given).ok().filter(|owners| !owners.is_empty())
}

/// The JSON of a stored object as its kind has it, without its managed fields.
pub(super) fn live_json<'e>(served: &Served, entry: &'e Entry) -> Cow<'e, [u8]> {
    if served.storage.is_none() {
        return scan::without_managed_fields(&entry.value);
    }
    let object = served.decode(entry);
    Cow::Owned(object.map_or_else(
        |_| b"{}".to_vec(),
        |object| encoded(served, &*object).into(),
    ))
}
