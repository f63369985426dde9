//! PUT, and what it shares with PATCH: a change of what is there, tried again where somebody else was faster.

use std::sync::Arc;

use navarch_api::def::Special;
use navarch_api::strategy::Part;
use navarch_machinery::field::{Error, Path};
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Compare, Entry};

use super::commit::{self, Extra, Written};
use super::create::own_namespace;
use super::owners::{self, When};
use super::request::part_of;
use super::version::version_of;
use super::{Request, decode};
use crate::ApiServer;
use crate::admission::Operation;
use crate::encode::restamp;
use crate::limits::{PATCH_ATTEMPTS, WRITE_ATTEMPTS};
use crate::managed::{Managed, are_refused};
use crate::reply::Output;
use crate::served::Served;
use crate::services;

/// An object as it is when somebody changes it.
pub(crate) struct Current<'a> {
    pub(crate) object: &'a Arc<dyn Object>,
    pub(crate) entry: &'a Entry,
}

/// What a write wants an object to be.
pub(crate) struct Wish {
    /// With what the client says of its managers.
    pub(crate) object: Box<dyn Object>,
    /// Who owns what of it, where that is told already.
    pub(crate) managed: Option<Managed>,
}

/// What a write wants the object to be, given what it is. Warnings go to the second argument.
pub(crate) type Wanted<'a> = dyn FnMut(&Current<'_>, &mut Vec<String>) -> Result<Wish> + Send + 'a;

/// How a change is made.
pub(crate) struct Change<'a> {
    pub(crate) part: Part,
    pub(crate) dry_run: bool,
    /// Whether the wanted object states all of it (PUT), so that its uid is a precondition.
    pub(crate) whole: bool,
    pub(crate) attempts: usize,
    pub(crate) wanted: &'a mut Wanted<'a>,
}

impl ApiServer {
    /// Replaces the object, or the part of it that the subresource is, with the one that the request carries.
    pub(crate) async fn update(&self, request: &mut Request<'_>) -> Result<Output> {
        let options = request.params.write_options("UpdateOptions")?;
        let body = std::mem::replace(&mut request.body, super::Input::None);
        let mut object = decode::object(
            &self.directory,
            request.served,
            &body,
            options.validation,
            &mut request.warnings,
        )?;
        let part = part_of(&request.info.subresource);
        own_namespace(request.namespace(), &mut *object)?;
        check_name(&request.info.name, &*object)?;
        owners::drop_duplicates(&mut *object, When::Sent, &mut request.warnings);
        let exists = self.store.snapshot().get(&request.key()).is_some();
        if !exists && creates(request.served, part) {
            // Whatever version the client has seen, there is none now.
            version_of(&*object)?;
            object.metadata_mut().resource_version = None;
            self.authorize_also(request.user, request.info, "create")?;
            return self
                .create_object(request, object, options.dry_run, None)
                .await;
        }
        let mut wanted = |_: &Current<'_>, _: &mut Vec<String>| {
            Ok(Wish {
                object: object.clone_object(),
                managed: None,
            })
        };
        let change = Change {
            part,
            dry_run: options.dry_run,
            whole: true,
            attempts: WRITE_ATTEMPTS,
            wanted: &mut wanted,
        };
        self.change(request, change).await
    }

    /// Changes an object: default, mutate, prepare, validate, admit, store; again where it has changed meanwhile.
    pub(crate) async fn change(
        &self,
        request: &mut Request<'_>,
        change: Change<'_>,
    ) -> Result<Output> {
        let key = request.key();
        let served = request.served.clone();
        let warned = request.warnings.len();
        // Few changes are ones to a quota: only who has lost a race waits for a turn.
        let mut turn = None;
        for _ in 0..change.attempts {
            request.warnings.truncate(warned);
            let snapshot = self.store.snapshot();
            let entry = snapshot.get(&key).ok_or_else(|| request.not_found())?;
            let old = served.decode(&entry)?;
            let current = Current {
                object: &old,
                entry: &entry,
            };
            let Wish {
                mut object,
                managed,
            } = (change.wanted)(&current, &mut request.warnings)?;
            if change.whole {
                check_uid(&served, &*object, &*old, &entry)?;
            }
            check_version(&served, &*object, &entry)?;
            let given = object.metadata_mut().managed_fields.take();
            served.def.strategy.apply_defaults(&mut *object);
            let managed = managed.unwrap_or_else(|| {
                let (writer, given) = (request.writer(), given.as_deref());
                self.updated_managers(&served, &writer, change.part, Some(&entry), &*object, given)
            });
            served.def.strategy.settle(&mut *object);
            if given.as_deref().is_some_and(are_refused) {
                object.metadata_mut().managed_fields = given;
            }
            self.mutate(
                request,
                Operation::Update(change.part),
                &mut *object,
                Some(&*old),
            )?;
            owners::drop_duplicates(&mut *object, When::Made, &mut request.warnings);
            let mut extra = Extra::default();
            if served.def.special == Special::Service && change.part == Part::Main {
                let wish = services::Wish {
                    old: Some(&*old),
                    dry_run: change.dry_run,
                    now: request.now,
                };
                let services = &self.services;
                services.reserve(&*snapshot, &self.directory, &mut *object, wish, &mut extra)?;
            }
            served
                .def
                .strategy
                .prepare_for_update(change.part, &mut *object, &*old);
            served
                .def
                .strategy
                .stamp(change.part, &mut *object, Some(&*old), request.now);
            object.metadata_mut().self_link = None;
            validate(&served, change.part, &*object, &*old)?;
            request.warnings.extend(served.def.strategy.warnings(
                change.part,
                &*object,
                Some(&*old),
            ));
            let mut warned_of = Vec::new();
            let admitted = self.admit(
                request,
                Operation::Update(change.part),
                &*object,
                Some(&*old),
                &mut warned_of,
            );
            request.warnings.append(&mut warned_of);
            let admitted = admitted?;
            extra.compare.extend(admitted.guards);
            let encoded = commit::to_stored(&served, &mut *object, &managed)?;
            if commit::is_unchanged(&entry, &encoded) {
                return Ok(Output::Stored {
                    served,
                    entry,
                    object: Some(old),
                    created: false,
                });
            }
            if change.dry_run {
                let version = Some(entry.modified);
                return Ok(commit::shown(&served, object, &managed, version, false));
            }
            if is_finished(&served, &*object) {
                self.release(&served, &*old, &mut extra)?;
                // What counted goes, whatever the change would have made of it.
                if let Written::Done(_) = self.remove(&entry, restamp(&entry.value)?, extra).await?
                {
                    let version = Some(entry.modified);
                    return Ok(commit::shown(&served, object, &managed, version, false));
                }
            } else {
                self.charge(admitted.charged, &mut extra)?;
                let expected = Compare::Modified(entry.key.clone(), entry.modified);
                if let Written::Done(entry) = self.put(&key, encoded, expected, extra).await? {
                    return Ok(commit::answer(&served, entry, object, false));
                }
            }
            if turn.is_none() {
                turn = self.quota_turn(&served, request.namespace()).await?;
            }
        }
        Err(StatusError::modified(
            &served.def.group,
            &served.def.plural,
            &request.info.name,
        ))
    }

    /// Gives back what an object holds beside itself.
    pub(crate) fn release(
        &self,
        served: &Served,
        object: &dyn Object,
        extra: &mut Extra,
    ) -> Result<()> {
        self.discharge(served, object, extra)?;
        if served.def.special != Special::Service {
            return Ok(());
        }
        let snapshot = self.store.snapshot();
        self.services
            .release(&*snapshot, &self.directory, object, extra)
    }
}

