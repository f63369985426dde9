//! POST to a collection.

use std::sync::Arc;

use jiff::Timestamp;
use navarch_api::def::Special;
use navarch_api::strategy::Part;
use navarch_machinery::names;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_machinery::time::seconds;
use navarch_store::Entry;

use super::commit::{self, Extra, Written};
use super::owners::{self, When};
use super::quota::{Creating, Pending};
use super::request::part_of;
use super::version::version_of;
use super::{Request, decode};
use crate::ApiServer;
use crate::admission::{Admitted, Operation};
use crate::bootstrap::flow_control;
use crate::limits::{NAME_ATTEMPTS, WRITE_ATTEMPTS};
use crate::managed::{Managed, are_refused};
use crate::reply::Output;
use crate::served::Served;
use crate::services;

const VERSION_ON_CREATE: &str = "resourceVersion should not be set on objects to be created";

impl ApiServer {
    /// Creates the object that the request carries.
    pub(crate) async fn create(&self, request: &mut Request<'_>) -> Result<Output> {
        let options = request.params.write_options("CreateOptions")?;
        let body = std::mem::replace(&mut request.body, super::Input::None);
        let mut object = decode::object(
            &self.directory,
            request.served,
            &body,
            options.validation,
            &mut request.warnings,
        )?;
        owners::drop_duplicates(&mut *object, When::Sent, &mut request.warnings);
        let output = self
            .create_object(request, object, options.dry_run, None)
            .await?;
        if let (Special::FlowSchema, Output::Stored { entry, .. }) =
            (request.served.def.special, &output)
        {
            flow_control::marked(self, entry.modified).await;
        }
        Ok(output)
    }

    /// Creates an object: default, mutate, prepare, validate, admit, store. `managed`: where it is told already who owns it.
    pub(crate) async fn create_object(
        &self,
        request: &mut Request<'_>,
        mut object: Box<dyn Object>,
        dry_run: bool,
        managed: Option<Managed>,
    ) -> Result<Output> {
        own_namespace(request.namespace(), &mut *object)?;
        let served = request.served.clone();
        let base = object
            .metadata()
            .generate_name
            .clone()
            .filter(|_| empty(&object.metadata().name));
        let given = object.metadata_mut().managed_fields.take();
        served.def.strategy.apply_defaults(&mut *object);
        let managed = managed.unwrap_or_else(|| {
            let (writer, given) = (request.writer(), given.as_deref());
            let part = part_of(&request.info.subresource);
            self.updated_managers(&served, &writer, part, None, &*object, given)
        });
        served.def.strategy.settle(&mut *object);
        if given.as_deref().is_some_and(are_refused) {
            object.metadata_mut().managed_fields = given;
        }
        self.mutate(request, Operation::Create, &mut *object, None)?;
        // What admission put in has its own defaults: a pod's requests are the sum of what its containers were given.
        served.def.strategy.apply_defaults(&mut *object);
        owners::drop_duplicates(&mut *object, When::Made, &mut request.warnings);
        let now = request.now;
        fill(&mut *object, now);
        let Some(base) = base.filter(|base| !base.is_empty()) else {
            let tried = self.try_create(request, &served, object, now, dry_run, &managed);
            return tried.await;
        };
        let mut attempt = 1;
        let told = request.warnings.len();
        loop {
            request.warnings.truncate(told);
            let mut named = object.clone_object();
            named.metadata_mut().name = Some(names::generate(&base, &mut crate::random::number));
            let tried = self.try_create(request, &served, named, now, dry_run, &managed);
            match tried.await {
                Err(error) if error.is_already_exists() && attempt < NAME_ATTEMPTS => attempt += 1,
                done => return done,
            }
        }
    }

