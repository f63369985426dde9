//! Scale: the replicas of whatever has replicas.

use std::sync::Arc;

use k8s_openapi::api::autoscaling::v1::Scale;
use navarch_api::call::PatchKind;
use navarch_api::schema::schema;
use navarch_api::strategy::Part;
use navarch_machinery::apply::{Scope, Tree, Write, from_scale, to_scale, update};
use navarch_machinery::decode::decode as read;
use navarch_machinery::field::{Error, Path};
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::super::apply::Document;
use super::super::patch::Patch;
use super::super::update::{Change, Current, PATCHES, Wish, check_name};
use super::super::{Input, Request, decode};
use crate::ApiServer;
use crate::limits::WRITE_ATTEMPTS;
use crate::managed::{Live, Managed, Writer, run};
use crate::reply::Output;
use crate::request::{FieldValidation, WriteOptions};
use crate::served::Served;

const KIND: (&str, &str, &str) = ("autoscaling", "v1", "Scale");
const API_VERSION: &str = "autoscaling/v1";

impl ApiServer {
    /// GET of `NAME/scale`.
    pub(crate) fn get_scale(&self, request: &Request<'_>) -> Result<Output> {
        let (_, object) = self.named(request)?;
        self.scale_answer(request.served, &*object)
    }

    /// PUT of `NAME/scale`.
    pub(crate) async fn update_scale(&self, request: &mut Request<'_>) -> Result<Output> {
        let options = request.params.write_options("UpdateOptions")?;
        let (directory, body) = (&self.directory, &request.body);
        let (scale, warnings) = (&directory.scale, &mut request.warnings);
        let wanted = decode::object(directory, scale, body, options.validation, warnings)?;
        let wanted = wanted.as_any().downcast_ref::<Scale>().cloned();
        let wanted = wanted.ok_or_else(|| StatusError::internal("a scale is of another kind"))?;
        check_name(&request.info.name, &wanted)?;
        self.named(request)?;
        let (served, writer) = (request.served.clone(), request.writer());
        let mut wish = |current: &Current<'_>, _: &mut Vec<String>| {
            let live = scale_of(&served, &**current.object)?;
            let managed = updated_managers(&served, &writer, current, &live, &wanted)?;
            wish(&served, current, &wanted, managed)
        };
        let change = Change {
            part: Part::Main,
            dry_run: options.dry_run,
            whole: true,
            attempts: WRITE_ATTEMPTS,
            wanted: &mut wish,
        };
        let output = self.change(request, change).await?;
        self.scale_output(output)
    }

    /// PATCH of `NAME/scale`.
    pub(crate) async fn patch_scale(&self, request: &mut Request<'_>) -> Result<Output> {
        let kind = request.body.patch_kind();
        let options = request.params.patch_options(kind)?;
        self.named(request)?;
        let body = std::mem::replace(&mut request.body, Input::None);
        let patch = match kind {
            Some(PatchKind::Apply) => ScalePatch::Applied(Document::read(body)?),
            _ => ScalePatch::Patch(Patch::read(body, options.validation)?),
        };
        let (served, writer) = (request.served.clone(), request.writer());
        let name = request.info.name.clone().into_owned();
        let mut wish = |current: &Current<'_>, warnings: &mut Vec<String>| {
            let live = scale_of(&served, &**current.object)?;
            let (wanted, managed) = match &patch {
                ScalePatch::Applied(document) => {
                    let applied = applied(&served, &writer, current, &live, document, options)?;
                    document.check(options.validation, warnings)?;
                    applied
                }
                ScalePatch::Patch(patch) => {
                    let wanted = patched(patch, &live, options.validation, warnings)?;
                    let managed = updated_managers(&served, &writer, current, &live, &wanted)?;
                    (wanted, managed)
                }
            };
            check_name(&name, &wanted)?;
            wish(&served, current, &wanted, managed)
        };
        let change = Change {
            part: Part::Main,
            dry_run: options.dry_run,
            whole: false,
            attempts: PATCHES,
            wanted: &mut wish,
        };
        let output = self.change(request, change).await?;
        self.scale_output(output)
    }
}

impl ApiServer {
    /// The scale in place of the object that was written.
    fn scale_output(&self, output: Output) -> Result<Output> {
        match output {
            Output::Stored {
                served,
                entry,
                object,
                ..
            } => {
                let object = object.map_or_else(|| served.decode(&entry), Ok)?;
                self.scale_answer(&served, &*object)
            }
            Output::Object { served, object, .. } => self.scale_answer(&served, &*object),
            other => Ok(other),
        }
    }

    fn scale_answer(&self, served: &Served, object: &dyn Object) -> Result<Output> {
        Ok(Output::Object {
            served: self.directory.scale.clone(),
            object: Arc::new(scale_of(served, object)?),
            created: false,
        })
    }
}

/// A patch of a scale.
enum ScalePatch {
    Patch(Patch),
    Applied(Document),
}