/// Whether a write of that part makes an object that is not there. By its status only a service is made, and then without an address:
/// Kubernetes takes the same rules for both, and has addresses chosen for one.
pub(super) fn creates(served: &Served, part: Part) -> bool {
    let rules = served.def.strategy.update_rules();
    matches!(part, Part::Main | Part::Status) && rules.create_on_update
}

pub(crate) const PATCHES: usize = PATCH_ATTEMPTS;

/// Refuses an object of another name than the path's.
pub(super) fn check_name(asked: &str, object: &dyn Object) -> Result<()> {
    let name = object.metadata().name.as_deref().unwrap_or_default();
    if name == asked {
        return Ok(());
    }
    let message = if name.is_empty() {
        format!(
            "the name of the object ({asked} based on URL) was undeterminable: name must be provided"
        )
    } else {
        format!("the name of the object ({name}) does not match the name on the URL ({asked})")
    };
    Err(StatusError::bad_request(message))
}

/// Refuses an object that comes with another version than what is there; one without replaces whatever that is.
fn check_version(served: &Served, object: &dyn Object, entry: &Entry) -> Result<()> {
    let version = version_of(object)?;
    let name = object.metadata().name.as_deref().unwrap_or_default();
    if version == 0 {
        if served.def.strategy.update_rules().unconditional {
            return Ok(());
        }
        let path = Path::new("metadata").child("resourceVersion");
        let errors = vec![Error::invalid(
            &path,
            0_u64,
            "must be specified for an update",
        )];
        // Kubernetes names the resource here where all other refusals name the kind.
        let (group, resource) = (&served.def.group, &served.def.plural);
        return Err(StatusError::invalid(group, resource, name, &errors));
    }
    if version == entry.modified {
        return Ok(());
    }
    Err(StatusError::modified(
        &served.def.group,
        &served.def.plural,
        name,
    ))
}

fn check_uid(served: &Served, object: &dyn Object, old: &dyn Object, entry: &Entry) -> Result<()> {
    let (Some(asked), there) = (
        object.metadata().uid.as_deref(),
        old.metadata().uid.as_deref().unwrap_or_default(),
    ) else {
        return Ok(());
    };
    if asked.is_empty() || asked == there {
        return Ok(());
    }
    let name = object.metadata().name.as_deref().unwrap_or_default();
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: \
         UID in precondition: {asked}, UID in object meta: {there}",
        registry_key(served, entry)
    );
    Err(StatusError::conflict(
        &served.def.group,
        &served.def.plural,
        name,
        &why,
    ))
}

/// The key that Kubernetes would keep the object under: clients see it in messages.
fn registry_key(served: &Served, entry: &Entry) -> String {
    let rest = entry
        .key
        .strip_prefix(&*served.prefix)
        .unwrap_or(&entry.key);
    let directory = &served.def.directory;
    format!("/registry/{directory}/{rest}")
}

fn validate(served: &Served, part: Part, object: &dyn Object, old: &dyn Object) -> Result<()> {
    let errors = served.def.strategy.validate_update(part, object, old);
    if errors.is_empty() {
        return Ok(());
    }
    let name = object.metadata().name.as_deref().unwrap_or_default();
    Err(StatusError::invalid(
        served.checked_group(),
        &served.def.kind,
        name,
        &errors,
    ))
}

/// Whether an object that is being deleted has nothing left that holds it.
fn is_finished(served: &Served, object: &dyn Object) -> bool {
    let meta = object.metadata();
    let held = meta
        .finalizers
        .as_ref()
        .is_some_and(|finalizers| !finalizers.is_empty());
    let grace = meta.deletion_grace_period_seconds.unwrap_or(0) > 0;
    let deleted = meta.deletion_timestamp.is_some() && !held && !grace;
    deleted && (served.def.special != Special::Namespace || super::namespace::is_finalized(object))
}