    /// One attempt, under the object's name.
    async fn try_create(
        &self,
        request: &mut Request<'_>,
        served: &Arc<Served>,
        mut object: Box<dyn Object>,
        now: Timestamp,
        dry_run: bool,
        managed: &Managed,
    ) -> Result<Output> {
        // Jobs select their pods by name and uid: both are there by now.
        let strategy = &served.def.strategy;
        strategy.prepare_for_create(&mut *object);
        strategy.stamp(Part::Main, &mut *object, None, now);
        let name = object.metadata().name.clone().unwrap_or_default();
        let key = served.key(request.namespace(), &name);
        let warnings = served.def.strategy.warnings(Part::Main, &*object, None);
        let warned = request.warnings.len();
        for attempt in 0..WRITE_ATTEMPTS {
            let turn = match dry_run {
                // What is only tried takes nothing from anybody.
                true => Creating::Free,
                false => {
                    let namespace = request.namespace();
                    self.creation_turn(served, namespace, attempt == 0).await?
                }
            };
            let snapshot = self.store.snapshot();
            let mut extra = Extra::default();
            // What is chosen for a service is chosen anew when the race for it is lost.
            let addressed =
                served.def.special == Special::Service && request.info.subresource.is_empty();
            let blank = addressed.then(|| object.clone_object());
            if blank.is_some() {
                let wish = services::Wish {
                    old: None,
                    dry_run,
                    now,
                };
                let services = &self.services;
                services.reserve(&*snapshot, &self.directory, &mut *object, wish, &mut extra)?;
            }
            validate(served, &*object)?;
            request.warnings.truncate(warned);
            request.warnings.extend(warnings.iter().cloned());
            let none = Pending::new();
            let pending = match &turn {
                Creating::Together(turn) => turn.pending(),
                _ => &none,
            };
            let mut warned_of = Vec::new();
            let told = (pending, &mut warned_of);
            let admitted = self.admit_on(request, Operation::Create, &*object, None, told);
            request.warnings.append(&mut warned_of);
            let Admitted {
                guards, charged, ..
            } = admitted?;
            extra.compare.extend(guards);
            let version = version_of(&*object).unwrap_or_default();
            if version != 0 && !dry_run {
                return Err(StatusError::new(500, "", VERSION_ON_CREATE));
            }
            if let Some(there) = snapshot.get(&key) {
                return Err(taken(served, &there, &*object)?);
            }
            if dry_run {
                let version = Some(version).filter(|version| *version != 0);
                return Ok(commit::shown(served, object, managed, version, true));
            }
            let encoded = commit::to_stored(served, &mut *object, managed)?;
            let extra = (extra, charged);
            match self.put_charged(turn, &key, encoded, extra).await? {
                Written::Done(entry) => {
                    return Ok(commit::answer(served, entry, object, true));
                }
                Written::Lost(Some(there)) if *there.key == *key => {
                    return Err(taken(served, &there, &*object)?);
                }
                // The namespace or a quota has changed, or an address was taken: look again.
                Written::Lost(_) => object = blank.unwrap_or(object),
            }
        }
        Err(StatusError::too_many_requests(
            "the write lost too many races; please try again",
            1,
        ))
    }
}

/// The refusal of a name that another object has, perhaps not for long.
fn taken(served: &Served, there: &Entry, new: &dyn Object) -> Result<StatusError> {
    let name = new.metadata().name.as_deref().unwrap_or_default();
    let mut error = StatusError::already_exists(&served.def.group, &served.def.plural, name);
    let ends = served
        .decode(there)?
        .metadata()
        .deletion_timestamp
        .is_some();
    if !empty(&new.metadata().generate_name) {
        // Also where it was not made of that.
        let why = ", the server was not able to generate a unique name for the object";
        error.message.push_str(why);
        error.details.get_or_insert_default().retry_after_seconds = Some(1);
    } else if ends {
        error.message = format!("object is being deleted: {}", error.message);
    }
    Ok(error)
}

/// Puts the request's namespace into an object that names none, and refuses one that names another.
pub(super) fn own_namespace(namespace: &str, object: &mut dyn Object) -> Result<()> {
    let meta = object.metadata_mut();
    let named = meta.namespace.as_deref().unwrap_or_default();
    if !namespace.is_empty() && !named.is_empty() && named != namespace {
        let message =
            "the namespace of the provided object does not match the namespace sent on the request";
        return Err(StatusError::bad_request(message));
    }
    if named != namespace || named.is_empty() {
        meta.namespace = (!namespace.is_empty()).then(|| namespace.to_owned());
    }
    Ok(())
}

fn empty(text: &Option<String>) -> bool {
    text.as_deref().unwrap_or_default().is_empty()
}

/// What only the server sets.
fn fill(object: &mut dyn Object, now: Timestamp) {
    let meta = object.metadata_mut();
    meta.uid = Some(crate::random::uuid());
    meta.creation_timestamp = Some(seconds(now));
    meta.self_link = None;
}

fn validate(served: &Served, object: &dyn Object) -> Result<()> {
    let mut errors = served.def.strategy.validate(object);
    errors.extend(served.def.strategy.validate_create(object));
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
