//! DELETE of an object: at once, with grace, or when its finalizers are gone.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use navarch_api::def::Special;
use navarch_api::strategy::Propagation;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_machinery::time::seconds;
use navarch_store::{Compare, Entry};

use super::Request;
use super::commit::{self, Extra, Written};
use super::delete_options::{DeleteOptions, name_of};
use crate::ApiServer;
use crate::admission::Operation;
use crate::encode::{restamp, scan};
use crate::limits::WRITE_ATTEMPTS;
use crate::managed::Managed;
use crate::reply::{Output, success};
use crate::served::Served;

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// What a deletion does to an object now.
enum Step {
    /// It is removed. A kind that is deleted with grace is marked with none first, which watchers see before it is gone.
    Remove(Option<Box<dyn Object>>),
    /// It stays for a while, marked.
    Mark(Box<dyn Object>),
    /// It is being deleted already, and nothing changes.
    Pending,
}

impl ApiServer {
    /// Deletes the object that the request names.
    pub(crate) async fn delete(&self, request: &mut Request<'_>) -> Result<Output> {
        let options = DeleteOptions::of(request)?;
        warn_of_dependents(request, &options);
        let key = request.key();
        self.delete_at(request, &key, &options).await
    }

    /// Deletes the object at `key`, which is of the request's resource.
    pub(crate) async fn delete_at(
        &self,
        request: &Request<'_>,
        key: &str,
        options: &DeleteOptions,
    ) -> Result<Output> {
        let served = request.served;
        // Many go at once, and most only in the end: only who has lost a race waits for a turn.
        let mut turn = None;
        // What this deletion marked: a node may remove it before it is removed here, and that is what was asked for.
        let mut marked: Option<Arc<Entry>> = None;
        for _ in 0..WRITE_ATTEMPTS {
            let there = self.store.snapshot().get(key);
            let Some(entry) = there.filter(|there| {
                let marked = marked.as_ref();
                marked.is_none_or(|marked| uid(there) == uid(marked))
            }) else {
                let name = key.rsplit('/').next().unwrap_or_default();
                let gone = marked.ok_or_else(|| served.not_found(name))?;
                return removed(served, gone);
            };
            let old = served.decode(&entry)?;
            self.admit_deletion(request, &*old)?;
            if served.def.special == Special::Namespace {
                match self
                    .terminate_namespace(request, options, &entry, &old)
                    .await?
                {
                    Some(output) => return Ok(output),
                    None => continue,
                }
            }
            options.check(request, &entry)?;
            let managed = Managed::of(&entry);
            match step(served, &old, options, request.now) {
                Step::Pending => {
                    return Ok(Output::Stored {
                        served: served.clone(),
                        entry,
                        object: Some(old),
                        created: false,
                    });
                }
                Step::Mark(object) if options.dry_run => {
                    let version = Some(entry.modified);
                    return Ok(commit::shown(served, object, &managed, version, false));
                }
                Step::Mark(mut object) => {
                    let encoded = commit::to_stored(served, &mut *object, &managed)?;
                    if commit::is_unchanged(&entry, &encoded) {
                        // Whoever deletes again what its finalizers hold must not wake everyone who watches it.
                        return Ok(Output::Stored {
                            served: served.clone(),
                            entry,
                            object: Some(old),
                            created: false,
                        });
                    }
                    let expected = Compare::Modified(entry.key.clone(), entry.modified);
                    if let Written::Done(entry) =
                        self.put(key, encoded, expected, Extra::default()).await?
                    {
                        return Ok(commit::answer(served, entry, object, false));
                    }
                }
                Step::Remove(last) => {
                    if options.dry_run {
                        return Ok(deleted(served, &entry, &last.map_or(old, Arc::from)));
                    }
                    let entry = match last {
                        None => entry,
                        Some(mut last) => {
                            let encoded = commit::to_stored(served, &mut *last, &managed)?;
                            let expected = Compare::Modified(entry.key.clone(), entry.modified);
                            match self.put(key, encoded, expected, Extra::default()).await? {
                                Written::Done(entry) => marked.insert(entry).clone(),
                                Written::Lost(_) => continue,
                            }
                        }
                    };
                    if let Some(output) = self.remove_now(served, &entry, &old).await? {
                        return Ok(output);
                    }
                }
            }
            if turn.is_none() {
                turn = self.quota_turn(served, request.namespace()).await?;
            }
        }
        let def = &served.def;
        Err(StatusError::modified(
            &def.group,
            &def.plural,
            key.rsplit('/').next().unwrap_or_default(),
        ))
    }

    fn admit_deletion(&self, request: &Request<'_>, object: &dyn Object) -> Result<()> {
        // No layer warns of what goes.
        self.admit(
            request,
            Operation::Delete,
            object,
            Some(object),
            &mut Vec::new(),
        )
        .map(|_| ())
    }

    async fn remove_now(
        &self,
        served: &Arc<Served>,
        entry: &Arc<Entry>,
        old: &Arc<dyn Object>,
    ) -> Result<Option<Output>> {
        let mut extra = Extra::default();
        self.release(served, &**old, &mut extra)?;
        match self.remove(entry, restamp(&entry.value)?, extra).await? {
            Written::Done(entry) if served.def.returns_deleted => Ok(Some(Output::Stored {
                served: served.clone(),
                entry,
                object: None,
                created: false,
            })),
            Written::Done(_) => Ok(Some(deleted(served, entry, old))),
            Written::Lost(_) => Ok(None),
        }
    }
}