fn patched(
    patch: &Patch,
    live: &Scale,
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Scale> {
    let mut document = serde_json::to_value(live).map_err(StatusError::internal)?;
    patch.apply(KIND, &mut document)?;
    let json = serde_json::to_vec(&document).map_err(StatusError::internal)?;
    let decoded = read::<Scale>(&json).map_err(|error| patch.refused(KIND, &document, &error.0))?;
    patch.check(decoded.findings(), validation, warnings, || Ok(document))?;
    Ok(decoded.value)
}

fn wish(served: &Served, current: &Current<'_>, wanted: &Scale, managed: Managed) -> Result<Wish> {
    Ok(Wish {
        object: scaled(served, &**current.object, wanted)?,
        managed: Some(managed),
    })
}

/// A write of the scale as such: its managers are those of the replicas.
fn write<'w>(writer: &'w Writer<'_>) -> Result<Write<'w>> {
    let (group, version, kind) = KIND;
    let ty = schema().kind(group, version, kind);
    let ty = ty.ok_or_else(|| StatusError::internal("a scale has no type"))?;
    Ok(writer.write(ty, Scope::AllBut(&[])))
}

/// The managers of an object whose scale was updated.
fn updated_managers(
    served: &Served,
    writer: &Writer<'_>,
    current: &Current<'_>,
    live: &Scale,
    wanted: &Scale,
) -> Result<Managed> {
    let writer = writer.of_version(API_VERSION);
    let write = write(&writer)?;
    let (live, wanted) = (json(live)?, json(wanted)?);
    let live = Tree::parse(&live).map_err(StatusError::internal)?;
    let wanted = Tree::parse(&wanted).map_err(StatusError::internal)?;
    let before = Managed::of(current.entry);
    let versions = [&*served.api_version];
    let owners = to_scale(&before.owners(), &versions);
    let owners = update(&write, Some(&live), &wanted, owners, &|_, _| None);
    let owners = from_scale(before.owners(), owners, &versions, &served.api_version);
    Ok(Managed::encoded(owners))
}

/// The scale that was applied, and the managers of the object then.
fn applied(
    served: &Served,
    writer: &Writer<'_>,
    current: &Current<'_>,
    live: &Scale,
    document: &Document,
    options: WriteOptions,
) -> Result<(Scale, Managed)> {
    let writer = writer.of_version(API_VERSION);
    let write = write(&writer)?;
    let live = json(live)?;
    let live = Tree::parse(&live).map_err(StatusError::internal)?;
    let document = document.tree()?;
    let before = Managed::of(current.entry);
    let versions = [&*served.api_version];
    let live = Live {
        object: Some(&live),
        owners: to_scale(&before.owners(), &versions),
        others: &|_, _| None,
    };
    let applied = run(&write, KIND, &document, &live, options.force)?;
    let wanted = serde_json::to_vec(&applied.object).map_err(StatusError::internal)?;
    let wanted = serde_json::from_slice(&wanted);
    let wanted = wanted.map_err(|error| StatusError::bad_request(error.to_string()))?;
    let owners = from_scale(
        before.owners(),
        applied.managers,
        &versions,
        &served.api_version,
    );
    Ok((wanted, Managed::encoded(owners)))
}

/// A scale as its writer owns it: Kubernetes leaves out replicas of 0, so that they are nobody's.
fn json(scale: &Scale) -> Result<Vec<u8>> {
    let mut scale = scale.clone();
    if let Some(spec) = &mut scale.spec {
        spec.replicas = spec.replicas.filter(|replicas| *replicas != 0);
    }
    serde_json::to_vec(&scale).map_err(StatusError::internal)
}

fn scale_of(served: &Served, object: &dyn Object) -> Result<Scale> {
    let scale = served.def.strategy.scale(object);
    let mut scale =
        scale.ok_or_else(|| StatusError::internal(format!("{:?} has no scale", served.def)))?;
    let (from, to) = (object.metadata(), &mut scale.metadata);
    to.name.clone_from(&from.name);
    to.namespace.clone_from(&from.namespace);
    to.uid.clone_from(&from.uid);
    to.resource_version.clone_from(&from.resource_version);
    to.creation_timestamp.clone_from(&from.creation_timestamp);
    Ok(scale)
}

/// The object with the replicas that a scale asks for.
fn scaled(served: &Served, old: &dyn Object, wanted: &Scale) -> Result<Box<dyn Object>> {
    let replicas = wanted
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(0);
    let name = old.metadata().name.as_deref().unwrap_or_default();
    if replicas < 0 {
        let path = Path::new("spec").child("replicas");
        let errors = vec![Error::invalid(
            &path,
            replicas,
            "must be greater than or equal to 0",
        )];
        return Err(StatusError::invalid("autoscaling", "Scale", name, &errors));
    }
    let mut object = old.clone_object();
    served.def.strategy.set_replicas(&mut *object, replicas);
    let meta = object.metadata_mut();
    meta.resource_version
        .clone_from(&wanted.metadata.resource_version);
    if wanted
        .metadata
        .uid
        .as_deref()
        .is_some_and(|uid| !uid.is_empty())
    {
        meta.uid.clone_from(&wanted.metadata.uid);
    }
    Ok(object)
}
