//! Scale: the replicas of whatever has replicas.

use std::sync::Arc;

use k8s_openapi::api::autoscaling::v1::Scale;
use navarch_api::strategy::Part;
use navarch_machinery::field::{Error, Path};
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::super::update::{Change, PATCHES};
use super::super::{Request, patch};
use crate::ApiServer;
use crate::limits::WRITE_ATTEMPTS;
use crate::reply::Output;
use crate::served::Served;

const KIND: (&str, &str, &str) = ("autoscaling", "v1", "Scale");

impl ApiServer {
    /// GET of `NAME/scale`.
    pub(crate) fn get_scale(&self, request: &Request<'_>) -> Result<Output> {
        let (_, object) = self.named(request)?;
        answer(request.served, &*object)
    }

    /// PUT of `NAME/scale`.
    pub(crate) async fn update_scale(&self, request: &mut Request<'_>) -> Result<Output> {
        let dry_run = request.params.is_dry_run("UpdateOptions")?;
        let wanted: Scale = super::body(&request.body, "autoscaling/v1", "Scale")?;
        let given = wanted.metadata.name.as_deref().unwrap_or_default();
        if given != request.info.name {
            let message = format!(
                "the name of the object ({given}) does not match the name on the URL ({})",
                request.info.name
            );
            return Err(StatusError::bad_request(message));
        }
        self.named(request)?;
        let served = request.served.clone();
        let mut wanted =
            |old: &Arc<dyn Object>, _: &mut Vec<String>| scaled(&served, &**old, &wanted);
        let change = Change {
            part: Part::Main,
            dry_run,
            whole: true,
            attempts: WRITE_ATTEMPTS,
            wanted: &mut wanted,
        };
        let output = self.change(request, change).await?;
        of_output(output)
    }

    /// PATCH of `NAME/scale`.
    pub(crate) async fn patch_scale(&self, request: &mut Request<'_>) -> Result<Output> {
        let dry_run = request.params.is_dry_run("PatchOptions")?;
        self.named(request)?;
        let patch = patch::read(std::mem::replace(
            &mut request.body,
            super::super::Input::None,
        ))?;
        let served = request.served.clone();
        let mut wanted = |old: &Arc<dyn Object>, _: &mut Vec<String>| {
            let mut document =
                serde_json::to_value(scale_of(&served, &**old)?).map_err(StatusError::internal)?;
            patch::apply(KIND, &patch, &mut document)?;
            let wanted = serde_json::from_value(document)
                .map_err(|error| StatusError::bad_request(error.to_string()))?;
            scaled(&served, &**old, &wanted)
        };
        let change = Change {
            part: Part::Main,
            dry_run,
            whole: false,
            attempts: PATCHES,
            wanted: &mut wanted,
        };
        let output = self.change(request, change).await?;
        of_output(output)
    }
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

fn of_output(output: Output) -> Result<Output> {
    match output {
        Output::Stored {
            served,
            entry,
            object,
            ..
        } => {
            let object = object.map_or_else(|| served.decode(&entry), Ok)?;
            answer(&served, &*object)
        }
        Output::Object { served, object, .. } => answer(&served, &*object),
        other => Ok(other),
    }
}

fn answer(served: &Served, object: &dyn Object) -> Result<Output> {
    let value = serde_json::to_value(scale_of(served, object)?).map_err(StatusError::internal)?;
    Ok(Output::Value { value, code: 200 })
}
