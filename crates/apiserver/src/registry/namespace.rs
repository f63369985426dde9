//! Deletion of a namespace: marked first, emptied by its controller, and gone when its finalizers are.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_machinery::time::seconds;
use navarch_store::{Compare, Entry};

use super::Request;
use super::commit::{self, Extra, Written};
use super::delete::set_finalizers;
use super::delete_options::DeleteOptions;
use crate::ApiServer;
use crate::encode::restamp;
use crate::managed::Managed;
use crate::reply::Output;

impl ApiServer {
    /// `None`: it has changed meanwhile.
    pub(super) async fn terminate_namespace(
        &self,
        request: &Request<'_>,
        options: &DeleteOptions,
        entry: &Arc<Entry>,
        old: &Arc<dyn Object>,
    ) -> Result<Option<Output>> {
        let served = request.served;
        check(options, old, entry)?;
        let stored = |entry: Arc<Entry>| Output::Stored {
            served: served.clone(),
            entry,
            object: None,
            created: false,
        };
        let is_held = |object: &dyn Object| {
            let finalizers = object.metadata().finalizers.as_ref();
            finalizers.is_some_and(|finalizers| !finalizers.is_empty())
        };
        let held = is_held(&**old);
        if old.metadata().deletion_timestamp.is_some() {
            if held || !is_finalized(&**old) || options.dry_run {
                return Ok(Some(stored(entry.clone())));
            }
            let written = self
                .remove(entry, restamp(&entry.value)?, Extra::default())
                .await?;
            return Ok(if let Written::Done(entry) = written {
                Some(stored(entry))
            } else {
                None
            });
        }
        let mut object = old.clone_object();
        set_finalizers(served, &mut *object, options);
        object.metadata_mut().deletion_timestamp = Some(seconds(self.clock.now()));
        if let Some(namespace) = object.as_any_mut().downcast_mut::<Namespace>() {
            namespace.status.get_or_insert_default().phase = Some("Terminating".into());
        }
        if options.dry_run {
            let version = Some(entry.modified);
            let shown = commit::shown(served, object, &Managed::of(entry), version, false);
            return Ok(Some(shown));
        }
        let finished = !is_held(&*object) && is_finalized(&*object);
        let encoded = commit::to_stored(served, &mut *object, &Managed::of(entry))?;
        let written = if finished {
            self.remove(entry, encoded, Extra::default()).await?
        } else {
            let expected = Compare::Modified(entry.key.clone(), entry.modified);
            self.put(&entry.key, encoded, expected, Extra::default())
                .await?
        };
        Ok(if let Written::Done(entry) = written {
            Some(commit::answer(served, entry, object, false))
        } else {
            None
        })
    }
}

/// Whether nothing in its spec holds a namespace.
pub(super) fn is_finalized(object: &dyn Object) -> bool {
    let namespace = object.as_any().downcast_ref::<Namespace>();
    let finalizers = namespace.and_then(|namespace| namespace.spec.as_ref()?.finalizers.as_ref());
    finalizers.is_none_or(Vec::is_empty)
}

fn check(options: &DeleteOptions, old: &Arc<dyn Object>, entry: &Entry) -> Result<()> {
    let there = old.metadata().uid.as_deref().unwrap_or_default();
    let name = old.metadata().name.as_deref().unwrap_or_default();
    let why = match (&options.uid, &options.version) {
        (Some(asked), _) if asked != there => {
            format!(
                "Precondition failed: UID in precondition: {asked}, UID in object meta: {there}"
            )
        }
        (_, Some(asked)) if asked.parse() != Ok(entry.modified) => {
            let there = entry.modified;
            format!(
                "Precondition failed: ResourceVersion in precondition: {asked}, ResourceVersion in object meta: {there}"
            )
        }
        _ => return Ok(()),
    };
    Err(StatusError::conflict("", "namespaces", name, &why))
}