/// The answer to a deletion whose object somebody else has removed.
fn removed(served: &Arc<Served>, entry: Arc<Entry>) -> Result<Output> {
    if !served.def.returns_deleted {
        let object = served.decode(&entry)?;
        return Ok(deleted(served, &entry, &object));
    }
    Ok(Output::Stored {
        served: served.clone(),
        entry,
        object: None,
        created: false,
    })
}

fn uid(entry: &Entry) -> Option<&str> {
    let place = scan::in_metadata(&entry.value, "uid")?;
    scan::text(&entry.value, place)
}

/// Tells a client that does not say what becomes of dependents, where that may surprise.
pub(super) fn warn_of_dependents(request: &mut Request<'_>, options: &DeleteOptions) {
    if options.propagation.is_none() {
        let warning = request.served.def.strategy.deletion_warning();
        request.warnings.extend(warning.map(str::to_owned));
    }
}

/// The answer to a deletion that has removed the object: the object itself for some kinds, a Status for most.
fn deleted(served: &Arc<Served>, entry: &Entry, object: &Arc<dyn Object>) -> Output {
    if served.def.returns_deleted {
        let mut object = object.clone_object();
        object.metadata_mut().managed_fields = Managed::of(entry).entries();
        return Output::Object {
            served: served.clone(),
            object: object.into(),
            created: false,
        };
    }
    let uid = object.metadata().uid.clone();
    let value = success(Some((served, &name_of(entry), uid.as_deref())), None);
    Output::Value { value, code: 200 }
}

fn step(served: &Served, old: &Arc<dyn Object>, options: &DeleteOptions, now: Timestamp) -> Step {
    let mut object = old.clone_object();
    let deleting = old.metadata().deletion_timestamp.is_some();
    let running = old.metadata().deletion_grace_period_seconds.unwrap_or(0);
    let graceful = if deleting {
        match options.grace_period {
            _ if running == 0 => None,
            Some(asked) if asked < running => Some(asked),
            _ => return Step::Pending,
        }
    } else {
        served
            .def
            .strategy
            .grace_period(&**old, options.grace_period)
    };
    if let Some(grace) = graceful {
        mark(&mut *object, now, grace, running);
    }
    set_finalizers(served, &mut *object, options);
    let held = object
        .metadata()
        .finalizers
        .as_ref()
        .is_some_and(|finalizers| !finalizers.is_empty());
    match graceful {
        Some(grace) if grace > 0 || held => Step::Mark(object),
        Some(_) => Step::Remove(Some(object)),
        None if held => {
            mark_at_once(&mut *object, now);
            Step::Mark(object)
        }
        None => Step::Remove(None),
    }
}

/// Marks an object as being deleted, `grace` seconds after now or after the deletion that is under way began.
fn mark(object: &mut dyn Object, now: Timestamp, grace: i64, running: i64) {
    let meta = object.metadata_mut();
    let began = match &meta.deletion_timestamp {
        Some(end) => end
            .0
            .checked_sub(SignedDuration::from_secs(running))
            .unwrap_or(now),
        None => {
            meta.generation = meta
                .generation
                .filter(|generation| *generation > 0)
                .map(|generation| generation + 1)
                .or(meta.generation);
            now
        }
    };
    let end = began
        .checked_add(SignedDuration::from_secs(grace))
        .unwrap_or(began);
    meta.deletion_timestamp = Some(seconds(end));
    meta.deletion_grace_period_seconds = Some(grace);
}

/// Marks an object that only its finalizers hold.
fn mark_at_once(object: &mut dyn Object, now: Timestamp) {
    let meta = object.metadata_mut();
    if meta.deletion_timestamp.is_none() && meta.generation.unwrap_or(0) > 0 {
        meta.generation = meta.generation.map(|generation| generation + 1);
    }
    if meta
        .deletion_timestamp
        .as_ref()
        .is_none_or(|end| end.0 > now)
    {
        meta.deletion_timestamp = Some(seconds(now));
    }
    meta.deletion_grace_period_seconds = Some(0);
}

/// Puts in or takes out the finalizers that the garbage collector works off.
pub(super) fn set_finalizers(served: &Served, object: &mut dyn Object, options: &DeleteOptions) {
    if !served.def.collected {
        return;
    }
    let default = served.def.strategy.default_propagation();
    let finalizers = object.metadata_mut().finalizers.get_or_insert_default();
    let has = |name: &str, list: &[String]| list.iter().any(|finalizer| finalizer == name);
    let (orphan, foreground) = match options.propagation {
        Some(policy) => (
            policy == Propagation::Orphan,
            policy == Propagation::Foreground,
        ),
        None => {
            let (orphan, foreground) = (has(ORPHAN, finalizers), has(FOREGROUND, finalizers));
            (
                orphan || (!foreground && default == Propagation::Orphan),
                foreground,
            )
        }
    };
    let mut set = |name: &str, wanted: bool| match (wanted, has(name, finalizers)) {
        (true, false) => finalizers.push(name.to_owned()),
        (false, true) => finalizers.retain(|finalizer| finalizer != name),
        _ => {}
    };
    set(ORPHAN, orphan);
    set(FOREGROUND, foreground);
    if finalizers.is_empty() {
        object.metadata_mut().finalizers = None;
    }
}
