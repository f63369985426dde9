//! Parts of objects with an address of their own that are more than a part of the object's JSON.

mod binding;
mod body;
mod eviction;
mod log_options;
mod scale;
pub(crate) mod streams;
mod token;

use std::sync::Arc;

use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Compare, Entry};

use super::Request;
use super::commit::{self, Extra, Written};
use crate::ApiServer;
use crate::limits::WRITE_ATTEMPTS;
use crate::managed::Managed;

impl ApiServer {
    /// Changes an object of the request's resource without the hooks of its strategy, for what has rules of its own.
    async fn change_raw(
        &self,
        request: &Request<'_>,
        name: &str,
        dry_run: bool,
        change: &mut (dyn FnMut(&mut dyn Object, &Entry) -> Result<()> + Send),
    ) -> Result<()> {
        let served = request.served;
        let key = served.key(request.namespace(), name);
        for _ in 0..WRITE_ATTEMPTS {
            let entry = self
                .store
                .snapshot()
                .get(&key)
                .ok_or_else(|| served.not_found(name))?;
            let mut object = served.decode(&entry)?.clone_object();
            change(&mut *object, &entry)?;
            if dry_run {
                return Ok(());
            }
            let encoded = commit::to_stored(served, &mut *object, &Managed::of(&entry))?;
            let expected = Compare::Modified(entry.key.clone(), entry.modified);
            if let Written::Done(entry) =
                self.put(&key, encoded, expected, Extra::default()).await?
            {
                let _ = commit::answer(served, entry, object, false);
                return Ok(());
            }
        }
        Err(StatusError::modified(
            &served.def.group,
            &served.def.plural,
            name,
        ))
    }

    /// The object that the request names, decoded.
    fn named(&self, request: &Request<'_>) -> Result<(Arc<Entry>, Arc<dyn Object>)> {
        let entry = self
            .store
            .snapshot()
            .get(&request.key())
            .ok_or_else(|| request.not_found())?;
        let object = request.served.decode(&entry)?;
        Ok((entry, object))
    }
}
